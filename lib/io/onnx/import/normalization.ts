import { instanceNorm } from '../../../ops/groupNorm.js';
import { localResponseNorm } from '../../../ops/localResponse.js';
import { batchNorm } from '../../../ops/norm.js';
import { reshape } from '../../../ops/movement.js';
import type { Tensor } from '../../../tensor.js';
import { channelsLast } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { TensorValue, Value } from './value.js';

/** A weight of one number for each channel. */
function perChannel(node: NodeBuilder, what: string, value: Value, x: Value, buffer = false): TensorValue {
  node.requireFloat(what, value);
  const [channels, extent] = [x.shape[1], value.shape[0]];
  const differ = typeof channels === 'number' && typeof extent === 'number' && channels !== extent;
  if (value.shape.length !== 1 || differ) {
    node.fail(`${what} is [${value.shape.map(String).join(', ')}], wants [${String(channels)}]`);
  }
  return node.weight(value, [], { buffer });
}

function epsilonOf(node: NodeBuilder): number {
  const eps = node.float('epsilon', 1e-5);
  return eps >= 0 && eps < Infinity ? eps : node.fail(`epsilon is ${eps}, wants a number from 0 on`);
}

function batchNormalization(node: NodeBuilder): TensorValue {
  const value = node.input(0);
  node.requireFloat('its input', value);
  const rank = value.shape.length;
  node.requireRank('its input', value, [2, 3, 4, 5]);
  if (!node.flag('spatial', true)) node.fail('spatial is 0, which is not supported');
  for (const i of [1, 2, 3, 4]) {
    if (node.wants(i))
      node.fail('it gives the statistics of a batch, which is not supported: export the model for inference');
  }
  const x = node.tensor(value, channelsLast(rank));
  const eps = epsilonOf(node);
  const kept = node.float('momentum', 0.9);
  const momentum = kept >= 0 && kept <= 1 ? 1 - kept : node.fail(`momentum is ${kept}, wants 0 to 1`);
  const [scale, shift] = [
    perChannel(node, 'its scale', node.input(1), value),
    perChannel(node, 'its bias', node.input(2), value),
  ];
  const [mean, variance] = [
    perChannel(node, 'its mean', node.input(3), value, true),
    perChannel(node, 'its variance', node.input(4), value, true),
  ];
  // Only what the network owns may be moved by training.
  const owned = node.input(3).kind === 'constant' && node.input(4).kind === 'constant';
  const { shape, order, type } = x;
  return node.emit(
    [x, scale, shift, mean, variance],
    { shape, order, type },
    ([input, weight, bias, runningMean, runningVar], { training, relu, residual }) => {
      const options = {
        weight: weight!,
        bias: bias!,
        runningMean: runningMean!,
        runningVar: runningVar!,
        eps,
        relu,
        training: training && owned,
        momentum,
      };
      if (rank < 5) return batchNorm(input!, { ...options, residual });
      using flat = asRows(input!);
      using added = residual && asRows(residual);
      using y = batchNorm(flat, { ...options, residual: added });
      return reshape(y, input!.shape);
    },
    { kind: { is: 'batchNorm', eps }, takes: { relu: true, residual: true } },
  );
}

/** All places of an image as one axis. */
function asRows(x: Tensor): Tensor {
  const [n = 0, ...rest] = x.shape;
  const channels = rest.at(-1) ?? 0;
  return reshape(x, [n, rest.slice(0, -1).reduce((m, extent) => m * extent, 1), channels]);
}

function instanceNormalization(node: NodeBuilder): TensorValue {
  const value = node.input(0);
  node.requireFloat('its input', value);
  const rank = value.shape.length;
  node.requireRank('its input', value, [3, 4]);
  const x = node.tensor(value, channelsLast(rank));
  const eps = epsilonOf(node);
  const affine = [
    perChannel(node, 'its scale', node.input(1), value),
    perChannel(node, 'its bias', node.input(2), value),
  ];
  const { shape, order, type } = x;
  return node.emit([x, ...affine], { shape, order, type }, ([input, weight, bias]) =>
    instanceNorm(input!, { weight: weight!, bias: bias!, eps }),
  );
}

function lrn(node: NodeBuilder): TensorValue {
  const value = node.input(0);
  node.requireFloat('its input', value);
  const rank = value.shape.length;
  if (rank < 2) node.fail(`its input has ${rank} axes, wants 2 or more`);
  const size = node.int('size');
  if (!(size >= 1 && size < 2 ** 31)) node.fail(`size is ${size}, wants 1 or more`);
  if (size % 2 === 0) node.fail(`size is ${size}, which is not supported: wants an odd number`);
  const x = node.tensor(value, channelsLast(rank));
  const options = {
    alpha: node.float('alpha', 1e-4),
    beta: node.float('beta', 0.75),
    k: node.float('bias', 1),
  };
  const { shape, order, type } = x;
  return node.emit([x], { shape, order, type }, ([input]) => localResponseNorm(input!, size, options));
}

export const normalizations: Operators = {
  BatchNormalization: { layout: 'spatial', build: batchNormalization },
  InstanceNormalization: { layout: 'spatial', since: 6, build: instanceNormalization },
  LRN: { layout: 'spatial', since: 1, build: lrn },
};
