import { describe } from '../../describe.js';
import { native } from '../../native.js';
import { checkFinite } from '../../ops/mix.js';
import { Tensor } from '../../tensor.js';
import { InputTransform, integers, requireNumber, requireSamples, type Draws } from './transform.js';

/** x plus normal noise; that of a sample depends on its number and what the draws say alone. */
export function sampleNoise(
  x: Tensor,
  { indices, randomness: { seed, epoch }, place }: Draws,
  { mean, std, clip }: { mean: number; std: number; clip: boolean },
): Tensor {
  using numbers = integers(indices, [indices.length]);
  return new Tensor(
    native.sampleNoise(x.handle, numbers.handle, mean, std, clip, seed, epoch, place + 1),
    'f32',
  );
}

export interface GaussianNoiseOptions {
  /** Default: 0. */
  mean?: number | undefined;
  /** The standard deviation. Default: 0.1. */
  sigma?: number | undefined;
  /** Whether the result is held within [0, 1]. Default: true. */
  clip?: boolean | undefined;
}

/** Inputs of any shape plus noise, normal with a mean and a deviation, each sample by numbers of its own. */
export class GaussianNoise extends InputTransform {
  readonly mean: number;
  readonly sigma: number;
  readonly clip: boolean;

  constructor({ mean = 0, sigma = 0.1, clip = true }: GaussianNoiseOptions = {}) {
    super();
    requireNumber('GaussianNoise', 'mean', mean, -1e30, 1e30);
    requireNumber('GaussianNoise', 'sigma', sigma, 0, 1e30);
    if (typeof clip !== 'boolean') {
      throw new TypeError(`GaussianNoise: clip is ${describe(clip)}, wants true or false`);
    }
    this.mean = mean;
    this.sigma = sigma;
    this.clip = clip;
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    requireSamples('GaussianNoise', x, draws.indices.length);
    return sampleNoise(x, draws, { mean: this.mean, std: this.sigma, clip: this.clip });
  }
}

/**
 * Leaves batches as they are, and refuses NaN and infinities: the next read of what depends on the batch throws a
 * StriateError that names the sample by its number, and the place. One more pass over memory, for data that are not
 * trusted.
 */
export class CheckFinite extends InputTransform {
  protected override change(x: Tensor, { indices }: Draws): Tensor {
    requireSamples('CheckFinite', x, indices.length);
    using numbers = integers(indices, [indices.length]);
    return checkFinite(x, numbers);
  }
}
