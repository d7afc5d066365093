import { record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { requireLive, scope, Tensor } from '../tensor.js';
import { reshape } from './movement.js';
import { pair, type Pair } from './pair.js';

/** How values between pixels are found; `linear` is for sequences, `bilinear` for images. */
export type UpsampleMode = 'nearest' | 'linear' | 'bilinear';

export interface InterpolateOptions {
  /** [OH, OW], or one number for both; of a sequence its length. */
  size?: Pair;
  /** How many times as large, where no size is given: OH = ⌊H·scaleFactor⌋. */
  scaleFactor?: Pair;
  /** 'linear' is that of sequences, 'bilinear' of images. Default: 'nearest'. */
  mode?: UpsampleMode;
  /**
   * Whether the first and last places of x are the first and last of the result, at (H − 1)/(OH − 1) a step; not with
   * 'nearest'. Default: false.
   */
  alignCorners?: boolean;
}

/**
 * Images, or sequences, of another size: up, or down without a filter.
 *
 * - 'nearest': y[n, i, j, c] = x[n, ⌊i·H/OH⌋, ⌊j·W/OW⌋, c]
 * - 'linear', 'bilinear': between the nearest places on both sides of (i + ½)·H/OH − ½ (at most H − 1, at least 0), each
 *   by its nearness, and of columns likewise
 *
 * [N, H, W, C] → [N, OH, OW, C], [N, L, C] → [N, OL, C]. The steps are H/OH also for a scale factor that does not give a
 * whole size.
 *
 * @throws TypeError for what is no f32 tensor or an unknown mode, RangeError for another rank, sizes below 1, and where
 *   neither or both of size and scaleFactor are given
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { shape, rank } = requireLive('interpolate', 'input', x);
  const sequence = rank === 3;
  if (rank !== 4 && !sequence) {
    throw new RangeError(
      `interpolate: input [${shape.join(', ')}] has ${rank} axes, wants 4, or 3 of a sequence`,
    );
  }
  const { mode = 'nearest', alignCorners = false } = options;
  const linear = sequence ? 'linear' : 'bilinear';
  if (mode !== 'nearest' && mode !== linear) {
    throw new TypeError(`interpolate: mode is ${describe(mode)}, wants 'nearest' or '${linear}'`);
  }
  if (alignCorners && mode === 'nearest') {
    throw new RangeError("interpolate: alignCorners is true, wants mode 'linear' or 'bilinear' then");
  }
  const size = sizeOf(sequence ? [1, ...shape.slice(1)] : shape.slice(1), options, sequence);
  const how = mode === 'nearest' ? mode : alignCorners ? 'bilinear, corners aligned' : 'bilinear';
  if (!sequence) return upsample2d(x, size, how);
  return scope(() => {
    const y = upsample2d(reshape(x, [shape[0]!, 1, ...shape.slice(1)]), size, how);
    return reshape(y, [shape[0]!, ...y.shape.slice(2)]);
  });
}

/** [OH, OW] */
function sizeOf(
  image: readonly number[],
  { size, scaleFactor }: InterpolateOptions,
  sequence: boolean,
): number[] {
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new RangeError(
      `interpolate: ${size === undefined ? 'neither' : 'both'} of size and scaleFactor given, wants one`,
    );
  }
  const name = size === undefined ? 'scaleFactor' : 'size';
  const [vertical, horizontal] = pair('interpolate', name, (size ?? scaleFactor)!);
  const given = [sequence ? 1 : vertical, horizontal];
  if (size !== undefined) return given;
  return given.map((factor, i) => {
    if (!(factor > 0 && factor < Infinity)) {
      throw new RangeError(`interpolate: scaleFactor is ${factor}, wants a number above 0`);
    }
    return Math.floor((image[i] ?? 0) * factor);
  });
}

function upsample2d(x: Tensor, size: number[], mode: string): Tensor {
  const y = new Tensor(native.upsample2d(x.handle, size, mode), 'f32');
  const { shape } = x;
  return record('interpolate', y, [x], [], (g) => [
    new Tensor(native.upsample2dBackward(g.handle, shape, mode), 'f32'),
  ]);
}
