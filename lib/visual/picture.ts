import { requireLive, type Tensor } from '../tensor.js';
import type { Picture } from './png.js';

export interface GridOptions {
  /** Pictures side by side. Default: about as many as below each other. */
  columns?: number;
  /** Pixels between two pictures. Default: 1. */
  gap?: number;
  /**
   * What is black and white: the least and the largest value of 'each' picture, those of 'all', or two numbers. Default:
   * 'each'.
   */
  range?: 'each' | 'all' | readonly [black: number, white: number];
}

/**
 * Images [N, H, W, C] of any values as one picture, N side by side: in colour with 3 channels, otherwise each channel in
 * grey by itself. What is not finite is black, and what is the same all over.
 *
 * @throws RangeError for a tensor of another rank or without elements, and options out of range
 */
export async function grid(images: Tensor, options: GridOptions = {}): Promise<Picture> {
  const { shape } = requireLive('grid', 'images', images);
  const [n = 0, height = 0, width = 0, depth = 0] = shape;
  if (shape.length !== 4 || images.size === 0) {
    throw new RangeError(`grid: images are [${shape.join(', ')}], wants [N, H, W, C] with elements`);
  }
  const channels = depth === 3 ? 3 : 1;
  const count = (n * depth) / channels;
  const { columns = Math.ceil(Math.sqrt(count)), gap = 1, range = 'each' } = options;
  for (const [name, value, least] of [['columns', columns, 1], ['gap', gap, 0]] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new RangeError(`grid: ${name} is ${value}, wants a whole number from ${least} on`);
  } // prettier-ignore
  const values = await images.data();
  const across = Math.min(columns, count);
  const down = Math.ceil(count / across);
  const [wide, high] = [across * (width + gap) - gap, down * (height + gap) - gap];
  const picture: Picture = {
    width: wide,
    height: high,
    channels,
    data: new Uint8Array(wide * high * channels),
  };
  /** The place in `values` of a channel of a pixel of the k-th picture. */
  const at = (k: number, pixel: number, channel: number): number =>
    channels === 3
      ? (k * height * width + pixel) * 3 + channel
      : (Math.floor(k / depth) * height * width + pixel) * depth + (k % depth);
  const all = range === 'all' ? extremes(values) : range;
  for (let k = 0; k < count; k++) {
    const own = Float32Array.from(
      { length: height * width * channels },
      (_, i) => values[at(k, Math.floor(i / channels), i % channels)]!,
    );
    const [black, white] = all === 'each' ? extremes(own) : all;
    const [top, left] = [Math.floor(k / across) * (height + gap), (k % across) * (width + gap)];
    own.forEach((value, i) => {
      const pixel = Math.floor(i / channels);
      const [y, x] = [top + Math.floor(pixel / width), left + (pixel % width)];
      picture.data[(y * wide + x) * channels + (i % channels)] = shade(value, black, white);
    });
  }
  return picture;
}

function extremes(values: Float32Array): readonly [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** From 0 to 255; 0 where all is the same. */
function shade(value: number, black: number, white: number): number {
  if (!Number.isFinite(value) || !(white > black)) return 0;
  return Math.round(255 * Math.min(1, Math.max(0, (value - black) / (white - black))));
}
