import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor } from '../tensor.js';

export interface BatchNormOptions {
  /** A factor for each channel, [C]. Default: 1. */
  weight?: Tensor | null | undefined;
  /** A summand for each channel, [C]. Default: 0. */
  bias?: Tensor | null | undefined;
  /** The running mean, [C]; changed in place in training, used and required otherwise. */
  runningMean?: Tensor | null | undefined;
  /** The running variance, [C]; as `runningMean`. */
  runningVar?: Tensor | null | undefined;
  /** Whether to normalize by the statistics of this batch and move the running ones. Default: false. */
  training?: boolean | undefined;
  /** How far the running statistics move to those of the batch, from 0 to 1. Default: 0.1. */
  momentum?: number | undefined;
  /** Added to the variance. Default: 1e-5. */
  eps?: number | undefined;
  /** Added to the result in the same pass, before ReLU; of x's shape. Default: nothing. */
  residual?: Tensor | null | undefined;
  /** Whether max(0, ·) is taken of the result in the same pass. Default: false. */
  relu?: boolean | undefined;
}

/**
 * Batch normalization (Ioffe and Szegedy, 2015) of [N, C], [N, L, C] or [N, H, W, C]: for each channel
 * y = (x − mean) / √(variance + eps) · weight + bias, plus `residual` where given (the end of a residual block: He et
 * al., 2016), and max(0, ·) of that with `relu`.
 *
 * In training, mean and (biased) variance are those of the batch over all axes but the last, and the running statistics
 * move in place: running = (1 − momentum)·running + momentum·batch, with the unbiased variance. Otherwise mean and
 * variance are the running ones.
 *
 * @throws RangeError for shapes that do not fit, and in training for fewer than two values per channel; TypeError for
 * what is no f32 tensor.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  const { weight, bias, runningMean, runningVar, residual } = options;
  const { training = false, momentum = 0.1, eps = 1e-5, relu = false } = options;
  const affine = [handleOrNull(weight), handleOrNull(bias)] as const;
  let handles;
  if (training) {
    const running = [handleOrNull(runningMean), handleOrNull(runningVar)] as const;
    const rest = [handleOrNull(residual), momentum, eps, relu] as const;
    handles = native.batchNorm(handleOf(x), ...affine, ...running, ...rest);
    if (runningMean) runningMean.versions.changes++;
    if (runningVar) runningVar.versions.changes++;
  } else if (runningMean && runningVar) {
    const running = [handleOf(runningMean), handleOf(runningVar)] as const;
    const rest = [handleOrNull(residual), eps, relu] as const;
    handles = native.batchNormInference(handleOf(x), ...affine, ...running, ...rest);
  } else {
    throw new TypeError('batchNorm: wants runningMean and runningVar, but in training');
  }
  const y = new Tensor(handles[0], 'f32');
  const statistics = new Tensor(handles[1], 'f32');
  const inputs = [x, weight, bias, residual].filter((input) => input != null);
  // What relu let through is told by y where a residual took part, otherwise by x.
  const gatedByOutput = relu && residual != null;
  const saved = gatedByOutput ? [x, statistics, y] : [x, statistics];
  const parameters = [weight, bias].filter((parameter) => parameter != null);
  record('batchNorm', y, inputs, [...saved, ...parameters], (g, [input, made, ...rest]) => {
    const output = gatedByOutput ? rest.shift() : undefined;
    const w = weight ? rest.shift() : undefined;
    const [b] = rest;
    const [byInput, byWeight, byBias, gated] = native.batchNormBackward(
      g.handle,
      input!.handle,
      w?.handle ?? null,
      b?.handle ?? null,
      made!.handle,
      output?.handle ?? null,
      relu,
      training,
    );
    const all = [byInput, byWeight, byBias].map((handle) => new Tensor(handle, 'f32'));
    const wanted = [true, weight != null, bias != null];
    const gradients = all.filter((_, i) => wanted[i]);
    if (residual) gradients.push(gated === null ? g : new Tensor(gated, 'f32'));
    return gradients;
  });
  statistics.dispose();
  return y;
}
