import { noGrad } from '../autograd.js';
import { cast } from '../ops/creation.js';
import { equal, lessEqual, sqrt } from '../ops/elementwise.js';
import { max, mean, variance } from '../ops/reduce.js';
import { requireLive, scope, Tensor, type DType, type Shape } from '../tensor.js';
import { ReLU, ReLU6 } from './activation.js';
import type { Module } from './module.js';
import { observe } from './observe.js';
import { Sequential } from './sequential.js';

/** What a layer gave a batch. */
export interface LayerActivations {
  /** Where the layer is in the model. */
  path: string;
  /** Its class, as 'Conv2d'. */
  kind: string;
  /** Of its output. */
  shape: Shape;
  /** Over all elements. */
  mean: number;
  /** The standard deviation over all elements. */
  std: number;
  /** The share of elements that are 0, from 0 to 1. */
  zeros: number;
  /**
   * The share of units (places along the last axis) that are not above 0 anywhere in the batch, from 0 to 1: through them
   * no gradient flows. Of the output of a ReLU; null of other layers.
   */
  dead: number | null;
}

/** Numbers still to be computed. */
interface Pending {
  path: string;
  kind: string;
  shape: Shape;
  numbers: Tensor[];
}

/** Mean, deviation, share of zeros, and where `rectified` that of dead units. */
function summarize(output: Tensor, rectified: boolean): Tensor[] {
  const shares = [
    mean(output),
    sqrt(variance(output, undefined, false, 0)),
    mean(cast(equal(output, 0), 'f32')),
  ];
  if (!rectified || output.rank < 2) return shares;
  const largest = max(
    output,
    Array.from({ length: output.rank - 1 }, (_, axis) => axis),
  );
  return [...shares, mean(cast(lessEqual(largest, 0), 'f32'))];
}

/**
 * Runs a batch through the model, as it is (in training or in use) and without gradients, and tells what each layer gave,
 * in the order of the calls; of Sequential, what is in it. It shows how weights were initialized: with too small ones the
 * deviation falls to 0 from layer to layer, with too large ones it grows without end (or tanh and sigmoid end at ±1 and 0
 * and 1, and ReLUs are dead), with the right ones it stays about the same (Glorot and Bengio, 2010; He et al., 2015).
 *
 * In training, batch normalization's running statistics move, as in any forward pass.
 *
 * ```ts
 * for (const { path, kind, std, dead } of await activationStatistics(model, images)) console.log(path, kind, std, dead);
 * ```
 *
 * @throws RangeError for a batch without elements
 */
export async function activationStatistics(model: Module, batch: Tensor): Promise<LayerActivations[]> {
  if (requireLive('activationStatistics', 'batch', batch).size === 0) {
    throw new RangeError(`activationStatistics: batch [${batch.shape.join(', ')}] has no elements`);
  }
  const layers = noGrad(() =>
    scope(() => {
      const seen: Pending[] = [];
      observe(
        model,
        (path, module, _, output: Tensor<DType>, method) => {
          if (module instanceof Sequential || !(output instanceof Tensor) || output.dtype !== 'f32') return;
          if (output.size === 0) return;
          const rectified = method !== 'forward' || module instanceof ReLU || module instanceof ReLU6;
          const numbers = scope(() => summarize(output as Tensor, rectified));
          seen.push({ path, kind: module.constructor.name, shape: output.shape, numbers });
        },
        () => model.forward(batch),
      );
      return seen;
    }),
  );
  try {
    return await Promise.all(
      layers.map(async ({ path, kind, shape, numbers }) => {
        const [of, std, zeros, dead] = await Promise.all(numbers.map((t) => t.item()));
        return { path, kind, shape, mean: of!, std: std!, zeros: zeros!, dead: dead ?? null };
      }),
    );
  } finally {
    for (const { numbers } of layers) for (const t of numbers) t.dispose();
  }
}
