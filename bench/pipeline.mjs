// What the input pipeline gives: CIFAR-sized images a second through crop, mirror and standardization, from bytes to
// batches that a DataLoader hands out; and its share in a training step. The promise: at least 20,000 a second.
// usage: node bench/pipeline.mjs [seconds]
import { data, loss, models, optim, scope, synchronize, tensor, zeros } from '../dist/index.js';

const { transforms } = data;
const seconds = Number(process.argv[2] ?? 3);
const [images, side, batchSize] = [10_240, 32, 128];
const x = tensor(
  Uint8Array.from({ length: images * side * side * 3 }, (_, i) => (i * 2654435761) >>> 24),
  [images, side, side, 3],
);
const source = new data.TensorDataset(x, tensor(Int32Array.from({ length: images }, (_, i) => i % 10)));
const scale = [
  [0.4914, 0.4822, 0.4465],
  [0.247, 0.2435, 0.2616],
];
const chain = [
  new transforms.RandomCrop(side, { padding: 4 }),
  new transforms.RandomHorizontalFlip(),
  new transforms.Normalize(...scale),
];
/** The same, one pass for each. */
const apart = chain.map((step) => ({ apply: (batch, draws) => step.apply(batch, draws) }));

/** Seconds for an image, the least of some epochs. */
async function pipeline(steps) {
  const loader = new data.DataLoader(new data.TransformedDataset(source, steps), {
    batchSize,
    shuffle: true,
    seed: 1,
  });
  let best = Infinity;
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    for await (const [batch] of loader) if (batch.shape[0] === 0) throw new Error('an empty batch');
    await synchronize();
    best = Math.min(best, (performance.now() - start) / 1000 / images);
  } while (performance.now() < end);
  return best;
}

/** Seconds for an image of a training step on a batch that is there already, the least of some. */
async function training(model) {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const [input, labels] = [zeros([batchSize, side, side, 3]), tensor(new Int32Array(batchSize))];
  let best = Infinity;
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    optimizer.zeroGrad();
    scope(() => loss.crossEntropy(model.forward(input), labels).backward());
    optimizer.step();
    await synchronize();
    best = Math.min(best, (performance.now() - start) / 1000 / batchSize);
  } while (performance.now() < end);
  return best;
}

const rate = (time) => Math.round(1 / time).toLocaleString('en');
const one = await pipeline(chain);
console.log(`crop, mirror, standardize in one pass from bytes ${rate(one).padStart(12)} images/s`);
console.log(
  `the same in three passes                         ${rate(await pipeline(apart)).padStart(12)} images/s`,
);
for (const [name, step] of Object.entries({
  'affine, nearest': new transforms.RandomAffine(15, { translate: [0.1, 0.1], scale: [0.9, 1.1] }),
  'affine, bilinear': new transforms.RandomAffine(15, { interpolation: 'bilinear' }),
  'resized crop': new transforms.RandomResizedCrop(side),
  blur: new transforms.GaussianBlur(3),
  noise: new transforms.GaussianNoise(),
  'colour jitter': new transforms.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  erasing: new transforms.RandomErasing(),
  mixup: new transforms.MixUp({ numClasses: 10 }),
})) {
  console.log(`${name.padEnd(48)} ${rate(await pipeline([step])).padStart(12)} images/s`);
}
for (const [name, model] of [
  ['LeNet-5', models.lenet5({ channels: 3, side: 32 })],
  ['ResNet-18', models.resnet18({ classes: 10, smallImages: true })],
]) {
  const step = await training(model);
  const share = ((one / (one + step)) * 100).toFixed(2);
  console.log(
    `${name.padEnd(10)} trains ${rate(step).padStart(8)} images/s; of a step with its pipeline that is ${share}%`,
  );
}
if (1 / one < 20_000) {
  console.error('fewer than 20,000 images a second');
  process.exitCode = 1;
}
