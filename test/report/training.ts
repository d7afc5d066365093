// A training with events of one's own making, and one of real events, for the tests of dashboard and report.
import { data, loss, nn, optim, setSeed, tensor, Trainer, type Callback } from '../../lib/index.js';
import { noise } from '../check.js';

/** Names that would run a script, break out of an attribute, or turn the text around them. */
export const hostile = [
  '<script>window.broken = 1</script>',
  '"><img src=x onerror="window.broken = 2">',
  "'; window.broken = 3; '",
  '</script><script>window.broken = 4</script>',
  'abc\u202Etxt.exe',
  'a name that goes on '.repeat(200),
];

/** Images of a stripe across or down, or of nothing but noise, in three classes. */
export function stripes(n: number, seed: number, classes?: readonly string[], side = 12): data.TensorDataset {
  const images = noise(n * side * side * 3, seed).map((value) => 0.35 + 0.15 * value);
  const labels = Int32Array.from({ length: n }, (_, i) => i % 3);
  for (let i = 0; i < n; i++) {
    const line = (i * 7 + seed) % side;
    for (let k = 0; k < side && labels[i]! < 2; k++) {
      const [y, x] = labels[i] === 0 ? [line, k] : [k, line];
      images[((i * side + y) * side + x) * 3 + (i % 3)]! += 0.45;
    }
  }
  return new data.TensorDataset(
    tensor(images, [n, side, side, 3]),
    tensor(labels),
    classes ? { classes } : {},
  );
}

export function classifier(seed = 3): Trainer {
  setSeed(seed);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 8, 5, { padding: 'same' }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 12, 3),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(192, 3),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
}

export interface Trained {
  epochs?: number;
  samples?: number;
  classes?: readonly string[];
  validation?: boolean;
  signal?: AbortSignal;
  resume?: string;
  /** What is warned of. */
  warnings?: string[];
}

/** Trains with these callbacks for some seconds at the most. */
export async function train(
  callbacks: readonly Callback[],
  { epochs = 2, samples = 96, classes, validation = true, signal, resume, warnings }: Trained = {},
): Promise<Trainer> {
  const trainer = classifier();
  await trainer.fit(stripes(samples, 1, classes), {
    epochs,
    batchSize: 16,
    seed: 5,
    progress: warnings ? { onWarning: (text) => void warnings.push(text) } : false,
    callbacks,
    resume,
    ...(validation ? { validation: stripes(66, 2, classes) } : {}),
    ...(signal ? { signal } : {}),
  });
  return trainer;
}
