import { expect, test } from 'vitest';
import { init, nn, ops, zeros } from '../../lib/index.js';
import { expectClose, noisy } from '../check.js';

test.each([
  [2, 1],
  [2, 3],
  [4, 1],
])('enlarges %i times, with %i groups', async (factor, groups) => {
  const channels = 3;
  const layer = new nn.ConvTranspose2d(channels, channels, 2 * factor, {
    stride: factor,
    padding: factor / 2,
    groups,
    bias: false,
  });
  expect(init.bilinear(layer.weight, { groups })).toBe(layer.weight);
  const x = noisy([2, 6, 5, channels]);
  // At the border the transposed convolution lacks neighbours that the interpolation repeats.
  const inner = [
    [0, factor, factor],
    [2, 5 * factor, 4 * factor],
  ] as const;
  const wanted = ops.slice(ops.interpolate(x, { scaleFactor: factor, mode: 'bilinear' }), ...inner);
  await expectClose(ops.slice(layer.forward(x), ...inner), await wanted.data(), 1e-6);
});

test('is a tent also for kernels of an odd size, with as many channels as there are', async () => {
  const weight = init.bilinear(zeros([3, 1, 1, 2]));
  expect([...(await weight.data())]).toEqual([0.5, 0, 1, 0, 0.5, 0]);
});

test('refuses what is no kernel', () => {
  expect(() => init.bilinear(zeros([3, 3, 2]))).toThrow('bilinear: tensor has shape [3, 3, 2], wants 4 axes');
  expect(() => init.bilinear(zeros([3, 3, 2, 4]), { groups: 3 })).toThrow(
    'bilinear: groups is 3, wants a divisor of the 4 inputs',
  );
});
