// Operations on sequences [N, L, C] are those on images of one row, [N, 1, L, C], over the same storage.
import { describe } from '../describe.js';
import { requireLive, type DType, type Tensor } from '../tensor.js';
import { reshape } from './movement.js';

/** An option that is one number. Ranges are checked by the native side. */
export function alone(operation: string, name: string, value: unknown): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`${operation}: ${name} is ${describe(value)}, wants a number`);
}

/** The shape of a tensor of three axes. */
export function threeAxes(
  operation: string,
  argument: string,
  t: Tensor<DType>,
  axes: string,
): readonly [number, number, number] {
  const { shape } = requireLive(operation, argument, t);
  const [first, second, third] = shape;
  if (shape.length === 3 && first !== undefined && second !== undefined && third !== undefined) {
    return [first, second, third];
  }
  throw new RangeError(`${operation}: ${argument} [${shape.join(', ')}] wants 3 axes, ${axes}`);
}

/** A sequence as an image of one row. */
export function asRow<D extends DType>(operation: string, argument: string, x: Tensor<D>): Tensor<D> {
  const [images, length, channels] = threeAxes(operation, argument, x, '[N, L, C]');
  return reshape(x, [images, 1, length, channels]);
}

/** An image of one row as a sequence. Disposes the image. */
export function asSequence<D extends DType>(image: Tensor<D>): Tensor<D> {
  const [images = 0, , length = 0, channels = 0] = image.shape;
  const y = reshape(image, [images, length, channels]);
  image.dispose();
  return y;
}
