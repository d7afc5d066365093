// Digits through a code of few numbers: what a tied autoencoder gives back of digits that it has not seen, beside what the
// same number of principal components do; and what one gives back of digits that are half gone, trained for that.
// MNIST from a folder of its files, else the digits that come with striate. usage: node examples/autoencoder.mjs [FOLDER]
import process from 'node:process';
import { data, loss, models, nn, noGrad, ops, optim, scope, setSeed, Trainer } from 'striate';

const [, , folder] = process.argv;
const { train, test } = folder ? await data.mnist(folder) : await data.digits({ side: 8 });
const [side, code, hidden] = folder ? [28, 32, 256] : [8, 8, 128];
const pixels = side * side;

const [x] = test.batch(Int32Array.from({ length: test.length }, (_, i) => i));
const error = (reconstruct) => noGrad(() => scope(() => loss.mse(reconstruct(x), x))).item();
const report = async (name, reconstruct) =>
  console.log(`${name.padEnd(34)} ${(await error(reconstruct)).toFixed(5)}`);

async function trained(name, options, epochs) {
  setSeed(1);
  const model = models.autoencoder([pixels, hidden, code], { tied: true, ...options });
  const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 });
  const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: epochs });
  const trainer = new Trainer(model, { optimizer, schedule, loss: loss.mse });
  await trainer.fit(data.reconstruction(train), { epochs, batchSize: 64, progress: false });
  return model.eval();
}

console.log(`${test.length} new digits of ${pixels} pixels through ${code} numbers, mean squared error`);
const pca = await data.preprocessing.PCA.fit(train, { components: code });
const byComponents = (images) =>
  ops.matmul(pca.forward(images), pca.components, { transposeB: true }).add(pca.mean).reshape(images.shape);
await report('principal components', byComponents);

const model = await trained('tied', {}, folder ? 12 : 40);
await report('tied autoencoder', (images) => model.forward(images));

const masked = scope(() => {
  setSeed(7);
  return ops.maskingNoise(x, 0.5);
});
const denoising = await trained('denoising', { corruption: new nn.MaskingNoise(0.5) }, folder ? 12 : 40);
await report('half of the pixels gone:           ', () => masked);
await report('  tied autoencoder', () => model.forward(masked));
await report('  the same trained to denoise', () => denoising.forward(masked));

/** Rows of text of an image: a large one's pixels by two, one above the other; a small one's by two characters each. */
async function drawn(images, i) {
  const image = ops.slice(images, [i], [i + 1]);
  const seen = side > 16 ? ops.avgPool2d(image, [2, 1]) : image;
  const values = await seen.data();
  return Array.from({ length: seen.shape[1] }, (_, row) =>
    Array.from(values.subarray(row * side, (row + 1) * side), (v) =>
      ' ░▒▓█'[Math.max(0, Math.min(4, Math.floor(v * 5)))].repeat(side > 16 ? 1 : 2),
    ).join(''),
  );
}

async function draw(pictures, numbers) {
  const width = side > 16 ? side : 2 * side;
  console.log(`\n${Object.keys(pictures).map((name) => name.padEnd(width + 2)).join('')}`); // prettier-ignore
  for (const i of numbers) {
    const columns = await Promise.all(Object.values(pictures).map((images) => drawn(images, i)));
    for (let row = 0; row < columns[0].length; row++)
      console.log(columns.map((rows) => rows[row]).join('  '));
  }
}

const given = (reconstruct) => noGrad(() => scope(reconstruct));
await draw({ digit: x, components: given(() => byComponents(x)), autoencoder: model.forward(x) }, [0, 1, 2]);
await draw(
  {
    'half gone': masked,
    autoencoder: model.forward(masked),
    denoised: denoising.forward(masked),
  },
  [0, 1],
);
