// Searches in a folder, or goes on with the search there, and prints what came out; see resume.test.ts, which kills it.
import { createHash } from 'node:crypto';
import process from 'node:process';
import { data, loss, nn, optim, search, setThreads, tensor, Trainer } from '../../../dist/index.js';

const [folder] = process.argv.slice(2);
setThreads(1);

/** Rows of light or dark stripes. */
function stripes(n, seed) {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
  const pixels = Float32Array.from({ length: n * 64 }, (_, i) =>
    Math.floor(i / (labels[Math.floor(i / 64)] ? 1 : 8)) % 2 ? next() : 0.4 * next(),
  );
  return new data.TensorDataset(tensor(pixels, [n, 8, 8, 1]), tensor(labels));
}

const { best, trials, trainer } = await search.evolutionarySearch({
  space: {
    channels: search.choice([2, 3, 4]),
    dropout: search.float(0, 0.5),
    optimizer: search.variant({ adam: { lr: search.float(1e-4, 1e-1, { log: true }) }, sgd: {} }),
  },
  build({ channels, dropout, optimizer }, { epochs }) {
    const model = new nn.Sequential(
      new nn.Conv2d(1, channels, 3),
      new nn.BatchNorm2d(channels),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Dropout(dropout),
      new nn.Linear(36 * channels, 2),
    );
    const made =
      optimizer.kind === 'adam'
        ? new optim.Adam(model.parameters(), { lr: optimizer.lr })
        : new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
    const schedule = new optim.CosineAnnealingLR(made, { tMax: epochs });
    return new Trainer(model, { optimizer: made, loss: loss.crossEntropy, metrics: ['accuracy'], schedule });
  },
  train: stripes(150, 1),
  validation: stripes(50, 2),
  ...{
    trials: 12,
    population: 4,
    tournament: 2,
    epochs: { min: 1, max: 4, eta: 2 },
    monitor: 'loss',
    seed: 9,
  },
  folder,
  onProgress: ({ kind, trial }) => process.stdout.write(`${kind} ${trial.number}\n`),
});
const hash = createHash('sha256');
for (const [name, t] of trainer.model.stateDict()) hash.update(name).update(await t.data());
process.stdout.write(`${JSON.stringify({ best, trials, weights: hash.digest('hex') })}\n`);
