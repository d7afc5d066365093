// Two hundred digits, of which every fourth has a wrong label, and a network that could learn them by heart: what helps
// it with digits that it has not seen.
import { data, EarlyStopping, loss, nn, ops, optim, setSeed, tensor, Trainer } from 'striate';

const { train: all, test } = await data.digits({ side: 8 });
const [x, truth] = all.batch(Int32Array.from({ length: 200 }, (_, i) => i));
const labels = (await truth.data()).map((label, i) => (i % 4 === 0 ? (label + 1 + (i % 9)) % 10 : label));
const train = new data.TensorDataset(x, tensor(labels));

const network = (drop, noise) =>
  new nn.Sequential(
    new nn.Flatten(),
    ...(noise > 0 ? [new nn.GaussianNoise(noise)] : []),
    new nn.Linear(64, 256),
    new nn.ReLU(),
    new nn.Dropout(drop),
    new nn.Linear(256, 256),
    new nn.ReLU(),
    new nn.Dropout(drop),
    new nn.Linear(256, 10),
  );

const runs = {
  nothing: {},
  'weight decay': { weightDecay: 1 },
  'L1 penalty': { l1: 2e-3 },
  dropout: { drop: 0.5 },
  'noise on the input': { noise: 0.2 },
  'max-norm': { maxNorm: 0.7 },
  'label smoothing': { smoothing: 0.1 },
  'early stopping': { callbacks: [new EarlyStopping({ patience: 5, restoreBestWeights: true })] },
};
for (const [
  name,
  { drop = 0, noise = 0, l1 = 0, smoothing = 0, callbacks = [], ...options },
] of Object.entries(runs)) {
  setSeed(3);
  const model = network(drop, noise);
  const weights = model.parameters().filter(({ rank }) => rank > 1);
  const trainer = new Trainer(model, {
    optimizer: new optim.AdamW(model.parameters(), { lr: 2e-3, weightDecay: 0, ...options }),
    loss: (output, wanted) => {
      const fit = loss.crossEntropy(output, wanted, { labelSmoothing: smoothing });
      return l1 > 0 ? ops.add(fit, loss.l1Penalty(weights, l1)) : fit;
    },
    metrics: ['accuracy'],
  });
  const { epochs } = await trainer.fit(train, {
    epochs: 60,
    batchSize: 20,
    validation: test,
    callbacks,
    progress: false,
  });
  const { accuracy } = await trainer.evaluate(test);
  const learnt = await trainer.evaluate(train);
  console.log(
    `${name.padEnd(18)} ${(100 * accuracy).toFixed(1)}% of new digits, ${(100 * learnt.accuracy).toFixed(0)}% of the labels learnt, ${epochs.length} epochs`,
  );
}
