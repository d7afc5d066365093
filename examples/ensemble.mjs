// Five networks read digits better than one: trained one by one, or as snapshots of one training, whose learning rate falls
// and jumps up again five times.
import { data, Ensemble, loss, models, optim, setSeed, SnapshotEnsemble, Trainer } from 'striate';

const { train, test } = await data.digits({ side: 16 });
const few = new data.Subset(
  train,
  Array.from({ length: 250 }, (_, i) => i),
);
const batchSize = 25;
const batches = Math.ceil(few.length / batchSize);
const build = () => models.smallVgg({ channels: 1, widths: [8, 16] });

/** Trains a network; the rate falls along half a cosine in each cycle of so many epochs. */
async function fit(model, { seed, epochs, cycle = epochs, callbacks = [] }) {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: cycle * batches });
  const schedule = { scheduler, interval: 'step' };
  const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, schedule });
  return trainer.fit(few, { epochs, batchSize, seed, callbacks, progress: false });
}

async function measured(model) {
  const optimizer = new optim.SGD(model.parameters());
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] }).evaluate(test);
}

function show(name, results) {
  const mean = (key) => results.reduce((sum, result) => sum + result[key], 0) / results.length;
  console.log(
    `  ${name.padEnd(24)} ${(100 * mean('accuracy')).toFixed(1)}% of new digits, loss ${mean('loss').toFixed(3)}`,
  );
}

async function compare(members) {
  const alone = [];
  for (const member of members) alone.push(await measured(member));
  show('one, on average', alone);
  show('mean of probabilities', [await measured(new Ensemble(members))]);
  show('mean of logits', [await measured(new Ensemble(members, { average: 'logits' }))]);
}

const members = [];
for (const seed of [1, 2, 3, 4, 5]) {
  setSeed(seed);
  const model = build();
  await fit(model, { seed, epochs: 20 });
  members.push(model);
}
console.log('five networks');
await compare(members);

setSeed(1);
const [cycle, cycles] = [12, 5];
const model = build();
const snapshots = new SnapshotEnsemble({ everyEpochs: cycle });
const { epochs } = await fit(model, { seed: 1, epochs: cycles * cycle, cycle, callbacks: [snapshots] });
const bars = '▁▂▃▄▅▆▇█';
console.log(
  `\nfive snapshots: ${epochs.map(({ learningRate }) => bars[Math.round(70 * learningRate)]).join('')}`,
);
await compare([...snapshots.ensemble(build).members]);
