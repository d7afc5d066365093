import { native } from '../native.js';
import { handleOf, handleOrNull, requireLive, Tensor, type DType } from '../tensor.js';
import { perChannel, type PerChannel } from './channels.js';
import { pair, type Pair } from './pair.js';

/** What lies beyond an image: a value, the pixel at its border, the image mirrored at that pixel, or behind it. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

export interface CropFlipOptions {
  /** [height, width] of the windows, or one number for both. */
  size: Pair;
  /** The image that each window is of: i32 [N]. Default: window n is of image n. */
  indices?: Tensor<'i32'> | null | undefined;
  /** Default: 'constant'. */
  paddingMode?: PaddingMode | undefined;
  /** The value of 'constant', for all channels or for each. Default: 0. */
  fill?: PerChannel | undefined;
  /** Subtracted from each channel, if given together with `std`. */
  mean?: PerChannel | undefined;
  /** By which each channel is divided after that. */
  std?: PerChannel | undefined;
}

/** [N, H, W, C] with its four sizes, where it is images. */
export function imageShape(operation: string, x: Tensor<DType>): [number, number, number, number] {
  const { shape } = requireLive(operation, 'input', x);
  if (shape.length === 4) return shape as unknown as [number, number, number, number];
  throw new RangeError(
    `${operation}: input [${shape.join(', ')}] has ${shape.length} axes, wants 4: [N, H, W, C]`,
  );
}

/**
 * Windows of images, padded, mirrored and standardized in one pass: [M, H, W, C] → f32 [N, *size, C].
 *
 * Row n of `windows`, i32 [N, 4], is the window's top and left, which may lie beyond the image, as may its other ends,
 * and whether it is then mirrored left to right and top to bottom (0 or 1). Images are f32, or u8 for values of x/255.
 * With mean and std, a value v becomes (v − mean)/std, and so does `fill`. Not followed by autograd.
 *
 * @throws TypeError, RangeError for tensors that do not fit; StriateError, at the next read, for an index that is no image
 */
export function cropFlip(x: Tensor | Tensor<'u8'>, windows: Tensor<'i32'>, options: CropFlipOptions): Tensor {
  const { size, indices, paddingMode = 'constant', fill = 0, mean, std } = options;
  const channels = imageShape('cropFlip', x)[3];
  const values = (name: string, given: PerChannel | undefined) =>
    given === undefined ? null : perChannel('cropFlip', name, given, channels);
  using fills = perChannel('cropFlip', 'fill', fill, channels);
  using means = values('mean', mean);
  using deviations = values('std', std);
  const handles = [handleOrNull(means), handleOrNull(deviations)] as const;
  return new Tensor(
    native.cropFlip(
      x.handle,
      indices ? handleOf(indices) : null,
      handleOf(windows),
      pair('cropFlip', 'size', size),
      paddingMode,
      fills.handle,
      ...handles,
    ),
    'f32',
  );
}

/**
 * x [N, H, W, C] with a box of each image painted over: row n of `boxes`, i32 [N, 4], is its top, left, bottom and right,
 * the last two outside of it; what lies beyond the image is left out, and a box without places is none.
 *
 * @param value for all channels, or one for each. Default: 0.
 */
export function eraseBoxes(x: Tensor, boxes: Tensor<'i32'>, value: PerChannel = 0): Tensor {
  const channels = imageShape('eraseBoxes', x)[3];
  using fill = perChannel('eraseBoxes', 'value', value, channels);
  return new Tensor(native.eraseBoxes(x.handle, handleOf(boxes), fill.handle), 'f32');
}

/**
 * x [N, H, W, C] with a box of each image, as eraseBoxes has it, painted over with what image partners[n] of `other`
 * [M, H, W, C] has there.
 *
 * @throws StriateError, at the next read, for a partner that is no image
 */
export function pasteBoxes(x: Tensor, other: Tensor, boxes: Tensor<'i32'>, partners: Tensor<'i32'>): Tensor {
  const handles = [handleOf(other), handleOf(boxes), handleOf(partners)] as const;
  return new Tensor(native.pasteBoxes(handleOf(x), ...handles), 'f32');
}
