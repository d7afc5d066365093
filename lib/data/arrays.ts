import { tensor, type TensorData } from '../ops/creation.js';
import type { Shape } from '../tensor.js';
import { classLabels, type TargetType } from './classes.js';
import { TensorDataset } from './dataset.js';

export interface ArrayDatasetOptions {
  /** The shape of x, [N, …], where it is one flat array. Default: as it is nested. */
  shape?: Shape | undefined;
  /** Whether y are classes, by name or label, or values. Default: 'class' for a flat y, 'value' for a nested one. */
  targetType?: TargetType | undefined;
  /** The names of the classes in the order of their labels. Default: those in y, sorted; '0', '1', … for labels. */
  classes?: readonly string[] | undefined;
}

/**
 * Samples in arrays: x [N, …] nested or flat, u8 where it is a Uint8Array, whose values 0 to 255 become 0 to 1; and for each
 * a class or a value.
 *
 * ```ts
 * arrayDataset([[5.1, 3.5], [6.2, 2.9]], ['setosa', 'virginica']);
 * arrayDataset(pixels, labels, { shape: [labels.length, 28, 28, 1] });
 * arrayDataset([[1], [2]], [2.1, 3.9], { targetType: 'value' });
 * ```
 *
 * @throws RangeError for lengths that differ, values that are not finite, no sample, one class alone, a class that is none;
 *   TypeError for what is no array of numbers
 */
export function arrayDataset(
  x: TensorData,
  y: TensorData | readonly string[],
  { shape, targetType, classes }: ArrayDatasetOptions = {},
): TensorDataset {
  const input =
    x instanceof Uint8Array || x instanceof Uint8ClampedArray ? tensor(x, shape) : tensor(x, shape, 'f32');
  const n = input.shape[0] ?? 0;
  if (n === 0)
    throw new RangeError(`arrayDataset: x has the shape [${input.shape.join(', ')}], wants samples`);
  requireFinite('x', input.dataSync(), input.size / n);
  const list = (typeof y === 'object' ? Array.from(y as ArrayLike<unknown>) : [y]) as readonly unknown[];
  if (list.length !== n) throw new RangeError(`arrayDataset: y has ${list.length} targets, x ${n} samples`);
  const flat = list.every((item) => typeof item === 'number' || typeof item === 'string');
  if ((targetType ?? (flat ? 'class' : 'value')) === 'value') {
    const values = tensor(y as TensorData, 'f32');
    requireFinite('y', values.dataSync(), values.size / n);
    return new TensorDataset(input, values);
  }
  if (!flat) throw new TypeError('arrayDataset: y is nested, classes want one name or label for each sample');
  const known = classLabels(list, classes, (i) => `arrayDataset: y[${i}]`);
  return new TensorDataset(input, tensor(known.labels), { classes: known.classes });
}

function requireFinite(name: string, values: ArrayLike<number>, each: number): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new RangeError(
      `arrayDataset: ${name}[${Math.floor(i / each)}] has a ${values[i]}, wants finite numbers`,
    );
  }
}
