import type { Shape } from '../tensor.js';
import type { Picture } from '../visual/png.js';

/** Pixels of a thumbnail's longer side, at the most. */
const longestSide = 64;

/** Whether samples of this shape are shown as pictures: [H, W, C]. */
export function isImage(shape: Shape): boolean {
  return shape.length === 3 && shape.every((extent) => extent > 0);
}

/**
 * A small picture of an image [H, W, C]: the first three channels in colour where there are as many, otherwise the first in
 * grey; means of blocks where it is larger than 64 pixels. Values from 0 to 1 are shown as such, others from the least to
 * the largest; what is not finite is black.
 */
export function thumbnail(values: Float32Array, shape: Shape): Picture {
  const [height, width, depth] = shape as [number, number, number];
  const channels = depth >= 3 ? 3 : 1;
  const step = Math.ceil(Math.max(height, width) / longestSide);
  const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)];
  const means = new Float32Array(rows * columns * channels);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let c = 0; c < channels; c++) {
        let [sum, n] = [0, 0];
        for (let i = y * step; i < Math.min(height, (y + 1) * step); i++) {
          for (let j = x * step; j < Math.min(width, (x + 1) * step); j++, n++) {
            sum += values[(i * width + j) * depth + c]!;
          }
        }
        means[(y * columns + x) * channels + c] = sum / n;
      }
    }
  }
  let [black, white] = [Infinity, -Infinity];
  for (const value of means) {
    if (!Number.isFinite(value)) continue;
    black = Math.min(black, value);
    white = Math.max(white, value);
  }
  if (black >= 0 && white <= 1) [black, white] = [0, 1];
  const shade = (value: number) =>
    white > black && Number.isFinite(value) ? Math.round((255 * (value - black)) / (white - black)) : 0;
  return { width: columns, height: rows, channels, data: Uint8Array.from(means, shade) };
}
