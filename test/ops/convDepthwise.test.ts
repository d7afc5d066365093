import { describe, test } from 'vitest';
import { expectDefinition, type Case } from './convDefinition.js';

/** Depthwise: `channels` groups of one channel, and `multiplier` outputs of each. */
function depthwise(channels: number, multiplier: number, rest: Omit<Case, 'channels' | 'outputs'>): Case {
  return { channels, outputs: channels * multiplier, groups: channels, ...rest };
}

const cases: Record<string, Case> = {
  '3×3': depthwise(19, 1, { images: 2, side: [9, 17], kernel: [3, 3], padding: [1, 1, 1, 1], bias: true }),
  '3×3, whole vectors': depthwise(32, 1, { images: 3, side: [8, 31], kernel: [3, 3], padding: [1, 1, 1, 1] }),
  '3×3, no padding': depthwise(5, 1, { images: 2, side: [7, 33], kernel: [3, 3], bias: true, relu: true }),
  'two outputs a channel': depthwise(13, 2, {
    images: 2,
    side: [8, 11],
    kernel: [3, 3],
    padding: [0, 2, 1, 0],
    bias: true,
    relu: true,
  }),
  'three outputs a channel, stride 2': depthwise(11, 3, {
    images: 2,
    side: [10, 13],
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
  }),
  '3×3, stride 2': depthwise(37, 1, {
    images: 2,
    side: [13, 18],
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    bias: true,
  }),
  '5×5': depthwise(23, 1, { images: 2, side: [11, 14], kernel: [5, 5], padding: [2, 2, 2, 2] }),
  '5×5, stride 2': depthwise(18, 1, {
    images: 2,
    side: [12, 15],
    kernel: [5, 5],
    stride: [2, 2],
    padding: [2, 1, 1, 2],
  }),
  '7×7, taller than the image': depthwise(9, 1, {
    images: 2,
    side: [3, 12],
    kernel: [7, 7],
    padding: [3, 3, 3, 3],
  }),
  'dilation 2 and 3': depthwise(7, 1, {
    images: 2,
    side: [12, 15],
    kernel: [3, 4],
    padding: [2, 1, 3, 0],
    dilation: [2, 3],
  }),
  'stride 3 and 4, dilation 3 and 2': depthwise(6, 2, {
    images: 2,
    side: [14, 17],
    kernel: [3, 3],
    stride: [3, 4],
    padding: [3, 1, 0, 2],
    dilation: [3, 2],
    bias: true,
  }),
  'stride beyond the kernel': depthwise(17, 1, {
    images: 2,
    side: [11, 13],
    kernel: [2, 1],
    stride: [3, 4],
    bias: true,
    relu: true,
  }),
  'padding beyond the kernel': depthwise(3, 1, {
    images: 1,
    side: [4, 5],
    kernel: [2, 2],
    padding: [4, 3, 5, 2],
  }),
  '1×1': depthwise(21, 1, { images: 2, side: [5, 6], kernel: [1, 1], bias: true }),
  'one column': depthwise(16, 1, { images: 2, side: [9, 1], kernel: [3, 1], padding: [1, 1, 0, 0] }),
  'more images than blocks of sums': depthwise(18, 1, {
    images: 67,
    side: [4, 5],
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
  }),
  'several bands of rows': depthwise(48, 1, {
    images: 2,
    side: [64, 33],
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
  }),
  'an output past the caches': depthwise(64, 1, {
    images: 2,
    side: [128, 65],
    kernel: [2, 1],
    padding: [1, 0, 0, 0],
    bias: true,
    relu: true,
  }),
};

describe.each(Object.entries(cases))('depthwise conv2d: %s', (_, c) => {
  test('agrees with the definition, forward and backward, and gives the same bits for 1 and 2 threads', async () => {
    await expectDefinition(c);
  });
});
