import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { loss as losses } from '../../lib/index.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, f32, i32, relativeError } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';
import { logSoftmax } from '../../lib/ops/softmax.js';

interface Vector {
  loss: string;
  options: Record<string, unknown>;
  value: number[];
  gradients: number[][];
  target?: number[];
  labels?: number[];
  /** Of the scores; those of elements have another. */
  shape?: number[];
}

const point = [3, 5, 3];
const certain = [0, 0, 0.5, 1, 1, 1e-30, 1e-8, 0.9999999];

const twice = (seed: number) => f32(pattern(point, seed).map((v) => 2 * v), point); // prettier-ignore

/** The inputs that losses.py makes. */
function inputsOf({ loss, shape, target }: Vector): Tensor[] {
  switch (loss) {
    case 'binaryCrossEntropy':
      if (target?.length === certain.length) return [f32(certain, [certain.length])];
      return [f32(pattern(point, 1).map((v) => Math.fround(Math.fround(v + Math.fround(1.001)) / Math.fround(2.003))), point)]; // prettier-ignore
    case 'binaryCrossEntropyWithLogits':
      return [f32(pattern(point, 1).map((v) => 30 * v), point)]; // prettier-ignore
    case 'klDiv':
      return [logSoftmax(twice(1)).detach()];
    case 'cosineEmbedding':
      return [f32(pattern(shape!, 1), shape!), f32(pattern(shape!, 2), shape!)];
    case 'crossEntropy':
    case 'nll':
    case 'multiMargin': {
      const x = f32(pattern(shape!, 1).map((v) => 3 * v), shape!); // prettier-ignore
      return [loss === 'nll' ? logSoftmax(x).detach() : x];
    }
    default:
      return [twice(1), twice(2)];
  }
}

function targetOf({ target, labels, shape, loss }: Vector, like: Tensor): Tensor | Tensor<'i32'> | null {
  if (target) return f32(target, like.shape);
  if (labels) return i32(labels, loss === 'cosineEmbedding' ? [labels.length] : shape!.slice(0, -1));
  return null;
}

/** Options with tensors for lists. */
function optionsOf(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name,
      Array.isArray(value) ? f32(value as number[], [value.length]) : value,
    ]),
  );
}

const all = vectors<Vector>('losses');
const names = [...new Set(all.map(({ loss }) => loss))];

describe.each(names)("PyTorch's vectors of %s", (name) => {
  test.each(
    all.filter(({ loss }) => loss === name).map((v) => [JSON.stringify(v.options).slice(0, 90), v] as const),
  )('%s', async (_, v) => {
    const inputs = inputsOf(v);
    for (const input of inputs) input.requiresGrad = true;
    const target = targetOf(v, inputs[0]!);
    const f = losses[v.loss as keyof typeof losses] as unknown as (...given: unknown[]) => Tensor;
    const loss = f(...inputs, ...(target ? [target] : []), optionsOf(v.options));
    expect(loss.size).toBe(v.value.length);
    await expectClose(loss, v.value, 2e-6);
    const gradients = grad(loss, inputs, f32(pattern(loss.shape, 9), loss.shape));
    expect(gradients).toHaveLength(v.gradients.length);
    for (const [i, gradient] of gradients.entries()) {
      const error = relativeError(await gradient.data(), v.gradients[i]!);
      expect(error, `gradient ${i}`).toBeLessThanOrEqual(5e-6);
    }
  });
});

test('every loss that PyTorch has is there', () => {
  expect(names.sort()).toEqual([
    'binaryCrossEntropy',
    'binaryCrossEntropyWithLogits',
    'cosineEmbedding',
    'crossEntropy',
    'huber',
    'klDiv',
    'l1',
    'mse',
    'multiMargin',
    'nll',
    'smoothL1',
  ]);
});
