import { gradEnabled } from '../autograd.js';
import { native } from '../native.js';
import { requireLive, StriateError, Tensor, type DType } from '../tensor.js';

/** How the losses of samples become the result: their mean, their sum, or 'none': the losses themselves. */
export type Reduction = 'mean' | 'sum' | 'none';

/** What every loss takes. */
export interface LossOptions<R extends string = Reduction> {
  /** Default: 'mean'. */
  readonly reduction?: R | undefined;
  /**
   * Factors of the losses, f32, of the shape of their leading axes: [N] for a factor of each sample. What a mean divides
   * by stays as it is without them. Default: 1.
   */
  readonly sampleWeight?: Tensor | null | undefined;
}

/** Refuses what wants a gradient that the loss has none for, rather than leave it out in silence. */
export function requireConstant(
  operation: string,
  argument: string,
  tensor: Tensor<DType> | null | undefined,
): void {
  if (tensor instanceof Tensor && tensor.requiresGrad && gradEnabled()) {
    throw new StriateError(
      `${operation}: ${argument} wants a gradient, and the loss has none by it; give ${argument}.detach()`,
    );
  }
}

/** Targets as f32: whole numbers are taken for what they are. */
export function asFloat(operation: string, target: Tensor<DType>): Tensor {
  const live = requireLive(operation, 'target', target);
  return live.dtype === 'f32' ? (live as Tensor) : new Tensor(native.cast(live.handle, 'f32'), 'f32');
}
