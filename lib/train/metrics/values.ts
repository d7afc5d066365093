import type { Target } from '../../data/dataset.js';
import { abs, mul, square, sub } from '../../ops/elementwise.js';
import { sum } from '../../ops/reduce.js';
import type { Tensor } from '../../tensor.js';
import type { Metric } from './metric.js';

function ofErrors(name: string, of: (error: Tensor) => Tensor): Metric {
  return {
    name,
    measure(output, target: Target) {
      const [given, wanted] = [target.shape.join(', '), output.shape.join(', ')];
      if (target.dtype !== 'f32' || given !== wanted) {
        throw new RangeError(
          `${name}: target is ${target.dtype} [${given}], wants f32 [${wanted}] as the output`,
        );
      }
      const each = output.size / Math.max(1, output.shape[0] ?? 1);
      return mul(sum(of(sub(output, target))), 1 / Math.max(1, each));
    },
    value: ([total = 0], samples) => total / samples,
  };
}

/** The mean of the squares of errors, over all elements of values f32. */
export function mse(): Metric {
  return ofErrors('mse', square);
}

/** The mean of the sizes of errors, over all elements of values f32. */
export function mae(): Metric {
  return ofErrors('mae', abs);
}
