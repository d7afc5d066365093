import { record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { handleOf, requireLive, scope, Tensor } from '../tensor.js';
import { dropout, nextStream, normal } from './creation.js';
import { add, mul, sub } from './elementwise.js';

/** Refuses what is no probability. */
function requireProbability(operation: string, p: number): void {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
    throw new RangeError(`${operation}: p is ${describe(p)}, wants a probability from 0 to 1`);
  }
}

/** x over the same storage. */
function unchanged(x: Tensor): Tensor {
  return dropout(x, 0);
}

/** Drops whole channels of samples of a tensor with so many axes. */
function channelDropout(operation: string, x: Tensor, axes: number, p: number, training: boolean): Tensor {
  const { shape } = requireLive(operation, 'input', x);
  requireProbability(operation, p);
  if (shape.length !== axes) {
    throw new RangeError(
      `${operation}: input [${shape.join(', ')}] has ${shape.length} axes, wants ${axes}: [N, …, C]`,
    );
  }
  if (!training || p === 0) return unchanged(x);
  const each = shape.map((extent, axis) => (axis === 0 || axis === axes - 1 ? extent : 1));
  using ones = new Tensor(native.full(each, 1, 'f32'), 'f32');
  using mask = dropout(ones, p);
  return mul(x, mask);
}

/**
 * Spatial dropout of sequences [N, L, C] (Tompson et al., 2015): each channel of each sample becomes 0 as a whole with
 * probability p, else x/(1 − p). Neighbours in a feature map tell much the same, so that dropping single ones does little.
 *
 * @param p from 0 to 1. Default: 0.5.
 * @param training whether to drop at all. Default: true.
 * @throws RangeError for another number of axes, and p that is no probability.
 */
export function dropout1d(x: Tensor, p = 0.5, training = true): Tensor {
  return channelDropout('dropout1d', x, 3, p, training);
}

/**
 * Spatial dropout of images [N, H, W, C] (Tompson et al., 2015): each channel of each sample becomes 0 as a whole with
 * probability p, else x/(1 − p). Neighbours in a feature map tell much the same, so that dropping single ones does little.
 *
 * @param p from 0 to 1. Default: 0.5.
 * @param training whether to drop at all. Default: true.
 * @throws RangeError for another number of axes, and p that is no probability.
 */
export function dropout2d(x: Tensor, p = 0.5, training = true): Tensor {
  return channelDropout('dropout2d', x, 4, p, training);
}

/** What SELU tends to for small x: −scale·α of Klambauer et al. */
const saturation = -1.7580993408473766;

/**
 * Dropout for networks of SELU (Klambauer et al., 2017): each element becomes α′ = −1.7581, where SELU saturates, with
 * probability p, and all are then scaled and shifted so that a mean of 0 and a variance of 1 stay:
 * a·x + b or a·α′ + b with a = ((1 − p)·(1 + p·α′²))^−½ and b = −a·p·α′. With p = 1 all become 0.
 *
 * @param p from 0 to 1. Default: 0.5.
 * @param training whether to drop at all. Default: true.
 * @throws RangeError for p that is no probability.
 */
export function alphaDropout(x: Tensor, p = 0.5, training = true): Tensor {
  requireProbability('alphaDropout', p);
  if (!training || p === 0) return unchanged(x);
  if (p === 1) return mul(x, 0);
  const scale = 1 / Math.sqrt((1 - p) * (1 + p * saturation ** 2));
  return scope(() => {
    const kept = dropout(sub(x, saturation), p, true, { inverted: false });
    return add(mul(kept, scale), scale * saturation * (1 - p));
  });
}

/**
 * x plus noise, normal with mean 0 (Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995).
 *
 * @param std the noise's standard deviation, from 0 on.
 * @param training whether to add any. Default: true.
 * @throws RangeError for std below 0 or not finite.
 */
export function gaussianNoise(x: Tensor, std: number, training = true): Tensor {
  const { shape } = requireLive('gaussianNoise', 'input', x);
  if (typeof std !== 'number' || !(std >= 0 && std < Infinity)) {
    throw new RangeError(`gaussianNoise: std is ${describe(std)}, wants a finite number from 0 on`);
  }
  if (!training || std === 0) return unchanged(x);
  using noise = normal(shape, 0, std);
  return add(x, noise);
}

/**
 * Masking noise, the corruption of denoising autoencoders (Vincent et al., 2010): each element becomes 0 with probability
 * p. Unlike dropout it scales nothing, in training or in use. No mask is kept: backward draws it again.
 *
 * @param p from 0 to 1. Default: 0.5.
 * @param training whether to corrupt at all. Default: true.
 * @throws RangeError for p that is no probability.
 */
export function maskingNoise(x: Tensor, p = 0.5, training = true): Tensor {
  requireProbability('maskingNoise', p);
  return training ? dropout(x, p, true, { inverted: false }) : unchanged(x);
}

/**
 * x times noise, normal with mean 1 and standard deviation √(p/(1 − p)), that of dropout's factors (Srivastava et al.,
 * 2014, section 10). No noise is kept: backward draws it again.
 *
 * @param p from 0 on, below 1. Default: 0.5.
 * @param training whether to multiply at all. Default: true.
 * @throws RangeError for p that is not so.
 */
export function gaussianDropout(x: Tensor, p = 0.5, training = true): Tensor {
  const { shape } = requireLive('gaussianDropout', 'input', x);
  if (typeof p !== 'number' || !(p >= 0 && p < 1)) {
    throw new RangeError(`gaussianDropout: p is ${describe(p)}, wants a probability from 0 on, below 1`);
  }
  if (!training || p === 0) return unchanged(x);
  const source = nextStream();
  const times = (y: Tensor): Tensor => {
    using factors = new Tensor(native.normal(shape, 1, Math.sqrt(p / (1 - p)), ...source), 'f32');
    return new Tensor(native.mul(handleOf(y), factors.handle), 'f32');
  };
  return record('gaussianDropout', times(x), [x], [], (g) => [times(g)]);
}
