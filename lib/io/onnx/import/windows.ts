import { reshape } from '../../../ops/movement.js';
import type { Tensor } from '../../../tensor.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Extent, Value } from './value.js';

/** Zeros, or nothing, before and after the places along each axis; or as many as keep the size (divided by the stride). */
export type Margins =
  { readonly before: readonly number[]; readonly after: readonly number[] } | 'SAME_UPPER' | 'SAME_LOWER';

/** How a window moves over an image or a sequence; one number an axis. */
export interface Moving {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly margins: Margins;
}

/** Refuses what is neither a sequence nor an image. */
export function requireSpatial(node: NodeBuilder, what: string, value: Value): void {
  node.requireFloat(what, value);
  if (value.shape.length === 5)
    node.fail(`${what} has 3 axes of places, which is not supported: wants 1 or 2`);
  node.requireRank(what, value, [3, 4]);
}

/** The attributes that all operators with windows have. */
export function movingOf(node: NodeBuilder, kernel: readonly number[]): Moving {
  const axes = kernel.length;
  const each = (name: string, least: number): readonly number[] => {
    const given = node.ints(name) ?? kernel.map(() => 1);
    if (given.length !== axes || given.some((value) => value < least || value >= 2 ** 31)) {
      node.fail(`${name} is [${given.slice(0, 8).join(', ')}], wants ${axes} numbers from ${least} on`);
    }
    return given;
  };
  if (kernel.some((size) => size < 1 || size >= 2 ** 31)) node.fail(`kernel_shape is [${kernel.join(', ')}]`);
  return {
    kernel,
    stride: each('strides', 1),
    dilation: each('dilations', 1),
    margins: marginsOf(node, axes),
  };
}

function marginsOf(node: NodeBuilder, axes: number): Margins {
  const auto = node.string('auto_pad', 'NOTSET') || 'NOTSET';
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') return auto;
  const none = Array.from({ length: 2 * axes }, () => 0);
  if (auto !== 'NOTSET' && auto !== 'VALID') node.fail(`auto_pad is ${JSON.stringify(auto)}`);
  const pads = (auto === 'VALID' ? null : node.ints('pads')) ?? none;
  if (pads.length !== 2 * axes || pads.some((value) => value < 0 || value >= 2 ** 31)) {
    node.fail(`pads is [${pads.slice(0, 8).join(', ')}], wants ${2 * axes} numbers from 0 on`);
  }
  return { before: pads.slice(0, axes), after: pads.slice(axes) };
}

/** The margins of an image or a sequence of these sizes. */
export function marginsFor(
  { kernel, stride, dilation, margins }: Moving,
  sizes: readonly number[],
): { before: readonly number[]; after: readonly number[] } {
  if (typeof margins !== 'string') return margins;
  const total = sizes.map((size, i) => {
    const last = (Math.ceil(size / stride[i]!) - 1) * stride[i]!;
    return Math.max(0, last + dilation[i]! * (kernel[i]! - 1) + 1 - size);
  });
  const small = total.map((n) => Math.floor(n / 2));
  const large = total.map((n) => Math.ceil(n / 2));
  return margins === 'SAME_UPPER' ? { before: small, after: large } : { before: large, after: small };
}

/** How many places a window has along an axis. */
function count(
  size: number,
  reach: number,
  stride: number,
  before: number,
  after: number,
  ceil: boolean,
): number {
  const steps = (size + before + after - reach) / stride;
  const all = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // A last window that is cut off counts if it starts in the image or the margin before it.
  return ceil && (all - 1) * stride >= size + before ? all - 1 : all;
}

/** The sizes of the result for an image of these. */
export function placesFor(moving: Moving, sizes: readonly number[], ceil = false): number[] {
  const { before, after } = marginsFor(moving, sizes);
  return sizes.map((size, i) => {
    const reach = moving.dilation[i]! * (moving.kernel[i]! - 1) + 1;
    return count(size, reach, moving.stride[i]!, before[i]!, after[i]!, ceil);
  });
}

/** The same as far as it is known. */
export function extentsFor(
  node: NodeBuilder,
  moving: Moving,
  sizes: readonly Extent[],
  ceil = false,
): Extent[] {
  const { kernel, stride, dilation, margins } = moving;
  return sizes.map((size, i) => {
    const [step, reach] = [stride[i]!, dilation[i]! * (kernel[i]! - 1) + 1];
    if (typeof size === 'number') {
      const { before, after } = marginsFor(
        {
          kernel: [kernel[i]!],
          stride: [step],
          dilation: [dilation[i]!],
          margins:
            typeof margins === 'string'
              ? margins
              : { before: [margins.before[i]!], after: [margins.after[i]!] },
        },
        [size],
      );
      const places = count(size, reach, step, before[0]!, after[0]!, ceil);
      return places >= 1
        ? places
        : node.fail(
            `its window of ${reach} is larger than the ${size + before[0]! + after[0]!} places of axis ${i + 2}`,
          );
    }
    const total = typeof margins === 'string' ? null : margins.before[i]! + margins.after[i]! - reach;
    if (step === 1 && (total === null || total === -1)) return size;
    const rule =
      total === null
        ? `same ${step}`
        : `${total}/${step}${ceil ? ` from ${(margins as { before: readonly number[] }).before[i]!}` : ''}`;
    return node.derived(`${size ?? node.title} ${rule}`);
  });
}

/** A sequence [N, L, C] as an image of one row; an image is another handle of itself. */
export function asImage(x: Tensor): Tensor {
  if (x.rank === 4) return reshape(x, x.shape);
  const [n = 0, length = 0, channels = 0] = x.shape;
  return reshape(x, [n, 1, length, channels]);
}

/** What has come of asImage(), in the form of the tensor before; disposes the image. */
export function likeBefore(image: Tensor, rank: number): Tensor {
  if (rank === 4) return image;
  const [n = 0, , length = 0, channels = 0] = image.shape;
  const y = reshape(image, [n, length, channels]);
  image.dispose();
  return y;
}

/** Numbers of a sequence's axis as those of an image of one row. */
export function ofImage(numbers: readonly number[], other: number): [height: number, width: number] {
  return numbers.length === 2 ? [numbers[0]!, numbers[1]!] : [other, numbers[0]!];
}

/** [top, bottom, left, right] */
export function sidesOf({
  before,
  after,
}: {
  before: readonly number[];
  after: readonly number[];
}): [number, number, number, number] {
  const [top, left] = ofImage(before, 0);
  const [bottom, right] = ofImage(after, 0);
  return [top, bottom, left, right];
}
