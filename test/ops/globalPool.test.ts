import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import * as nn from '../../lib/nn/index.js';
import { globalAvgPool2d, globalMaxPool2d } from '../../lib/ops/globalPool.js';
import { memory } from '../../lib/system.js';
import { synchronize, type Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

const pools = { Avg: globalAvgPool2d, Max: globalMaxPool2d };

describe.each(['Avg', 'Max'] as const)('global%sPool2d', (kind) => {
  const pool = pools[kind];

  test.each([[[2, 7, 5, 33]], [[1, 1, 1, 3]], [[3, 1, 9, 1]], [[1, 61, 47, 70]]])(
    '%j agrees with the definition',
    async (shape) => {
      const [images, , , channels] = shape as [number, number, number, number];
      const places = volume(shape) / images / channels;
      const x = noise(volume(shape), 3);
      const dy = noise(images * channels, 4);
      const y: number[] = [];
      const dx = new Float64Array(x.length);
      for (let n = 0; n < images; n++)
        for (let c = 0; c < channels; c++) {
          const members = Array.from({ length: places }, (_, i) => (n * places + i) * channels + c);
          const values = members.map((i) => x[i]!);
          const g = dy[y.length]!;
          if (kind === 'Avg') {
            for (const i of members) dx[i] = g / places;
            y.push(values.reduce((sum, v) => sum + v, 0) / places);
          } else {
            const largest = Math.max(...values);
            dx[members[values.indexOf(largest)]!] = g;
            y.push(largest);
          }
        }
      for (const keepDims of [false, true]) {
        const input = f32(x, shape);
        input.requiresGrad = true;
        const output = pool(input, { keepDims });
        expect(output.shape).toEqual(keepDims ? [images, 1, 1, channels] : [images, channels]);
        await expectClose(output, y);
        await expectClose(grad(output, [input], f32(dy, output.shape))[0]!, dx);
      }
    },
  );

  test('gradients agree with differences, with the same bits for 1 and 2 threads', async () => {
    const values = Array.from({ length: 2 * 5 * 7 * 3 }, (_, i) => ((i * 37) % 210) / 10);
    await expectGradients((x) => pool(x), [f32(values, [2, 5, 7, 3])]);
    const x = noisy([3, 57, 43, 37]);
    x.requiresGrad = true;
    await expectSameBits(() => {
      const y = pool(x);
      return [y, ...grad(y, [x], noisy([3, 37], 5))];
    });
  });

  test('shows what is no number, and nothing of nothing', async () => {
    const y = await pool(f32([1, NaN, 3, 2, 5, 6], [1, 1, 3, 2])).data();
    expect([...y].map(Number.isNaN)).toEqual([false, true]);
    expect(pool(noisy([0, 2, 2, 3])).shape).toEqual([0, 3]);
  });

  test('leaves nothing on its way', async () => {
    const x = noisy([2, 3, 4, 5]);
    await collectGarbage();
    const { liveTensors } = memory();
    pool(x).dispose();
    await synchronize();
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test('is a layer', async () => {
    const x = noisy([2, 5, 6, 3]);
    const Layer = kind === 'Avg' ? nn.GlobalAvgPool2d : nn.GlobalMaxPool2d;
    const flat: Tensor = new Layer().forward(x);
    expect(flat.shape).toEqual([2, 3]);
    expect(await flat.data()).toEqual(await pool(x).data());
    expect(new Layer({ keepDims: true }).forward(x).shape).toEqual([2, 1, 1, 3]);
    expect(new Layer().windows([2, 5, 6, 3]).map(({ kernelSize }) => kernelSize)).toEqual([5, 6]);
    expect(() => new Layer({ keepDims: 1 as never })).toThrow(/keepDims is 1, wants true or false/);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a sequence', () => pool(noisy([2, 3, 4])), /input is \[2, 3, 4\], wants \[N, H, W, C\] with H and W above 0/],
    ['an image of nothing', () => pool(noisy([2, 0, 3, 4])), /input is \[2, 0, 3, 4\], wants/],
    ['another dtype', () => pool(i32([1], [1, 1, 1, 1]) as never), /input is i32, wants dtype f32/],
    ['no flag', () => pool(noisy([1, 1, 1, 1]), { keepDims: 'yes' as never }), /keepDims is 'yes', wants true or/],
    ['no tensor', () => pool({} as never), /input is an object, wants a tensor/],
  ])('refuses %s', (_, work, message) => {
    expect(work).toThrow(message);
    expect(work).toThrow(new RegExp(`^global${kind}Pool2d: `));
  }); // prettier-ignore
});
