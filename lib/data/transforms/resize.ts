import { describe } from '../../describe.js';
import type { Pair } from '../../ops/pair.js';
import { requireInterpolation, resizedCrop, type ImageInterpolation } from '../../ops/warp.js';
import type { Tensor } from '../../tensor.js';
import { windowSize } from './crop.js';
import { forSamples, type SampleRandom } from './random.js';
import { imagesOf, InputTransform, integers, requireRange, type Draws } from './transform.js';

export interface ResizeOptions {
  /** Default: 'bilinear'. */
  interpolation?: ImageInterpolation | undefined;
  /** Whether making images smaller takes in all of their pixels; see {@link ops.resizedCrop}. Default: true. */
  antialias?: boolean | undefined;
}

function checkedResizing(
  transform: string,
  { interpolation = 'bilinear', antialias = true }: ResizeOptions,
): { interpolation: ImageInterpolation; antialias: boolean } {
  requireInterpolation(transform, interpolation);
  if (typeof antialias !== 'boolean') {
    throw new TypeError(`${transform}: antialias is ${describe(antialias)}, wants true or false`);
  }
  return { interpolation, antialias };
}

/** Images of another size. */
export class Resize extends InputTransform {
  readonly size: Pair;
  readonly #how: { interpolation: ImageInterpolation; antialias: boolean };

  /** @param size [height, width], or what the shorter side is to be, with the proportions kept */
  constructor(size: Pair, options: ResizeOptions = {}) {
    super();
    windowSize('Resize', size);
    this.size = size;
    this.#how = checkedResizing('Resize', options);
  }

  protected override change(x: Tensor, { indices }: Draws): Tensor {
    const [, height, width] = imagesOf('Resize', x, indices.length);
    return resizedCrop(x, null, { size: this.#sizeFor(height, width), ...this.#how });
  }

  #sizeFor(height: number, width: number): Pair {
    const { size } = this;
    if (typeof size !== 'number') return size;
    const long = (of: number, other: number) => Math.max(1, Math.floor((size * of) / other));
    return height <= width ? [size, long(width, height)] : [long(height, width), size];
  }
}

export interface RandomResizedCropOptions extends ResizeOptions {
  /** The least and the largest share of the image's area. Default: [0.08, 1]. */
  scale?: readonly [number, number] | undefined;
  /** The least and the largest width/height. Default: [3/4, 4/3]. */
  ratio?: readonly [number, number] | undefined;
}

/** Of the boxes of random area and proportions, the first of ten that is as `fits` asks: height and width. */
export function randomBox(
  random: SampleRandom,
  area: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  fits: (height: number, width: number) => boolean,
): [height: number, width: number] | null {
  for (let i = 0; i < 10; i++) {
    const wanted = area * random.uniform(...scale);
    const proportion = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const width = Math.round(Math.sqrt(wanted * proportion));
    const height = Math.round(Math.sqrt(wanted / proportion));
    if (width > 0 && height > 0 && fits(height, width)) return [height, width];
  }
  return null;
}

/**
 * A part of each image, of random area, proportions and place, brought to one size (Szegedy et al., 2015, section 6).
 * Where ten draws give no part that fits, it is the largest at the centre with proportions that are allowed.
 */
export class RandomResizedCrop extends InputTransform {
  readonly size: readonly [number, number];
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly #how: { interpolation: ImageInterpolation; antialias: boolean };

  constructor(
    size: Pair,
    { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], ...how }: RandomResizedCropOptions = {},
  ) {
    super();
    this.size = windowSize('RandomResizedCrop', size);
    requireRange('RandomResizedCrop', 'scale', scale, 0, 1);
    requireRange('RandomResizedCrop', 'ratio', ratio, 1e-3, 1e3);
    this.scale = scale;
    this.ratio = ratio;
    this.#how = checkedResizing('RandomResizedCrop', how);
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples, height, width] = imagesOf('RandomResizedCrop', x, draws.indices.length);
    const places = new Int32Array(4 * samples);
    forSamples(draws, (random, i) => places.set(this.#part(random, height, width), 4 * i));
    using boxes = integers(places, [samples, 4]);
    return resizedCrop(x, boxes, { size: this.size, ...this.#how });
  }

  /** Top, left, bottom, right. */
  #part(random: SampleRandom, height: number, width: number): [number, number, number, number] {
    const fits = (h: number, w: number) => h <= height && w <= width;
    const drawn = randomBox(random, height * width, this.scale, this.ratio, fits);
    if (drawn) {
      const top = random.below(height - drawn[0] + 1);
      const left = random.below(width - drawn[1] + 1);
      return [top, left, top + drawn[0], left + drawn[1]];
    }
    const [least, most] = this.ratio;
    const h = width / height < least ? Math.min(height, Math.round(width / least)) : height;
    const w = width / height > most ? Math.min(width, Math.round(height * most)) : width;
    const [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
    return [top, left, top + h, left + w];
  }
}
