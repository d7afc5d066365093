import type { Handle } from '../../binding.js';
import { record } from '../autograd.js';
import { handleOf, handleOrNull, Tensor, type DType } from '../tensor.js';
import { asFloat, requireConstant, type LossOptions } from './options.js';

/** What the native functions of all these losses are given first. */
type Given = [input: Handle, target: Handle, sampleWeight: Handle | null, reduction: string];

/** The native functions of one loss, each a pass over memory. `constant` is a tensor of its options, where it has one. */
interface Passes {
  forward(given: Given, constant: Handle | null): Handle;
  backward(gradient: Handle, given: Given, constant: Handle | null): Handle;
  /** The gradient by the target, from that by the input, where there is one. */
  byTarget?(byInput: Tensor): Tensor;
}

/** A loss of each element of `input` against that of `target`. Nothing but the two is kept for the backward pass. */
export function pointLoss(
  operation: string,
  input: Tensor,
  target: Tensor<DType>,
  { reduction = 'mean', sampleWeight }: LossOptions<string>,
  passes: Passes,
  constant?: Tensor | null,
): Tensor {
  requireConstant(operation, 'sampleWeight', sampleWeight);
  if (!passes.byTarget) requireConstant(operation, 'target', target);
  const t = asFloat(operation, target);
  const given: Given = [handleOf(input), t.handle, handleOrNull(sampleWeight), reduction];
  const loss = new Tensor(passes.forward(given, handleOrNull(constant)), 'f32');
  const others = [sampleWeight, constant].filter((tensor) => tensor != null);
  record(operation, loss, [input, t], [input, t, ...others], (g, saved, [needInput, needTarget]) => {
    const [x, y, ...rest] = saved.map(({ handle }) => handle) as [Handle, Handle, ...Handle[]];
    const [weight, kept] = [sampleWeight ? rest[0]! : null, constant ? rest.at(-1)! : null];
    const byInput = new Tensor(passes.backward(g.handle, [x, y, weight, reduction], kept), 'f32');
    return [needInput ? byInput : null, needTarget ? (passes.byTarget?.(byInput) ?? null) : null];
  });
  if (t !== target) t.dispose();
  return loss;
}
