import { reshape, transpose } from '../../../ops/movement.js';
import { scope } from '../../../tensor.js';
import { channelsLast } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { Extent, TensorValue } from './value.js';

/** An extent times a whole number. */
function times(node: NodeBuilder, extent: Extent, factor: number): Extent {
  if (typeof extent === 'number') return extent * factor;
  return node.derived(`${extent ?? node.title} times ${factor}`);
}

/** Blocks of channels become squares of pixels: [N, C·b², H, W] → [N, C, H·b, W·b]. */
function depthToSpace(node: NodeBuilder): TensorValue {
  const value = node.input(0);
  node.requireRank('its input', value, [4]);
  const block = node.int('blocksize');
  const mode = node.string('mode', 'DCR');
  if (!(block >= 1 && block < 2 ** 15)) node.fail(`blocksize is ${block}, wants 1 or more`);
  if (mode !== 'DCR' && mode !== 'CRD') node.fail(`mode is ${JSON.stringify(mode)}`);
  const x = node.tensor(value, channelsLast(4));
  const [n, depth, height, width] = x.shape;
  const channels =
    typeof depth === 'number' ? depth / block ** 2 : node.fail('the number of channels is not known');
  if (!Number.isInteger(channels))
    node.fail(`its input has ${String(depth)} channels, wants a multiple of ${block ** 2}`);
  const shape = [n, channels, times(node, height, block), times(node, width, block)];
  return node.emit([x], { shape, order: channelsLast(4), type: x.type }, ([input]) =>
    scope(() => {
      const [images = 0, rows = 0, columns = 0] = input!.shape;
      const parts = mode === 'DCR' ? [block, block, channels] : [channels, block, block];
      const axes = mode === 'DCR' ? [0, 1, 3, 2, 4, 5] : [0, 1, 4, 2, 5, 3];
      const blocks = transpose(reshape(input!, [images, rows, columns, ...parts]), axes);
      return reshape(blocks, [images, rows * block, columns * block, channels]);
    }),
  );
}

export const depths: Operators = { DepthToSpace: { layout: 'spatial', build: depthToSpace } };
