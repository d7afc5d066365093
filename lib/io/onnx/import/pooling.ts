import { adaptiveAvgPool2d, adaptiveMaxPool2d } from '../../../ops/adaptivePool.js';
import { conv2d } from '../../../ops/conv.js';
import { ones } from '../../../ops/creation.js';
import { abs, div, pow } from '../../../ops/elementwise.js';
import { lpPool2d } from '../../../ops/lpPool.js';
import { pad } from '../../../ops/movement.js';
import { avgPool2d, maxPool2d } from '../../../ops/pool.js';
import { scope, type Tensor } from '../../../tensor.js';
import { channelsLast } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { TensorValue } from './value.js';
import {
  asImage,
  extentsFor,
  likeBefore,
  marginsFor,
  movingOf,
  ofImage,
  placesFor,
  requireSpatial,
  sidesOf,
  type Moving,
} from './windows.js';

/** A pool over images of its input; `work` is given sides [top, bottom, left, right]. */
function pooling(
  node: NodeBuilder,
  ceil: boolean,
  work: (image: Tensor, moving: Moving, sides: readonly [number, number, number, number]) => Tensor,
): TensorValue {
  const value = node.input(0);
  requireSpatial(node, 'its input', value);
  if (node.wants(1)) node.fail('it gives the places of the largest values, which is not supported');
  const rank = value.shape.length;
  const kernel = node.ints('kernel_shape') ?? node.fail('kernel_shape is missing');
  if (kernel.length !== rank - 2)
    node.fail(`kernel_shape is [${kernel.slice(0, 8).join(', ')}], wants ${rank - 2} numbers`);
  const moving = movingOf(node, kernel);
  const x = node.tensor(value, channelsLast(rank));
  const result = {
    shape: [...x.shape.slice(0, 2), ...extentsFor(node, moving, x.shape.slice(2), ceil)],
    order: channelsLast(rank),
    type: x.type,
  };
  return node.emit([x], result, ([input], { allow }) => {
    const sizes = input!.shape.slice(1, -1);
    allow([
      input!.shape[0]!,
      ...placesFor(moving, sizes, ceil).map((n) => Math.max(0, n)),
      input!.shape.at(-1)!,
    ]);
    const sides = sidesOf(marginsFor(moving, sizes));
    using image = asImage(input!);
    return likeBefore(work(image, moving, sides), rank);
  });
}

function maxPool(node: NodeBuilder): TensorValue {
  const ceilMode = node.flag('ceil_mode', false);
  return pooling(node, ceilMode, (image, moving, sides) => {
    const kernel = ofImage(moving.kernel, 1);
    const options = { stride: ofImage(moving.stride, 1), dilation: ofImage(moving.dilation, 1), ceilMode };
    const [top, bottom, left, right] = sides;
    // Margins of more than half a window are there as places.
    if (2 * Math.max(top, bottom) <= kernel[0] && 2 * Math.max(left, right) <= kernel[1]) {
      return maxPool2d(image, kernel, { ...options, padding: sides });
    }
    using padded = pad(image, [[0, 0], [top, bottom], [left, right], [0, 0]], -Infinity); // prettier-ignore
    return maxPool2d(padded, kernel, options);
  });
}

function averagePool(node: NodeBuilder): TensorValue {
  const ceilMode = node.flag('ceil_mode', false);
  const countIncludePad = node.flag('count_include_pad', false);
  return pooling(node, ceilMode, (image, moving, sides) => {
    const kernel = ofImage(moving.kernel, 1);
    const stride = ofImage(moving.stride, 1);
    const [top, bottom, left, right] = sides;
    const narrow = 2 * Math.max(top, bottom) <= kernel[0] && 2 * Math.max(left, right) <= kernel[1];
    if (narrow && moving.dilation.every((step) => step === 1)) {
      return avgPool2d(image, kernel, { stride, ceilMode, countIncludePad, padding: sides });
    }
    return scope(() => {
      const sums = windowSums(image, moving, sides, ceilMode);
      const [, height = 0, width = 0] = image.shape;
      const counted = countIncludePad
        ? ones([1, height + top + bottom, width + left + right, 1])
        : pad(ones([1, height, width, 1]), [[0, 0], [top, bottom], [left, right], [0, 0]]); // prettier-ignore
      const extents = sums.shape.slice(1, 3);
      return div(sums, windowSums(counted, moving, [0, 0, 0, 0], ceilMode, extents));
    });
  });
}

/** The sum of each window; one that is cut off goes over what there is. */
function windowSums(
  image: Tensor,
  moving: Moving,
  [top, bottom, left, right]: readonly [number, number, number, number],
  ceil: boolean,
  extents?: readonly number[],
): Tensor {
  const [kernel, stride, dilation] = [
    ofImage(moving.kernel, 1),
    ofImage(moving.stride, 1),
    ofImage(moving.dilation, 1),
  ];
  const [, height = 0, width = 0, channels = 0] = image.shape;
  const margins = { before: [top, left], after: [bottom, right] };
  const places = extents ?? placesFor({ kernel, stride, dilation, margins }, [height, width], ceil);
  // What the last windows need beyond the margins.
  const more = [height + top + bottom, width + left + right].map((size, i) =>
    Math.max(0, (places[i]! - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1 - size),
  );
  const padding = [top, bottom + more[0]!, left, right + more[1]!] as const;
  return conv2d(image, ones([...kernel, 1, channels]), null, { stride, dilation, padding, groups: channels });
}

/** (Σ |x|^p)^(1/p) over each window. */
function lpPool(node: NodeBuilder): TensorValue {
  const ceilMode = node.flag('ceil_mode', false);
  const p = node.int('p', 2);
  if (!(p >= 1 && p <= 1024)) node.fail(`p is ${p}, wants 1 to 1024`);
  return pooling(node, ceilMode, (image, moving, sides) =>
    scope(() => {
      const size = p % 2 === 0 ? image : abs(image);
      const kernel = ofImage(moving.kernel, 1);
      const stride = ofImage(moving.stride, 1);
      if (ceilMode || moving.dilation.some((step) => step !== 1)) {
        return pow(windowSums(pow(size, p), moving, sides, ceilMode), 1 / p);
      }
      const [top, bottom, left, right] = sides;
      const padded = Math.max(...sides) > 0 ? pad(size, [[0, 0], [top, bottom], [left, right], [0, 0]]) : size; // prettier-ignore
      return lpPool2d(padded, p, kernel, { stride });
    }),
  );
}

/** A pool over whole images. */
function globalPool(node: NodeBuilder, pool: (image: Tensor) => Tensor): TensorValue {
  const value = node.input(0);
  requireSpatial(node, 'its input', value);
  const rank = value.shape.length;
  const x = node.tensor(value, channelsLast(rank));
  const shape = x.shape.map((extent, axis) => (axis < 2 ? extent : 1));
  return node.emit([x], { shape, order: channelsLast(rank), type: x.type }, ([input]) => {
    using image = asImage(input!);
    return likeBefore(pool(image), rank);
  });
}

export const pools: Operators = {
  AveragePool: { layout: 'spatial', build: averagePool },
  GlobalAveragePool: {
    layout: 'spatial',
    since: 1,
    build: (node) => globalPool(node, (image) => adaptiveAvgPool2d(image, 1)),
  },
  GlobalMaxPool: {
    layout: 'spatial',
    since: 1,
    build: (node) => globalPool(node, (image) => adaptiveMaxPool2d(image, 1)),
  },
  LpPool: { layout: 'spatial', build: lpPool },
  MaxPool: { layout: 'spatial', build: maxPool },
};
