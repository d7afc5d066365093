import { describe } from '../describe.js';
import { native } from '../native.js';
import { nextStream } from '../ops/creation.js';
import { Tensor } from '../tensor.js';
import { fillWith, requireNumber, requireTarget } from './fill.js';

export interface OrthogonalOptions {
  /** What the matrix is multiplied by; see calculateGain. Default: 1. */
  gain?: number;
}

/**
 * A random orthogonal matrix, drawn uniformly from all such (Saxe, McClelland and Ganguli, "Exact solutions to the
 * nonlinear dynamics of learning in deep linear neural networks", 2014), times gain. All axes but the last count as
 * rows: of a layer's weights, those of different outputs are orthonormal, or where it has more outputs than inputs, those
 * of different inputs. In double precision; takes some 2·r·c² multiplications, c being the fewer of rows and columns.
 *
 * @throws RangeError for fewer than 2 axes
 */
export function orthogonal<T extends Tensor>(tensor: T, { gain = 1 }: OrthogonalOptions = {}): T {
  requireTarget('orthogonal', tensor);
  requireNumber('orthogonal', 'gain', gain);
  const { shape } = tensor;
  if (shape.length < 2) {
    throw new RangeError(`orthogonal: tensor has shape ${describe(shape)}, wants at least 2 axes`);
  }
  const columns = shape.at(-1)!;
  const rows = shape.slice(0, -1).reduce((n, extent) => n * extent, 1);
  using matrix = new Tensor(native.orthogonal(rows, columns, gain, ...nextStream()), 'f32');
  return fillWith(tensor, new Tensor(native.reshape(matrix.handle, shape), 'f32'));
}
