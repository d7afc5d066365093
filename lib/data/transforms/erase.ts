import { channelList, type PerChannel } from '../../ops/channels.js';
import { eraseBoxes, pasteBoxes } from '../../ops/crop.js';
import { zerosLike } from '../../ops/creation.js';
import type { Tensor } from '../../tensor.js';
import { sampleNoise } from './noise.js';
import { forSamples } from './random.js';
import { randomBox } from './resize.js';
import {
  imagesOf,
  InputTransform,
  integers,
  requireProbability,
  requireRange,
  type Draws,
} from './transform.js';

export interface RandomErasingOptions {
  /** How likely an image is to lose a box. Default: 0.5. */
  p?: number | undefined;
  /** The least and the largest share of the image's area. Default: [0.02, 0.33]. */
  scale?: readonly [number, number] | undefined;
  /** The least and the largest proportion of the box's height to its width. Default: [0.3, 3.3]. */
  ratio?: readonly [number, number] | undefined;
  /** What the box becomes: a value for all channels or for each, or 'random' for normal numbers. Default: 0. */
  value?: PerChannel | 'random' | undefined;
}

/** A box of random area, proportions and place painted over (Zhong, Zheng, Kang, Li and Yang, 2017). */
export class RandomErasing extends InputTransform {
  readonly p: number;
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly value: PerChannel | 'random';

  constructor(options: RandomErasingOptions = {}) {
    super();
    const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
    requireProbability('RandomErasing', 'p', p);
    requireRange('RandomErasing', 'scale', scale, 0, 1);
    requireRange('RandomErasing', 'ratio', ratio, 1e-3, 1e3);
    if (value !== 'random') channelList('RandomErasing', 'value', value);
    this.p = p;
    this.scale = scale;
    this.ratio = ratio;
    this.value = value;
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples, height, width] = imagesOf('RandomErasing', x, draws.indices.length);
    const places = new Int32Array(4 * samples);
    forSamples(draws, (random, i) => {
      if (!random.chance(this.p)) return;
      const fits = (w: number, h: number) => h < height && w < width;
      // The proportion is that of height to width here.
      const box = randomBox(random, height * width, this.scale, this.ratio, fits);
      if (!box) return;
      const [w, h] = box;
      const top = random.below(height - h + 1);
      const left = random.below(width - w + 1);
      places.set([top, left, top + h, left + w], 4 * i);
    });
    using boxes = integers(places, [samples, 4]);
    if (this.value !== 'random') return eraseBoxes(x, boxes, this.value);
    using nothing = zerosLike(x);
    // The numbers above are words of blocks 0, 1, …; these have a place that no transform in a chain has.
    using noise = sampleNoise(nothing, { ...draws, place: noisePlace - draws.place }, {
      mean: 0, std: 1, clip: false,
    }); // prettier-ignore
    using own = integers(
      Int32Array.from({ length: samples }, (_, i) => i),
      [samples],
    );
    return pasteBoxes(x, noise, boxes, own);
  }
}

const noisePlace = 2 ** 31 - 2;

export interface CutoutOptions {
  /** What the square becomes, for all channels or for each. Default: 0. */
  value?: PerChannel | undefined;
  /** How likely an image is to lose a square. Default: 1. */
  p?: number | undefined;
}

/**
 * A square painted over whose centre is any pixel of the image, so that parts of it may lie outside (DeVries and Taylor,
 * "Improved regularization of convolutional neural networks with cutout", 2017).
 */
export class Cutout extends InputTransform {
  readonly length: number;
  readonly p: number;
  readonly value: PerChannel;

  /** @param length of a side, in pixels */
  constructor(length: number, { value = 0, p = 1 }: CutoutOptions = {}) {
    super();
    if (!Number.isInteger(length) || length < 1 || length > 2 ** 24) {
      throw new RangeError(`Cutout: length is ${String(length)}, wants a whole number from 1 to ${2 ** 24}`);
    }
    requireProbability('Cutout', 'p', p);
    channelList('Cutout', 'value', value);
    this.length = length;
    this.p = p;
    this.value = value;
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples, height, width] = imagesOf('Cutout', x, draws.indices.length);
    const places = new Int32Array(4 * samples);
    forSamples(draws, (random, i) => {
      if (!random.chance(this.p)) return;
      const top = random.below(height) - Math.floor(this.length / 2);
      const left = random.below(width) - Math.floor(this.length / 2);
      places.set([top, left, top + this.length, left + this.length], 4 * i);
    });
    using boxes = integers(places, [samples, 4]);
    return eraseBoxes(x, boxes, this.value);
  }
}
