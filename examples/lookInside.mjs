// A trained network's first filters, what they find in a digit, and which pixels matter to the answer, as pictures.
// usage: node examples/lookInside.mjs [FOLDER]
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { data, loss, nn, ops, optim, setSeed, Trainer, visual } from 'striate';

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'striate-'));
setSeed(1);
const { train, test } = await data.digits({ side: 32 });
const model = new nn.Sequential({
  conv1: new nn.Conv2d(1, 12, 7, { padding: 3 }),
  relu1: new nn.ReLU(),
  pool1: new nn.MaxPool2d(2),
  conv2: new nn.Conv2d(12, 24, 3, { padding: 1 }),
  relu2: new nn.ReLU(),
  pool2: new nn.AdaptiveAvgPool2d(4),
  flatten: new nn.Flatten(),
  fc: new nn.Linear(24 * 16, 10),
});
const trainer = new Trainer(model, {
  optimizer: new optim.Adam(model.parameters(), { lr: 3e-3 }),
  loss: loss.crossEntropy,
  metrics: ['accuracy'],
});
await trainer.fit(train, { epochs: 6, batchSize: 64, progress: false });
const { accuracy } = await trainer.evaluate(test);
console.log(`trained: ${(100 * accuracy).toFixed(1)}% of the test digits`);

const [digits, labels] = test.batch(Int32Array.of(0, 1, 2, 3, 4, 5));
const [first] = test.batch(Int32Array.of(0));
const enlarged = (x) => ops.interpolate(x, { size: 32, mode: 'bilinear' });
const pictures = {
  'filters.png': await visual.filters(model.at(0).weight, { columns: 6 }),
  'featureMaps.png': await visual.grid(visual.featureMaps(model, first, 'relu1'), { columns: 6 }),
  'digits.png': await visual.grid(digits, { columns: 6 }),
  'saliency.png': await visual.grid(visual.saliency(model, digits, { labels }), { columns: 6 }),
  'gradCam.png': await visual.grid(enlarged(visual.gradCam(model, digits, 'relu2', { labels })), {
    columns: 6,
  }),
};
for (const [name, picture] of Object.entries(pictures)) {
  await visual.savePng(picture, join(folder, name), { scale: 4 });
  console.log(join(folder, name));
}
