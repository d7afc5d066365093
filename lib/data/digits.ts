import { join } from 'node:path';
import { packageRoot } from '../native.js';
import { tensor } from '../ops/creation.js';
import { TensorDataset } from './dataset.js';
import { readIdx } from './idx.js';
import type { Split } from './mnist.js';

/** Values of a pixel in the files: counts of ink from 0 to 16 in a 4×4 block of a 32×32 bitmap. */
const inkLevels = 16;

/**
 * The 1,797 handwritten digits that come with striate: the UCI Optical Recognition of Handwritten Digits images (Alpaydin
 * and Kaynak, 1998) as scikit-learn ships them, 8×8 grey, enlarged by bilinear interpolation to `side`×`side`.
 *
 * @param side height and width. Default: 32, the size that LeNet-5 was made for
 * @returns u8 [N, side, side, 1]; every fifth digit is in the test part (359), the others in the training part (1,438)
 */
export async function digits({ side = 32 }: { side?: number } = {}): Promise<Split> {
  if (!Number.isInteger(side) || side < 8 || side > 1024) {
    throw new RangeError(`digits: side is ${side}, wants a whole number from 8 to 1024`);
  }
  const folder = join(packageRoot, 'assets', 'digits');
  const images = await readIdx(join(folder, 'images.idx3.gz'));
  const labels = await readIdx(join(folder, 'labels.idx1.gz'));
  const [n = 0, height = 0, width = 0] = images.shape;
  const part = (wanted: (i: number) => boolean): TensorDataset => {
    const chosen = Array.from({ length: n }, (_, i) => i).filter(wanted);
    const pixels = new Uint8Array(chosen.length * side * side);
    for (const [k, i] of chosen.entries()) {
      const image = images.data.subarray(i * height * width, (i + 1) * height * width);
      enlarge(image, height, width, pixels.subarray(k * side * side), side);
    }
    return new TensorDataset(
      tensor(pixels, [chosen.length, side, side, 1]),
      tensor(
        Int32Array.from(chosen, (i) => labels.data[i] ?? 0),
        [chosen.length],
      ),
    );
  };
  return { train: part((i) => i % 5 !== 4), test: part((i) => i % 5 === 4) };
}

/** Bilinear, with pixels as areas: the centre of a new pixel falls between the centres of up to four old ones. */
function enlarge(from: ArrayLike<number>, height: number, width: number, to: Uint8Array, side: number): void {
  const place = (i: number, extent: number) => {
    const centre = Math.min(Math.max(((i + 0.5) * extent) / side - 0.5, 0), extent - 1);
    const low = Math.min(Math.floor(centre), extent - 2);
    return { low, share: centre - low };
  };
  const at = (row: number, column: number) => from[row * width + column] ?? 0;
  for (let i = 0; i < side; i++) {
    const y = place(i, height);
    for (let j = 0; j < side; j++) {
      const x = place(j, width);
      const row = (k: number) => at(k, x.low) * (1 - x.share) + at(k, x.low + 1) * x.share;
      const ink = row(y.low) * (1 - y.share) + row(y.low + 1) * y.share;
      to[i * side + j] = Math.round((ink * 255) / inkLevels);
    }
  }
}
