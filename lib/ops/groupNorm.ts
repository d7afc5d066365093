import type { Handle } from '../../binding.js';
import { record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor } from '../tensor.js';
import { batchNorm } from './norm.js';

export interface GroupNormOptions {
  /** A factor for each channel, [C]. Default: 1. */
  weight?: Tensor | null | undefined;
  /** A summand for each channel, [C]. Default: 0. */
  bias?: Tensor | null | undefined;
  /** Added to the variance. Default: 1e-5. */
  eps?: number | undefined;
}

export interface LayerNormOptions extends GroupNormOptions {
  /** A factor for each element, of shape normalizedShape. Default: 1. */
  weight?: Tensor | null | undefined;
  /** A summand for each element, of shape normalizedShape. Default: 0. */
  bias?: Tensor | null | undefined;
}

export interface InstanceNormOptions extends GroupNormOptions {
  /** The running mean, [C]; moved in place by the images' own statistics, used and required otherwise. */
  runningMean?: Tensor | null | undefined;
  /** The running variance, [C]; as `runningMean`. */
  runningVar?: Tensor | null | undefined;
  /** Whether to normalize by each image's own statistics, not by the running ones. Default: true. */
  useInputStats?: boolean | undefined;
  /** How far the running statistics move, from 0 to 1. Default: 0.1. */
  momentum?: number | undefined;
}

type Gradients = [byInput: Handle, byWeight: Handle | null, byBias: Handle | null];

/** What a forward pass of the native side made, with its derivative. */
function recorded(
  operation: string,
  [output, made]: readonly [output: Handle, statistics: Handle],
  x: Tensor,
  { weight, bias }: GroupNormOptions,
  backward: (g: Handle, x: Handle, weight: Handle | null, statistics: Handle, affine: boolean) => Gradients,
): Tensor {
  const y = new Tensor(output, 'f32');
  using statistics = new Tensor(made, 'f32');
  const inputs = [x, weight, bias].filter((input) => input != null);
  const saved = [x, statistics, ...(weight ? [weight] : [])];
  return record(operation, y, inputs, saved, (g, [input, given, w], [, ...affine]) => {
    const [byInput, byWeight, byBias] = backward(
      g.giveUp(),
      input!.handle,
      w?.handle ?? null,
      given!.handle,
      affine.includes(true),
    );
    const wanted = [byInput, ...(weight ? [byWeight] : []), ...(bias ? [byBias] : [])];
    for (const handle of [byWeight, byBias]) {
      if (handle !== null && !wanted.includes(handle)) native.dispose(handle);
    }
    return wanted.map((handle) => (handle === null ? null : new Tensor(handle, 'f32')));
  });
}

/**
 * Layer normalization (Ba, Kiros and Hinton, 2016): over the last axes, those of normalizedShape,
 * y = (x − mean) / √(variance + eps) · weight + bias with mean and (biased) variance of these elements, for each index of
 * the axes before on its own.
 *
 * @param normalizedShape the sizes of the last axes of x; one number for the last alone
 * @throws RangeError for shapes that do not fit, and eps that is negative or not finite; TypeError for what is no f32
 *   tensor.
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options: LayerNormOptions = {},
): Tensor {
  const { weight, bias, eps = 1e-5 } = options;
  const sizes = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  const affine = [handleOrNull(weight), handleOrNull(bias)] as const;
  const made = native.layerNorm(handleOf(x), ...affine, sizes, eps);
  return recorded('layerNorm', made, x, options, (g, input, w, statistics, wanted) =>
    native.layerNormBackward(g, input, w, statistics, sizes, wanted),
  );
}

/**
 * Group normalization (Wu and He, 2018) of [N, …, C]: y = (x − mean) / √(variance + eps) · weight + bias with mean and
 * (biased) variance over all places and channels of a group, for each image and each of numGroups equal parts of the
 * channels on its own.
 *
 * @throws RangeError for shapes that do not fit, groups that do not divide the channels, and eps that is negative or not
 *   finite; TypeError for what is no f32 tensor.
 */
export function groupNorm(x: Tensor, numGroups: number, options: GroupNormOptions = {}): Tensor {
  const { weight, bias, eps = 1e-5 } = options;
  const affine = [handleOrNull(weight), handleOrNull(bias)] as const;
  const made = native.groupNorm(handleOf(x), ...affine, numGroups, eps);
  return recorded('groupNorm', made, x, options, (g, input, w, statistics, wanted) =>
    native.groupNormBackward(g, input, w, statistics, numGroups, wanted),
  );
}

/**
 * Instance normalization (Ulyanov, Vedaldi and Lempitsky, 2016) of [N, L, C] or [N, H, W, C]:
 * y = (x − mean) / √(variance + eps) · weight + bias with mean and (biased) variance of each channel of each image.
 *
 * Running statistics, where given, move in place: running = (1 − momentum)·running + momentum·(mean over the batch of
 * the images' own), with the unbiased variance. Without `useInputStats` they stand for the images' own.
 *
 * @throws RangeError for shapes that do not fit and fewer than two values per channel of an image; TypeError for what is
 *   no f32 tensor, and where running statistics are missing.
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const { weight, bias, runningMean, runningVar, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options;
  if (typeof useInputStats !== 'boolean') {
    throw new TypeError(`instanceNorm: useInputStats is ${describe(useInputStats)}, wants true or false`);
  }
  if (!useInputStats) {
    if (!runningMean || !runningVar) {
      throw new TypeError('instanceNorm: wants runningMean and runningVar, but with useInputStats');
    }
    return batchNorm(x, { weight, bias, runningMean, runningVar, eps });
  }
  const affine = [handleOrNull(weight), handleOrNull(bias)] as const;
  const running = [handleOrNull(runningMean), handleOrNull(runningVar)] as const;
  const made = native.instanceNorm(handleOf(x), ...affine, ...running, momentum, eps);
  if (runningMean) runningMean.versions.changes++;
  if (runningVar) runningVar.versions.changes++;
  const channels = x.shape.at(-1) ?? 1;
  return recorded('instanceNorm', made, x, options, (g, input, w, statistics, wanted) =>
    native.groupNormBackward(g, input, w, statistics, channels, wanted),
  );
}
