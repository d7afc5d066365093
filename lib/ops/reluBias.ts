import { native } from '../native.js';
import { Tensor } from '../tensor.js';

/**
 * The gradients before a ReLU with this output, or none, and by a bias that was added along the last axis before it, where
 * wanted.
 */
export function reluBiasGradients(
  g: Tensor,
  output: Tensor | undefined,
  needBias: boolean | undefined,
): [before: Tensor, byBias: Tensor | null] {
  if (output && needBias) {
    const [before, byBias] = native.reluBiasBackward(g.giveUp(), output.handle);
    return [new Tensor(before, 'f32'), new Tensor(byBias, 'f32')];
  }
  const before = output ? new Tensor(native.reluBackward(g.giveUp(), output.handle), 'f32') : g;
  const leading = Array.from({ length: before.rank - 1 }, (_, axis) => axis);
  return [before, needBias ? new Tensor(native.sum(before.handle, leading, false), 'f32') : null];
}
