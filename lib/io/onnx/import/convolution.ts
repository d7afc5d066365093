import { conv2d } from '../../../ops/conv.js';
import { convTranspose2d } from '../../../ops/convTranspose.js';
import { reshape } from '../../../ops/movement.js';
import type { Tensor } from '../../../tensor.js';
import { channelsLast, kernelsLast } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { Compute } from './step.js';
import type { Extent, TensorValue } from './value.js';
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
} from './windows.js';

/** What both kinds of convolution have. */
interface Kernels {
  x: TensorValue;
  weight: TensorValue;
  bias: TensorValue | null;
  /** [K, C/groups, …], or of a transposed one [C, K/groups, …]. */
  shape: readonly number[];
  groups: number;
}

function kernelsOf(node: NodeBuilder): Kernels {
  const [image, kernels, offsets] = [node.input(0), node.input(1), node.optional(2)];
  requireSpatial(node, 'its input', image);
  node.requireFloat('its weight', kernels);
  const rank = image.shape.length;
  node.requireRank('its weight', kernels, [rank]);
  const shape = kernels.shape.map((extent) =>
    typeof extent === 'number' ? extent : node.fail('the shape of its weight is not known'),
  );
  const given = node.ints('kernel_shape');
  if (given && given.join() !== shape.slice(2).join()) {
    node.fail(`kernel_shape is [${given.slice(0, 8).join(', ')}], its weight [${shape.join(', ')}]`);
  }
  const groups = node.int('group', 1);
  if (groups < 1 || shape[0]! % groups !== 0)
    node.fail(`group is ${groups}, its weight [${shape.join(', ')}]`);
  return {
    x: node.tensor(image, channelsLast(rank)),
    weight: node.weight(kernels, [{ axes: kernelsLast(rank) }]),
    bias: offsets && node.weight(offsets, []),
    shape,
    groups,
  };
}

function requireChannels(
  node: NodeBuilder,
  channels: Extent,
  wanted: number,
  bias: TensorValue | null,
  outputs: number,
): void {
  if (typeof channels === 'number' && channels !== wanted) {
    node.fail(`its input has ${channels} channels, its weight wants ${wanted}`);
  }
  if (bias && (bias.shape.length !== 1 || (typeof bias.shape[0] === 'number' && bias.shape[0] !== outputs))) {
    node.fail(`its bias is [${bias.shape.map(String).join(', ')}], wants [${outputs}]`);
  }
}

/** Kernels [L, C, K] as those of an image of one row. */
function asImageKernels(weight: Tensor): Tensor {
  return reshape(weight, weight.rank === 4 ? weight.shape : [1, ...weight.shape]);
}

function conv(node: NodeBuilder): TensorValue {
  const { x, weight, bias, shape, groups } = kernelsOf(node);
  const [outputs = 0, inGroup = 0, ...kernel] = shape;
  requireChannels(node, x.shape[1], inGroup * groups, bias, outputs);
  const moving = movingOf(node, kernel);
  const rank = shape.length;
  const stride = ofImage(moving.stride, 1);
  const dilation = ofImage(moving.dilation, 1);
  const compute: Compute = ([input, kernels, offsets], { residual, relu, allow }) => {
    const sizes = input!.shape.slice(1, -1);
    allow([input!.shape[0]!, ...placesFor(moving, sizes).map((n) => Math.max(0, n)), outputs]);
    const options = { stride, dilation, groups, relu, padding: sidesOf(marginsFor(moving, sizes)) };
    if (rank === 4)
      return conv2d(input!, kernels!, offsets ?? null, residual ? { ...options, residual } : options);
    using image = asImage(input!);
    using flat = asImageKernels(kernels!);
    using added = residual && asImage(residual);
    return likeBefore(
      conv2d(image, flat, offsets ?? null, added ? { ...options, residual: added } : options),
      rank,
    );
  };
  const result = {
    shape: [x.shape[0], outputs, ...extentsFor(node, moving, x.shape.slice(2))],
    order: channelsLast(rank),
    type: x.type,
  };
  const options = { kind: { is: 'layer' }, takes: { relu: true, residual: true } } as const;
  return node.emit([x, weight, ...(bias ? [bias] : [])], result, compute, options);
}

function convTranspose(node: NodeBuilder): TensorValue {
  const { x, weight, bias, shape, groups } = kernelsOf(node);
  const [inputs = 0, outGroup = 0, ...kernel] = shape;
  const outputs = outGroup * groups;
  requireChannels(node, x.shape[1], inputs, bias, outputs);
  const { stride, dilation, margins } = movingOf(node, kernel);
  const axes = kernel.length;
  const numbers = (name: string): readonly number[] | null => {
    const given = node.ints(name);
    if (given && (given.length < axes || given.some((n) => n < 0 || n >= 2 ** 31)))
      node.fail(`${name} is [${given.slice(0, 8).join(', ')}]`);
    return given?.slice(-axes) ?? null;
  };
  const more = numbers('output_padding') ?? kernel.map(() => 0);
  const wanted = numbers('output_shape');
  /** What is taken off before and after, and added after, of an image of these sizes. */
  const cut = (sizes: readonly number[]) => {
    const [before, after, added]: [number[], number[], number[]] = [[], [], []];
    for (const [i, size] of sizes.entries()) {
      const whole = stride[i]! * (size - 1) + dilation[i]! * (kernel[i]! - 1) + 1;
      if (typeof margins !== 'string' && !wanted) {
        before.push(margins.before[i]!);
        after.push(margins.after[i]!);
        added.push(more[i]!);
        continue;
      }
      const total = whole + more[i]! - (wanted?.[i] ?? size * stride[i]!);
      const off = Math.max(0, total);
      const upper = margins === 'SAME_UPPER';
      before.push(upper ? Math.floor(off / 2) : Math.ceil(off / 2));
      after.push(upper ? Math.ceil(off / 2) : Math.floor(off / 2));
      added.push(more[i]! + Math.max(0, -total));
    }
    return { before, after, added };
  };
  const placesOf = (sizes: readonly number[]) => {
    const { before, after, added } = cut(sizes);
    return sizes.map(
      (size, i) =>
        stride[i]! * (size - 1) + dilation[i]! * (kernel[i]! - 1) + 1 - before[i]! - after[i]! + added[i]!,
    );
  };
  const rank = shape.length;
  const compute: Compute = ([input, kernels, offsets], { relu, allow }) => {
    const sizes = input!.shape.slice(1, -1);
    allow([input!.shape[0]!, ...placesOf(sizes).map((n) => Math.max(0, n)), outputs]);
    const sides = cut(sizes);
    using image = asImage(input!);
    using flat = asImageKernels(kernels!);
    const options = {
      stride: ofImage(stride, 1),
      dilation: ofImage(dilation, 1),
      padding: sidesOf(sides),
      outputPadding: ofImage(sides.added, 0),
      groups,
      relu,
    };
    return likeBefore(convTranspose2d(image, flat, offsets ?? null, options), rank);
  };
  const places = x.shape.slice(2).map((size, i) => {
    if (typeof size === 'number') {
      const found = placesOf(kernel.map((_, j) => (j === i ? size : 1)))[i]!;
      return found >= 1 ? found : node.fail(`nothing is left of axis ${i + 2}`);
    }
    return wanted?.[i] ?? node.derived(`${size ?? ''} ${node.title} ${i}`);
  });
  const result = { shape: [x.shape[0], outputs, ...places], order: channelsLast(rank), type: x.type };
  return node.emit([x, weight, ...(bias ? [bias] : [])], result, compute, { takes: { relu: true } });
}

export const convolutions: Operators = {
  Conv: { layout: 'spatial', since: 1, build: conv },
  ConvTranspose: { layout: 'spatial', since: 1, build: convTranspose },
};
