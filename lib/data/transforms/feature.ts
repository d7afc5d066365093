import { describe } from '../../describe.js';
import { channelList, type PerChannel } from '../../ops/channels.js';
import { tensor, zerosLike } from '../../ops/creation.js';
import { add, mul } from '../../ops/elementwise.js';
import { mix, sameClassPartners } from '../../ops/mix.js';
import { scope, type Tensor } from '../../tensor.js';
import type { Batch } from '../dataset.js';
import { sampleNoise } from './noise.js';
import { forSamples } from './random.js';
import { discard, floats, InputTransform, requireNumber, requireSamples } from './transform.js';
import type { Draws, Transform } from './transform.js';

// Feature-space augmentation: DeVries and Taylor, "Dataset augmentation in feature space", 2017.

export interface FeatureNoiseOptions {
  /** γ, how much of the deviation is added. Default: 0.5. */
  gamma?: number | undefined;
  /** σ, the deviation of features over the data set: one for all, or one for each along the last axis. Default: 1. */
  std?: PerChannel | undefined;
}

/** Features x [N, …] plus γ·σ·z, z standard normal, each sample by numbers of its own. */
export class FeatureNoise extends InputTransform {
  readonly gamma: number;
  readonly std: PerChannel;

  constructor({ gamma = 0.5, std = 1 }: FeatureNoiseOptions = {}) {
    super();
    requireNumber('FeatureNoise', 'gamma', gamma, 0, 1e30);
    for (const value of channelList('FeatureNoise', 'std', std)) {
      requireNumber('FeatureNoise', 'std', value, 0, 1e30);
    }
    this.gamma = gamma;
    this.std = std;
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    requireSamples('FeatureNoise', x, draws.indices.length);
    const { std, gamma } = this;
    if (typeof std === 'number') return sampleNoise(x, draws, { mean: 0, std: gamma * std, clip: false });
    return scope(() => {
      const noise = sampleNoise(zerosLike(x), draws, { mean: 0, std: gamma, clip: false });
      return add(x, mul(noise, tensor([...std])));
    });
  }
}

export interface FeaturePairOptions {
  /** λ, how far to go. Default: 0.5. */
  lambda?: number | undefined;
  /** How likely a sample is to be changed. Default: 1. */
  p?: number | undefined;
}

/** What moves samples along the line through another one of their class, drawn from their batch; targets stay. */
abstract class FeaturePairs implements Transform {
  readonly lambda: number;
  readonly p: number;

  constructor({ lambda = 0.5, p = 1 }: FeaturePairOptions = {}) {
    const { name } = new.target;
    requireNumber(name, 'lambda', lambda, 0, 1e6);
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
      throw new RangeError(`${name}: p is ${describe(p)}, wants a probability from 0 to 1`);
    }
    this.lambda = lambda;
    this.p = p;
  }

  /** The partner's share in what a sample becomes. */
  protected abstract readonly share: number;

  apply([x, y]: Batch, draws: Draws): Batch {
    const { name } = this.constructor;
    const samples = draws.indices.length;
    requireSamples(name, x, samples);
    if (y.dtype !== 'i32' || y.rank !== 1) {
      throw new TypeError(`${name}: targets are ${y.dtype} [${y.shape.join(', ')}], wants labels i32 [N]`);
    }
    const [uniform, share] = [new Float32Array(samples), new Float32Array(samples)];
    forSamples(draws, (random, i) => {
      // As float32, what is just below 1 may become 1, which is taken for the last.
      uniform[i] = random.uniform();
      if (random.chance(this.p)) share[i] = this.share;
    });
    using places = floats(uniform, [samples]);
    using partners = sameClassPartners(y, places);
    using shares = floats(share, [samples]);
    const moved = mix(x, partners, shares);
    discard(x);
    return [moved, y];
  }
}

/** c + λ·(c′ − c), where c′ is another sample of the class: DeVries and Taylor's interpolation. */
export class FeatureInterpolation extends FeaturePairs {
  protected override get share(): number {
    return this.lambda;
  }
}

/** c + λ·(c − c′), where c′ is another sample of the class: DeVries and Taylor's extrapolation, which they found best. */
export class FeatureExtrapolation extends FeaturePairs {
  protected override get share(): number {
    return -this.lambda;
  }
}
