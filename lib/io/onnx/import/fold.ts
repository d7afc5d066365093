import { noGrad } from '../../../autograd.js';
import { ones, zeros } from '../../../ops/creation.js';
import { add, div, mul, sqrt, sub } from '../../../ops/elementwise.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { countUses } from './plan.js';
import type { Step } from './step.js';

/**
 * The steps without the batch norms that follow a convolution or linear layer, whose weights do as the norm does in use.
 * Weights change in place.
 *
 * @param weights by slot; those that nothing uses afterwards are disposed
 */
export function foldBatchNorms(
  steps: readonly Step[],
  outputs: readonly number[],
  weights: ReadonlyMap<number, Tensor<DType>>,
): Step[] {
  const uses = countUses(steps, outputs);
  const own = (slot: number) => weights.has(slot) && uses.get(slot) === 1;
  const folded: Step[] = [];
  const producers = new Map<number, number>();
  for (const step of steps) {
    const [x = -1, ...affine] = step.inputs;
    const at = uses.get(x) === 1 ? producers.get(x) : undefined;
    const layer = at === undefined ? undefined : folded[at];
    if (
      step.kind?.is !== 'batchNorm' ||
      layer?.kind?.is !== 'layer' ||
      !affine.every(own) ||
      !layer.inputs.slice(1).every(own)
    ) {
      for (const slot of step.outputs) producers.set(slot, folded.length);
      folded.push(step);
      continue;
    }
    const [scale, shift, mean, variance] = affine.map((slot) => weights.get(slot) as Tensor) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [input, weightSlot, biasSlot = affine[1]!] = layer.inputs as [number, number, number?];
    const weight = weights.get(weightSlot) as Tensor;
    const bias = layer.inputs.length > 2 ? (weights.get(biasSlot) as Tensor) : null;
    if (weight.shape.at(-1) !== scale.size) {
      for (const slot of step.outputs) producers.set(slot, folded.length);
      folded.push(step);
      continue;
    }
    const { eps } = step.kind;
    noGrad(() =>
      scope(() => {
        const factor = mul(ones([scale.size]), div(scale, sqrt(add(variance, eps))));
        const before = bias ?? zeros([scale.size]);
        const shifted = add(mul(sub(before, mean), factor), shift);
        weight.assign(mul(weight, factor));
        (bias ?? shift).assign(shifted);
      }),
    );
    for (const slot of affine) if (slot !== biasSlot) weights.get(slot)?.dispose();
    folded[at!] = { ...layer, inputs: [input, weightSlot, biasSlot], outputs: step.outputs };
    producers.set(step.outputs[0]!, at!);
  }
  return folded;
}
