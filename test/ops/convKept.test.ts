// Weights that are only read are packed or transformed once: results must follow them all the same.
import { describe, expect, test } from 'vitest';
import { conv2d, type Conv2dOptions } from '../../lib/ops/conv.js';
import { SGD } from '../../lib/optim/index.js';
import { reshape } from '../../lib/ops/movement.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, expectSameBits, f32, noise, noisy } from '../check.js';

const kinds: [string, [height: number, width: number, channels: number, outputs: number], Conv2dOptions][] = [
  ['direct', [3, 3, 5, 70], { algorithm: 'direct', stride: 2 }],
  ['direct in groups', [2, 3, 9, 40], { algorithm: 'direct', groups: 2 }],
  ['few outputs, which share a vector', [3, 3, 4, 3], { algorithm: 'direct' }],
  ['winograd2', [3, 3, 7, 67], { algorithm: 'winograd2', padding: 1 }],
  ['winograd4', [3, 3, 6, 33], { algorithm: 'winograd4', padding: 1 }],
  ['polyphase', [3, 3, 6, 67], { algorithm: 'polyphase', stride: 2, padding: 1 }],
  ['polyphase with many channels', [3, 3, 147, 301], { algorithm: 'polyphase', stride: 2 }],
  ['winograd4 with many channels', [3, 3, 293, 301], { algorithm: 'winograd4' }],
];

/** The result for a fresh copy of the weights, of which nothing can have been kept. */
async function fresh(x: Tensor, weight: Tensor, options: Conv2dOptions): Promise<Float32Array> {
  const copy = f32(await weight.data(), weight.shape);
  return conv2d(x, copy, null, options).data();
}

describe.each(kinds)('%s', (_, shape, options) => {
  const { groups = 1 } = options;
  const x = noisy([2, 9, 8, shape[2] * groups], 1);

  test('gives the same bits from the first use on', async () => {
    const weight = noisy(shape, 2);
    const wanted = await fresh(x, weight, options);
    for (let use = 0; use < 4; use++) expect(await conv2d(x, weight, null, options).data()).toEqual(wanted);
  });

  test('follows weights that are assigned', async () => {
    const weight = noisy(shape, 2);
    for (let use = 0; use < 3; use++) conv2d(x, weight, null, options);
    weight.assign(noisy(shape, 3));
    for (let use = 0; use < 3; use++)
      expect(await conv2d(x, weight, null, options).data()).toEqual(await fresh(x, weight, options));
  });

  test('follows weights that an optimizer moves', async () => {
    const weight = noisy(shape, 2);
    weight.requiresGrad = true;
    using optimizer = new SGD([weight], { lr: 0.1 });
    for (let step = 0; step < 3; step++) {
      for (let use = 0; use < 3; use++)
        expect(await conv2d(x, weight, null, options).data()).toEqual(await fresh(x, weight, options));
      weight.grad = noisy(shape, 4 + step);
      optimizer.step();
    }
  });
});

test('weights under another shape, and for another algorithm, are another matter', async () => {
  const values = noise(3 * 3 * 8 * 8, 2);
  const weight = f32(values, [3, 3, 8, 8]);
  const x = noisy([2, 7, 7, 8], 1);
  const forms: [number[], Conv2dOptions][] = [
    [[3, 3, 8, 8], { algorithm: 'direct' }],
    [[3, 3, 8, 8], { algorithm: 'winograd2' }],
    [[3, 3, 8, 8], { algorithm: 'winograd4' }],
    [[3, 3, 8, 8], { algorithm: 'polyphase', stride: 2 }],
    [[1, 3, 8, 24], { algorithm: 'direct' }],
    [[3, 1, 8, 24], { algorithm: 'direct' }],
    // Taps that reach no pixel are left out.
    [[3, 3, 8, 8], { algorithm: 'direct', padding: [3, 0, 3, 0], stride: 9 }],
    [[6, 3, 4, 8], { algorithm: 'direct', groups: 2 }],
  ];
  for (let round = 0; round < 3; round++)
    for (const [shape, options] of forms) {
      const view = reshape(weight, shape);
      await expectClose(conv2d(x, view, null, options), await fresh(x, view, options), 0);
    }
});

test('one thread keeps what two keep', async () => {
  const weight = noisy([3, 3, 70, 70], 2);
  const x = noisy([2, 9, 8, 70], 1);
  await expectSameBits(() => [conv2d(x, weight), conv2d(x, weight), conv2d(x, weight)]);
});
