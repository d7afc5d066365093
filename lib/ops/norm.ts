import { record, recording, type Derivative } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor, type DType } from '../tensor.js';

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
  const inputs = [x, weight, bias, residual].filter((input) => input != null);
  // What relu let through is computed again from x for the backward pass, but where a residual took part.
  const masked = relu && residual != null && recording(inputs);
  const affine = [handleOrNull(weight), handleOrNull(bias)] as const;
  const last = [eps, relu, masked] as const;
  let handles;
  if (training) {
    const running = [handleOrNull(runningMean), handleOrNull(runningVar)] as const;
    handles = native.batchNorm(handleOf(x), ...affine, ...running, handleOrNull(residual), momentum, ...last);
    if (runningMean) runningMean.versions.changes++;
    if (runningVar) runningVar.versions.changes++;
  } else if (runningMean && runningVar) {
    const running = [handleOf(runningMean), handleOf(runningVar)] as const;
    handles = native.batchNormInference(handleOf(x), ...affine, ...running, handleOrNull(residual), ...last);
  } else {
    throw new TypeError('batchNorm: wants runningMean and runningVar, but in training');
  }
  const y = new Tensor(handles[0], 'f32');
  const statistics = new Tensor(handles[1], 'f32');
  const mask = handles[2] === null ? null : new Tensor(handles[2], 'u8');
  const saved = [x, statistics, mask, weight, bias].filter((tensor) => tensor != null);
  const derivative: Derivative<Tensor<DType>[]> = (g, [input, made, ...rest], _, further) => {
    const letThrough = mask ? rest.shift() : undefined;
    const w = weight ? rest.shift() : undefined;
    const [b] = rest;
    const incoming = further ? [g, further] : [g];
    // Without relu, one gradient is that by the residual too.
    const shared = residual && !mask && !further;
    const [byInput, byWeight, byBias, counted] = native.batchNormBackward(
      incoming.map((gradient) => (shared ? gradient.detach() : gradient).giveUp()),
      input!.handle,
      w?.handle ?? null,
      b?.handle ?? null,
      made!.handle,
      letThrough?.handle ?? null,
      relu,
      training,
    );
    const byResidual = counted === null ? g : new Tensor(counted, 'f32');
    const all = [byInput, byWeight, byBias].map((handle) => new Tensor(handle, 'f32'));
    const wanted = [true, weight != null, bias != null];
    return [...all.filter((_, i) => wanted[i]), ...(residual ? [byResidual] : [])];
  };
  record('batchNorm', y, inputs, saved, derivative, { addsGradients: true });
  statistics.dispose();
  mask?.dispose();
  return y;
}
