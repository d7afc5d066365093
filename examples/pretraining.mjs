// A deep network of sigmoids, few labels, many digits without: how it learns from random weights, and from weights that
// were pretrained layer by layer, by denoising autoencoders and by restricted Boltzmann machines.
// MNIST from a folder of its files, else the digits that come with striate. usage: node examples/pretraining.mjs [FOLDER]
import process from 'node:process';
import { data, init, loss, models, nn, optim, pretrain, setSeed, Trainer, zeros } from 'striate';

const [, , folder] = process.argv;
const { train, test } = folder ? await data.mnist(folder) : await data.digits({ side: 8 });
const widths = folder ? [784, 256, 256, 256] : [64, 64, 64, 64];
const labels = folder ? 500 : 200;
const labelled = new data.Subset(
  train,
  Array.from({ length: labels }, (_, i) => i),
);
const epochs = 30;

/** One character for each epoch, from 0% to 100%. */
const curve = (accuracies) => accuracies.map((a) => '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor(a * 8))]).join('');

async function fineTuned(name, model) {
  const trainer = new Trainer(model, {
    optimizer: new optim.Adam(model.parameters(), { lr: 3e-3 }),
    loss: loss.crossEntropy,
    metrics: ['accuracy'],
  });
  const { epochs: records } = await trainer.fit(labelled, {
    ...{ epochs, batchSize: 20, seed: 1, validation: test, progress: false },
  });
  const accuracies = records.map(({ validation }) => validation.metrics.accuracy);
  const shown = [1, 5, epochs].map((epoch) => `${(100 * accuracies[epoch - 1]).toFixed(1)}%`.padStart(6));
  console.log(`${name.padEnd(25)} ${curve(accuracies)} ${shown.join(' ')}`);
}

console.log(
  `${labels} labelled digits, ${train.length} in all, layers of ${widths.slice(1).join(', ')} sigmoids: ` +
    `accuracy on ${test.length} new ones`,
);
console.log(
  `after epoch${''.padEnd(15)} 1 to ${String(epochs).padEnd(epochs - 5)}      1      5     ${epochs}`,
);

const random = () =>
  new nn.Sequential(
    new nn.Flatten(),
    ...widths.slice(1).flatMap((width, i) => [new nn.Linear(widths[i], width), new nn.Sigmoid()]),
    new nn.Linear(widths.at(-1), 10),
  );
setSeed(1);
await fineTuned('random weights', random());

// What was found later: with weights that are large enough for sigmoids a good part of the trouble is gone.
setSeed(1);
const scaled = random().apply((layer) => {
  if (!(layer instanceof nn.Linear)) return;
  init.xavierUniform(layer.weight, { gain: 4 });
  layer.bias.assign(zeros(layer.bias.shape));
});
await fineTuned("Xavier's, four times", scaled);

setSeed(1);
const stack = new models.StackedAutoencoder(widths, { corruption: () => new nn.MaskingNoise(0.25) });
await pretrain.greedy(stack, train, {
  ...{ epochs: folder ? 5 : 50, batchSize: 32, seed: 1, progress: false },
  loss: () => loss.binaryCrossEntropy,
});
await fineTuned('denoising autoencoders', stack.classifier(10));

setSeed(1);
const dbn = new models.DBN(widths);
const machines = await pretrain.greedy(dbn, train, {
  ...{ epochs: folder ? 5 : 20, batchSize: 32, seed: 1, progress: false },
});
await fineTuned('deep belief network', dbn.classifier(10));

console.log('\nreconstruction errors of its machines, epoch by epoch');
for (const [i, { epochs: records }] of machines.entries()) {
  const errors = records.map(({ loss: error }) => error.toFixed(4));
  console.log(`${widths[i]} to ${widths[i + 1]}: ${errors.slice(0, 4).join(' ')} … ${errors.at(-1)}`);
}
