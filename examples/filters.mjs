// What a convolution sees before anything is learnt: fixed kernels over a handwritten digit, as pictures.
// usage: node examples/filters.mjs [FOLDER]
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { data, ops, visual } from 'striate';

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'striate-'));
const { test } = await data.digits({ side: 64 });
const [image] = test.batch(Int32Array.of(3));

const kernels = {
  mean: ops.meanKernel(5),
  gaussian: ops.gaussianKernel(7, 2),
  'sobel-x': ops.sobelKernel('x'),
  'sobel-y': ops.sobelKernel('y'),
  laplacian: ops.laplacianKernel(),
  sharpen: ops.sharpenKernel(),
};
const pictures = [image, ...Object.values(kernels).map((kernel) => ops.filter2d(image, kernel))];
const file = join(folder, 'filters.png');
await visual.savePng(await visual.grid(ops.concat(pictures), { columns: 7, gap: 2 }), file, { scale: 2 });
console.log(`${['the digit', ...Object.keys(kernels)].join(', ')}: ${file}`);

const energy = async (x) => Math.sqrt(await ops.mean(ops.square(x)).item());
for (const [name, kernel] of Object.entries(kernels)) {
  console.log(name.padEnd(10), (await energy(ops.filter2d(image, kernel))).toFixed(3));
}
