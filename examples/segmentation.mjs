// What each pixel belongs to: a small U-Net learns to find circles and squares in noise, in images that are drawn here.
import { data, loss, metrics, models, optim, setSeed, tensor, Trainer } from 'striate';

const side = 32;
setSeed(1);

/** Numbers in [0, 1) that are the same in each run (the generator of Park and Miller, 1988). */
let state = 7;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;

/** n images of a circle and a square each, and for each pixel 0 for neither, 1 for circle, 2 for square. */
function drawn(n) {
  const images = new Float32Array(n * side * side);
  const labels = new Int32Array(n * side * side);
  for (let i = 0; i < n; i++) {
    const shapes = [1, 2].map((kind) => {
      const radius = 4 + 3 * random();
      const [row, column] = [0, 0].map(() => radius + (side - 1 - 2 * radius) * random());
      return { kind, radius, row, column };
    });
    for (let place = 0; place < side * side; place++) {
      const pixel = i * side * side + place;
      for (const { kind, radius, row, column } of shapes) {
        const [down, right] = [Math.floor(place / side) - row, (place % side) - column];
        const inside =
          kind === 1
            ? down ** 2 + right ** 2 <= radius ** 2
            : Math.max(Math.abs(down), Math.abs(right)) <= 0.9 * radius;
        if (inside) labels[pixel] = kind;
      }
      images[pixel] = (labels[pixel] > 0 ? 0.6 : -0.6) + 1.6 * (random() - 0.5);
    }
  }
  const shape = [n, side, side];
  return new data.TensorDataset(tensor(images, [...shape, 1]), tensor(labels, shape));
}

const [train, test] = [drawn(384), drawn(64)];
const model = models.unet({ classes: 3, depth: 3, width: 8, batchNorm: true });
const trainer = new Trainer(model, {
  optimizer: new optim.Adam(model.parameters(), { lr: 5e-3 }),
  loss: loss.crossEntropy,
  metrics: [metrics.pixelAccuracy(), metrics.meanIoU()],
});
await trainer.fit(train, { epochs: 20, batchSize: 16, progress: false });

const { metrics: measured } = await trainer.evaluate(test);
console.log(`pixels taken for what they are: ${(100 * measured.pixelAccuracy).toFixed(1)}%`);
console.log(`mean intersection over union:   ${(100 * measured.meanIoU).toFixed(1)}%`);

const [image, labels] = test.get(0);
const scores = await trainer.predict(image.reshape([1, side, side, 1]));
const found = await scores
  .reshape([side * side, 3])
  .argMax()
  .data();
const wanted = await labels.data();
const row = (mask, i) => [...mask.slice(i * side, (i + 1) * side)].map((k) => '·o#'[k]).join('');
console.log(`\n${'found'.padEnd(side)}  drawn`);
for (let i = 0; i < side; i += 2) console.log(`${row(found, i)}  ${row(wanted, i)}`);
