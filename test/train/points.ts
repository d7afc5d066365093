// What is quick to learn: on which side of a line points of the plane lie.
import { data, tensor } from '../../lib/index.js';
import { noise } from '../check.js';

export function points(n: number): data.TensorDataset {
  const x = noise(n * 2, 4);
  const labels = Int32Array.from({ length: n }, (_, i) => (x[2 * i]! + x[2 * i + 1]! > 0 ? 1 : 0));
  return new data.TensorDataset(tensor(x, [n, 2]), tensor(labels));
}
