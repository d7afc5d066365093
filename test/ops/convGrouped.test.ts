import { describe, test } from 'vitest';
import { expectDefinition, type Case } from './convDefinition.js';

/** `groups` parts of `channels` channels and `outputs` outputs each. */
function grouped(
  groups: number,
  channels: number,
  outputs: number,
  rest: Omit<Case, 'channels' | 'outputs' | 'groups'>,
): Case {
  return { channels: groups * channels, outputs: groups * outputs, groups, ...rest };
}

const same: [number, number, number, number] = [1, 1, 1, 1];

const cases: Record<string, Case> = {
  '8 of 8': grouped(4, 8, 8, {
    images: 2,
    side: [7, 14],
    kernel: [3, 3],
    padding: same,
    bias: true,
    residual: true,
  }),
  '4 of 4, an odd number': grouped(7, 4, 4, { images: 2, side: [9, 10], kernel: [3, 3], padding: same }),
  '16 of 16': grouped(3, 16, 16, { images: 2, side: [6, 5], kernel: [3, 3], padding: same, relu: true }),
  '5 of 32, of which each vector looks at one group': grouped(4, 5, 32, {
    images: 2,
    side: [6, 17],
    kernel: [3, 3],
    padding: [1, 1, 0, 2],
  }),
  '3 of 5, which fill no vector': grouped(5, 3, 5, {
    images: 2,
    side: [8, 11],
    kernel: [3, 3],
    padding: [0, 1, 2, 1],
    bias: true,
    residual: true,
    relu: true,
  }),
  '5 of 3': grouped(6, 5, 3, { images: 2, side: [7, 9], kernel: [2, 3], padding: [1, 0, 1, 1], relu: true }),
  '2 of 1': grouped(19, 2, 1, { images: 2, side: [7, 9], kernel: [3, 2], bias: true }),
  '8 of 8, stride 2': grouped(5, 8, 8, {
    images: 2,
    side: [9, 12],
    kernel: [3, 3],
    stride: [2, 2],
    padding: same,
  }),
  '2 of 4, stride 3 and 1, dilation 1 and 3': grouped(9, 2, 4, {
    images: 2,
    side: [13, 12],
    kernel: [4, 3],
    stride: [3, 1],
    padding: [2, 0, 1, 4],
    dilation: [1, 3],
    bias: true,
  }),
  '4 of 2, stride 4, dilation 2': grouped(3, 4, 2, {
    images: 3,
    side: [13, 15],
    kernel: [3, 5],
    stride: [4, 4],
    padding: [1, 2, 3, 4],
    dilation: [2, 2],
  }),
  '17 of 33, wider than those a lane holds': grouped(2, 17, 33, {
    images: 2,
    side: [5, 6],
    kernel: [3, 3],
    padding: same,
    bias: true,
  }),
  'more images than blocks of sums': grouped(2, 8, 8, {
    images: 41,
    side: [3, 4],
    kernel: [3, 3],
    padding: same,
  }),
};

describe.each(Object.entries(cases))('grouped conv2d: %s', (_, c) => {
  test('agrees with the definition, forward and backward, and gives the same bits for 1 and 2 threads', async () => {
    await expectDefinition(c);
  });
});
