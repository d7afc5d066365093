import { describe } from '../../describe.js';
import { pair, type Pair } from '../../ops/pair.js';
import { separableFilter } from '../../ops/warp.js';
import type { Tensor } from '../../tensor.js';
import { forSamples } from './random.js';
import { floats, imagesOf, InputTransform, requireRange, type Draws } from './transform.js';

export interface GaussianBlurOptions {
  /** The standard deviation in pixels, or the least and the largest to draw from. Default: [0.1, 2]. */
  sigma?: number | readonly [number, number] | undefined;
}

/** Images blurred by a normal distribution, each by a deviation drawn for it; mirrored at their border pixels. */
export class GaussianBlur extends InputTransform {
  readonly kernelSize: readonly [number, number];
  readonly sigma: readonly [number, number];

  /** @param kernelSize how many pixels are taken in: an odd number, or [height, width] */
  constructor(kernelSize: Pair, { sigma = [0.1, 2] }: GaussianBlurOptions = {}) {
    super();
    this.kernelSize = pair('GaussianBlur', 'kernelSize', kernelSize);
    for (const size of this.kernelSize) {
      if (!Number.isInteger(size) || size < 1 || size % 2 === 0 || size > 1001) {
        throw new RangeError(
          `GaussianBlur: kernelSize is ${describe(kernelSize)}, wants odd numbers from 1 to 1001`,
        );
      }
    }
    const range: unknown = typeof sigma === 'number' ? [sigma, sigma] : sigma;
    requireRange('GaussianBlur', 'sigma', range, 1e-3, 1e6);
    this.sigma = range;
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples] = imagesOf('GaussianBlur', x, draws.indices.length);
    const [tall, wide] = this.kernelSize;
    const [down, along] = [new Float32Array(samples * tall), new Float32Array(samples * wide)];
    forSamples(draws, (random, i) => {
      const sigma = random.uniform(...this.sigma);
      down.set(weights(tall, sigma), i * tall);
      along.set(weights(wide, sigma), i * wide);
    });
    using vertical = floats(down, [samples, tall]);
    using horizontal = floats(along, [samples, wide]);
    return separableFilter(x, vertical, horizontal);
  }
}

/** The normal distribution at whole numbers around 0, scaled to the sum 1. */
function weights(size: number, sigma: number): Float32Array {
  const row = Float64Array.from({ length: size }, (_, i) => {
    const distance = (i - (size - 1) / 2) / sigma;
    return Math.exp(-(distance ** 2) / 2);
  });
  const sum = row.reduce((total, value) => total + value, 0);
  return Float32Array.from(row, (value) => value / sum);
}
