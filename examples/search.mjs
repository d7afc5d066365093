// A small convolutional network for digits, found by evolution: most candidates are trained for an epoch, few for nine. The
// best is printed as code. usage: node examples/search.mjs [FOLDER], where it goes on when it was interrupted.
import process from 'node:process';
import { data, loss, nn, optim, search, Trainer } from 'striate';

const { train, test } = await data.digits({ side: 8 });
const [part, validation] = data.randomSplit(train, [0.8, 0.2], { seed: 1 });

const space = {
  layers: search.repeat({ width: search.choice([8, 16, 24]), norm: search.choice([true, false]) }, 1, 3),
  pool: search.choice(['max', 'average']),
  hidden: search.int(16, 64, { log: true }),
  dropout: search.float(0, 0.5),
  optimizer: search.variant({
    adam: { lr: search.float(1e-4, 3e-2, { log: true }) },
    sgd: { lr: search.float(1e-3, 3e-1, { log: true }), momentum: search.float(0, 0.95) },
  }),
};

function build({ layers, pool, hidden, dropout, optimizer: { kind, ...options } }) {
  let channels = 1;
  const features = layers.flatMap(({ width, norm }) => {
    const conv = new nn.Conv2d(channels, width, 3, { padding: 1, bias: !norm });
    channels = width;
    return [conv, ...(norm ? [new nn.BatchNorm2d(width)] : []), new nn.ReLU()];
  });
  const model = new nn.Sequential(
    ...features,
    pool === 'max' ? new nn.MaxPool2d(2) : new nn.AvgPool2d(2),
    new nn.Flatten(),
    new nn.Linear(16 * channels, hidden),
    new nn.ReLU(),
    new nn.Dropout(dropout),
    new nn.Linear(hidden, 10),
  );
  const Kind = kind === 'adam' ? optim.Adam : optim.SGD;
  const optimizer = new Kind(model.parameters(), options);
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
}

let brackets = 0;
const { best, trainer } = await search.evolutionarySearch({
  ...{ space, build, train: part, validation, batchSize: 32, seed: 4, folder: process.argv[2] },
  ...{ trials: 36, population: 9, tournament: 4, epochs: { min: 1, max: 9, eta: 3 } },
  onProgress({ kind, rung, trial, best: soFar }) {
    if (kind !== 'end' || rung !== 3) return;
    const [own, most] = [trial, soFar].map(({ score }) => `${(100 * score).toFixed(1)}%`);
    console.log(
      `bracket ${++brackets}: candidate ${trial.number}, of ${trial.parent ?? 'nobody'}: ${own}, best ${most}`,
    );
  },
});
const { accuracy } = await trainer.evaluate(test);
console.log(`candidate ${best.number} reads ${(100 * accuracy).toFixed(1)}% of the test digits:\n`);
console.log(search.codeOf(trainer.model, trainer.optimizer).trimEnd());
