import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import * as nn from '../../lib/nn/index.js';
import { adaptiveAvgPool2d, adaptiveMaxPool2d } from '../../lib/ops/adaptivePool.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { pattern, vectors } from '../fixtures/pattern.js';

type Pair = readonly [number, number];
type Kind = 'avg' | 'max';

const pools = { avg: adaptiveAvgPool2d, max: adaptiveMaxPool2d };

/** Places of window i of `parts` over n places, as PyTorch documents them. */
function places(i: number, n: number, parts: number): number[] {
  const [from, to] = [Math.floor((i * n) / parts), Math.ceil(((i + 1) * n) / parts)];
  return Array.from({ length: to - from }, (_, k) => from + k);
}

/** y and dx for dy, by the definition. */
function definition(kind: Kind, shape: readonly number[], size: Pair, x: Float32Array, dy: Float32Array) {
  const [images, height, width, channels] = shape as [number, number, number, number];
  const y: number[] = [];
  const dx = new Float64Array(x.length);
  for (let n = 0; n < images; n++)
    for (let i = 0; i < size[0]; i++)
      for (let j = 0; j < size[1]; j++)
        for (let c = 0; c < channels; c++) {
          const inside = places(i, height, size[0]).flatMap((u) =>
            places(j, width, size[1]).map((v) => ((n * height + u) * width + v) * channels + c),
          );
          const g = dy[y.length]!;
          if (kind === 'max') {
            const largest = Math.max(...inside.map((at) => x[at]!));
            dx[inside.find((at) => x[at] === largest)!]! += g;
            y.push(largest);
          } else {
            for (const at of inside) dx[at]! += g / inside.length;
            y.push(inside.reduce((sum, at) => sum + x[at]!, 0) / inside.length);
          }
        }
  return { y, dx };
}

const sizes: [shape: readonly number[], size: Pair][] = [
  [[2, 7, 7, 33], [1, 1]],
  [[1, 64, 61, 5], [1, 1]],
  [[3, 8, 12, 17], [4, 3]],
  [[2, 13, 11, 19], [6, 6]],
  [[2, 10, 7, 3], [7, 5]],
  [[1, 1, 1, 40], [6, 6]],
  [[2, 3, 5, 4], [7, 2]],
  [[1, 5, 6, 300], [1, 4]],
  [[1, 5, 6, 7], [3, 1]],
  [[2, 4, 5, 6], [4, 5]],
  [[0, 4, 4, 3], [2, 2]],
  [[2, 4, 4, 0], [2, 1]],
]; // prettier-ignore
const cases = sizes.flatMap(([shape, size]) =>
  (['avg', 'max'] as const).map((kind) => ({ kind, shape, size })),
);

test.each(cases)('$kind $shape to $size agrees with the definition', async ({ kind, shape, size }) => {
  const x = noise(volume(shape), 3);
  const outputShape = [shape[0]!, ...size, shape[3]!];
  const dy = noise(volume(outputShape), 4);
  const { y, dx } = definition(kind, shape, size, x, dy);
  const input = f32(x, shape);
  input.requiresGrad = true;
  const output = pools[kind](input, size);
  expect(output.shape).toEqual(outputShape);
  await expectClose(output, y);
  const [gradient] = grad(output, [input], f32(dy, outputShape));
  await expectClose(gradient!, dx);
});

interface Case {
  kind: Kind;
  shape: number[];
  size: [number, number];
  y: number[];
  dx: number[];
}

test.each(vectors<Case>('adaptivePool'))("$kind $shape to $size agrees with PyTorch's", async (c) => {
  const x = f32(pattern(c.shape, 1), c.shape);
  x.requiresGrad = true;
  const y = pools[c.kind](x, c.size);
  await expectClose(y, c.y);
  const [dx] = grad(y, [x], f32(pattern(y.shape, 2), y.shape));
  await expectClose(dx!, c.dx);
});

describe.each<Kind>(['avg', 'max'])('%s', (kind) => {
  const pool = pools[kind];

  test('leaves what has the size as it is, over the same storage', async () => {
    const x = noisy([2, 6, 5, 3]);
    x.requiresGrad = true;
    await collectGarbage();
    const before = native.memory().liveBytes;
    const y = pool(x, [6, 5]);
    expect(await y.data()).toEqual(await x.data());
    expect(native.memory().liveBytes).toBe(before);
    const g = noisy([2, 6, 5, 3], 2);
    const [dx] = grad(y, [x], g);
    expect(await dx!.data()).toEqual(await g.data());
    y.dispose();
    expect(x.disposed).toBe(false);
  });

  test('gradients agree with differences', async () => {
    // Steps of 0.1 between neighbours, so that no step of the differences changes which is the largest.
    const values = Array.from({ length: 2 * 5 * 7 * 3 }, (_, i) => ((i * 37) % 210) / 10);
    await expectGradients((x) => pool(x, [3, 4]), [f32(values, [2, 5, 7, 3])]);
    await expectGradients((x) => pool(x, 1), [f32(values, [2, 5, 7, 3])]);
  });

  test('gives the same bits with 1 and 2 threads', async () => {
    const x = noisy([3, 57, 43, 37]);
    x.requiresGrad = true;
    await expectSameBits(() =>
      [1, [5, 6] as const].flatMap((size) => {
        const y = pool(x, size);
        return [y, ...grad(y, [x], f32(noise(y.size, 5), y.shape))];
      }),
    );
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a size of 0', () => pool(noisy([1, 2, 2, 1]), 0), /outputSize is 0, wants a whole number from 1/],
    ['a fraction', () => pool(noisy([1, 2, 2, 1]), [1, 1.5]), /outputSize\[1\] is 1.5/],
    ['a size past any', () => pool(noisy([1, 2, 2, 1]), 2 ** 40), /outputSize is 1099511627776, wants/],
    ['another rank', () => pool(noisy([2, 2, 1]), 1), /input \[2, 2, 1\] has 3 axes, wants 4/],
    ['an image of nothing', () => pool(noisy([1, 0, 2, 1]), 1), /input \[1, 0, 2, 1\] has no height/],
    ['another dtype', () => pool(i32([1], [1, 1, 1, 1]) as never, 2), /input is i32/],
    ['no size', () => pool(noisy([1, 2, 2, 1]), 'x' as never), /outputSize is .*, wants a number or/],
    ['no tensor', () => pool('x' as never, 2), /input is a string, wants a tensor/],
  ])('refuses %s', (_, work, message) => {
    expect(work).toThrow(message);
    expect(work).toThrow(kind === 'avg' ? /^adaptiveAvgPool2d: / : /^adaptiveMaxPool2d: /);
  });
});

describe('max', () => {
  test('lets what is no number win, the first of them', async () => {
    const x = f32([1, NaN, 3, NaN], [1, 2, 2, 1]);
    x.requiresGrad = true;
    const y = adaptiveMaxPool2d(x, 1);
    expect(await y.item()).toBeNaN();
    expect([...(await grad(y, [x], f32([5], [1, 1, 1, 1]))[0]!.data())]).toEqual([0, 5, 0, 0]);
  });

  test('gives the gradient to the first of equal values, and to one of −∞', async () => {
    for (const value of [5, -Infinity]) {
      const x = f32([value, value, value, value], [1, 2, 2, 1]);
      x.requiresGrad = true;
      const [dx] = grad(adaptiveMaxPool2d(x, 1), [x], f32([7], [1, 1, 1, 1]));
      expect([...(await dx!.data())]).toEqual([7, 0, 0, 0]);
    }
  });

  test('no place leads outside of the image', async () => {
    for (const place of [-1, 4, -(2 ** 31), 2 ** 31 - 1]) {
      const handle = native.adaptiveMaxPool2dBackward(
        noisy([2, 1, 1, 1]).handle,
        i32([place, place], [2, 1, 1, 1]).handle,
        [2, 2, 2, 1],
      );
      expect((await native.data(handle)).every((v) => v === 0)).toBe(true);
    }
  });
});

test('the layers', async () => {
  const x = noisy([2, 5, 6, 3]);
  const same = async (a: Tensor, b: Tensor) => expect(await a.data()).toEqual(await b.data());
  await same(new nn.AdaptiveAvgPool2d([2, 3]).forward(x), adaptiveAvgPool2d(x, [2, 3]));
  await same(new nn.AdaptiveMaxPool2d(2).forward(x), adaptiveMaxPool2d(x, 2));
});
