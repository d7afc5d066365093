import { describe } from '../../describe.js';
import { oneHot } from '../../ops/creation.js';
import { pasteBoxes } from '../../ops/crop.js';
import { mix } from '../../ops/mix.js';
import type { Tensor } from '../../tensor.js';
import type { Batch, Target } from '../dataset.js';
import { forSamples } from './random.js';
import { discard, floats, imagesOf, integers, requireNumber, requireSamples } from './transform.js';
import type { Draws, Transform } from './transform.js';

export interface MixOptions {
  /** Both parameters of the beta distribution that shares are drawn from; 1 is uniform. Default: 1. */
  alpha?: number | undefined;
  /** Number of classes, where targets are labels. */
  numClasses?: number | undefined;
}

/**
 * What mixes each sample with the next of its batch, the last with the first. Shares are drawn for each sample alone; what
 * it is mixed with depends on the batch.
 */
abstract class Mixing implements Transform {
  readonly alpha: number;
  readonly numClasses: number | undefined;

  constructor({ alpha = 1, numClasses }: MixOptions = {}) {
    const { name } = new.target;
    requireNumber(name, 'alpha', alpha, 1e-3, 1e6);
    if (numClasses !== undefined && (!Number.isInteger(numClasses) || numClasses < 1)) {
      throw new RangeError(`${name}: numClasses is ${describe(numClasses)}, wants a whole number from 1 on`);
    }
    this.alpha = alpha;
    this.numClasses = numClasses;
  }

  /** The inputs, mixed, and the share that each one's partner has now. */
  protected abstract mixed(
    x: Tensor,
    partners: Tensor<'i32'>,
    draws: Draws,
  ): { x: Tensor; share: Float32Array };

  apply([x, y]: Batch, draws: Draws): Batch {
    const samples = draws.indices.length;
    requireSamples(this.constructor.name, x, samples);
    using before = this.#values(y);
    const next = Int32Array.from({ length: samples }, (_, i) => (i + 1) % samples);
    using partners = integers(next, [samples]);
    const { x: mixed, share } = this.mixed(x, partners, draws);
    using shares = floats(share, [samples]);
    const target = mix(before, partners, shares);
    discard(x);
    discard(y);
    return [mixed, target];
  }

  /** The target as numbers of which shares can be taken, as another tensor. */
  #values(y: Target): Tensor {
    const { name } = this.constructor;
    if (y.dtype === 'f32') return y.detach();
    if (this.numClasses === undefined) {
      throw new TypeError(`${name}: targets are labels, wants numClasses`);
    }
    if (y.rank !== 1) {
      throw new RangeError(`${name}: targets are i32 [${y.shape.join(', ')}], wants labels [N]`);
    }
    return oneHot(y, this.numClasses);
  }
}

/**
 * mixup (Zhang, Cisse, Dauphin and Lopez-Paz, 2017): x = λ·xᵢ + (1 − λ)·xⱼ, and so the targets, with λ from the beta
 * distribution with both parameters alpha, and j the next sample of the batch. Labels i32 [N] become probabilities
 * [N, numClasses], which loss.crossEntropy takes.
 */
export class MixUp extends Mixing {
  protected override mixed(x: Tensor, partners: Tensor<'i32'>, draws: Draws) {
    const share = new Float32Array(draws.indices.length);
    forSamples(draws, (random, i) => (share[i] = 1 - random.beta(this.alpha)));
    using shares = floats(share, [share.length]);
    return { x: mix(x, partners, shares), share };
  }
}

/**
 * CutMix (Yun et al., 2019): a box of each image is that of the next one in the batch. Its sides are √(1 − λ) of the
 * image's, λ from the beta distribution with both parameters alpha, its centre is any pixel; what lies outside is cut off,
 * and targets are mixed by the area that is left. Labels i32 [N] become probabilities [N, numClasses].
 */
export class CutMix extends Mixing {
  protected override mixed(x: Tensor, partners: Tensor<'i32'>, draws: Draws) {
    const [samples, height, width] = imagesOf('CutMix', x, draws.indices.length);
    const share = new Float32Array(samples);
    const places = new Int32Array(4 * samples);
    forSamples(draws, (random, i) => {
      const half = Math.sqrt(1 - random.beta(this.alpha)) / 2;
      const [column, row] = [random.below(width), random.below(height)];
      const [w, h] = [Math.floor(half * width), Math.floor(half * height)];
      const [top, bottom] = [Math.max(0, row - h), Math.min(height, row + h)];
      const [left, right] = [Math.max(0, column - w), Math.min(width, column + w)];
      places.set([top, left, bottom, right], 4 * i);
      share[i] = ((bottom - top) * (right - left)) / (height * width);
    });
    using boxes = integers(places, [samples, 4]);
    return { x: pasteBoxes(x, x, boxes, partners), share };
  }
}
