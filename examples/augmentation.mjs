// A hundred handwritten digits to learn from: with each shifted, turned and stretched a little whenever it is seen, a
// network reads more of those that it has not seen. Pictures of what it sees as a PNG. usage: node examples/augmentation.mjs
// [FOLDER]
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { data, loss, models, ops, optim, setSeed, Trainer, visual } from 'striate';

const { RandomAffine, RandomErasing } = data.transforms;
const { train: all, test: unseen } = await data.digits();
const train = new data.Subset(
  all,
  Array.from({ length: 100 }, (_, i) => i),
);
const standardize = await data.preprocessing.Standardize.fit(train);
const moves = new RandomAffine(10, { translate: [0.08, 0.08], scale: [0.85, 1.15], shear: 10 });

for (const [name, transforms] of Object.entries({
  'as they are': [],
  moved: [moves],
  'moved and partly hidden': [moves, new RandomErasing({ p: 0.5, scale: [0.02, 0.1] })],
})) {
  setSeed(1);
  const model = models.lenet5({ side: 32 });
  const trainer = new Trainer(model, {
    optimizer: new optim.Adam(model.parameters(), { lr: 2e-3 }),
    loss: loss.crossEntropy,
    metrics: ['accuracy'],
  });
  await trainer.fit(new data.TransformedDataset(train, [...transforms, standardize]), {
    epochs: 120,
    batchSize: 20,
    seed: 1,
    progress: false,
  });
  const { accuracy } = await trainer.evaluate(new data.TransformedDataset(unseen, [standardize]));
  console.log(`${name.padEnd(24)} ${(100 * accuracy).toFixed(1)}% of new digits`);
}

// Some samples in eight epochs: the draws depend on the seed, the epoch and the sample's number alone.
const moved = new data.TransformedDataset(train, [moves]);
const seen = [];
for (let epoch = 1; epoch <= 8; epoch++) {
  const [x] = await moved.batch(Int32Array.of(3, 5, 8), { seed: 1, epoch });
  seen.push(x);
}
const file = join(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'striate-')), 'augmentation.png');
await visual.savePng(await visual.grid(ops.concat(seen), { columns: 6, gap: 2 }), file, { scale: 2 });
console.log(`what it sees: ${file}`);
