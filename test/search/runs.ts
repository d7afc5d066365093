// What the tests of searches share: a small problem, and searches whose scores are made up.
import { data, loss, nn, ops, optim, search, tensor, Trainer } from '../../lib/index.js';
import { noisy } from '../check.js';

/** Two classes on either side of a line. */
export function points(n: number, seed: number): data.TensorDataset {
  const x = noisy([n, 2], seed);
  const values = x.dataSync();
  const labels = Int32Array.from({ length: n }, (_, i) => (values[2 * i]! + values[2 * i + 1]! > 0 ? 1 : 0));
  return new data.TensorDataset(x, tensor(labels));
}

export const space = {
  widths: search.repeat(search.choice([2, 4, 8]), 0, 2),
  lr: search.float(1e-3, 1, { log: true }),
  dropout: search.choice([0, 0.3]),
};

export function build({ widths, lr, dropout }: search.SampleOf<typeof space>): Trainer {
  const layers = widths.flatMap((width, i) => [
    new nn.Linear(i === 0 ? 2 : widths[i - 1]!, width),
    new nn.ReLU(),
    ...(dropout > 0 ? [new nn.Dropout(dropout)] : []),
  ]);
  const model = new nn.Sequential(...layers, new nn.Linear(widths.at(-1) ?? 2, 2));
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
}

export const common = () => ({
  space,
  build,
  train: points(40, 1),
  validation: points(30, 2),
  batchSize: 10,
  seed: 5,
});

/** A search whose scores, losses, are made up: a function of the trial and of its epochs. */
export function made(score: (trial: number, epochs: number) => number, events: string[] = []) {
  const epochsOf = new Map<number, number>();
  return {
    space: { a: search.int(0, 1e6), b: search.choice(['x', 'y', 'z']) },
    build: (_: unknown, { trial }: { trial: number }) => {
      const model = new nn.Sequential(new nn.Linear(1, 1));
      return new Trainer(model, {
        optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
        loss: (y) => ops.add(ops.mul(y.sum(), 0), score(trial, epochsOf.get(trial)!)),
      });
    },
    ...{ train: points1(), validation: points1(), monitor: 'loss', seed: 3 },
    onProgress: ({ kind, trial, epochs, rung }: search.SearchProgress) => {
      if (kind === 'begin') epochsOf.set(trial.number, epochs);
      else events.push(`${trial.number}:${rung}:${epochs}`);
    },
  } as const;
}

function points1(): data.TensorDataset {
  return new data.TensorDataset(noisy([2, 1]), noisy([2, 1]));
}

export async function weightsOf(trainer: Trainer): Promise<number[][]> {
  return Promise.all(trainer.model.parameters().map(async (p) => [...(await p.data())]));
}
