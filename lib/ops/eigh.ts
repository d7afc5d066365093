import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';

/**
 * The eigenvalues and eigenvectors of a symmetric matrix [n, n], of which the lower triangle is read:
 * A = V·diag(values)·Vᵀ, as numpy.linalg.eigh gives them. Values [n] ascend; column i of the vectors [n, n] is that of
 * value i, of length 1, and its element of largest magnitude is positive. Not followed by autograd.
 *
 * In double precision, by Householder's reduction and the QL algorithm. On two cores of a server 1,000 rows take some
 * half a second, 3,072 some half a minute, during which other operations wait.
 *
 * @throws RangeError for what is no square matrix; StriateError, at the next read, for values that are not finite
 */
export function eigh(a: Tensor): { values: Tensor; vectors: Tensor } {
  const [values, vectors] = native.eigh(handleOf(a));
  return { values: new Tensor(values, 'f32'), vectors: new Tensor(vectors, 'f32') };
}
