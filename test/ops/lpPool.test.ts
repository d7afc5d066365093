import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import * as nn from '../../lib/nn/index.js';
import { lpPool1d, lpPool2d } from '../../lib/ops/lpPool.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

interface Vector {
  p: number;
  kernel: [number, number];
  stride?: [number, number];
  ceil?: boolean;
  positive?: boolean;
  shape: number[];
  outputShape: number[];
  y: number[];
  dx: number[];
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('lpPool').map((v, i) => ({ ...v, i })))('p = $p, case $i', async (v) => {
    const x = f32(
      pattern(v.shape, 1).map((e) => e + (v.positive ? 1.5 : 0)),
      v.shape,
    );
    x.requiresGrad = true;
    const y = lpPool2d(x, v.p, v.kernel, { stride: v.stride, ceilMode: v.ceil });
    expect(y.shape).toEqual(v.outputShape);
    await expectClose(y, v.y, 2e-6);
    const [dx] = grad(y, [x], f32(pattern(y.shape, 2), y.shape));
    await expectClose(dx!, v.dx, 1e-5);
  });
});

describe.each([1, 2, 3, 0.5, 2.5])('lpPool2d with p = %d', (p) => {
  const shape = [2, 7, 9, 17];
  const positive = () => f32(noise(volume(shape), 3).map((v) => v + 1.1), shape); // prettier-ignore

  test('agrees with the definition', async () => {
    const x = positive();
    const values = await x.data();
    const wanted: number[] = [];
    for (let n = 0; n < 2; n++)
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 4; j++)
          for (let c = 0; c < 17; c++) {
            let sum = 0;
            for (let u = 0; u < 3; u++)
              for (let v = 0; v < 2; v++) sum += values[((n * 7 + 2 * i + u) * 9 + 2 * j + v) * 17 + c]! ** p;
            wanted.push(sum ** (1 / p));
          }
    await expectClose(lpPool2d(x, p, [3, 2], { stride: 2 }), wanted, 2e-6);
  });

  test('has the gradient that differences show', async () => {
    await expectGradients((x) => lpPool2d(x, p, [3, 2], { stride: 2, ceilMode: true }), [positive()]);
  });
});

test('a window of zeros has the gradient 0, and infinities and what is no number are seen', async () => {
  for (const p of [1, 2, 3]) {
    const x = f32([0, 0, 3, 4], [1, 2, 2, 1]);
    x.requiresGrad = true;
    const y = lpPool2d(x, p, [1, 2]);
    const [dx] = grad(y, [x], f32([1, 1], [1, 2, 1, 1]));
    expect([...(await dx!.data())].slice(0, 2)).toEqual([0, 0]);
    await expectClose(y, [0, (3 ** p + 4 ** p) ** (1 / p)]);
    const odd = await lpPool2d(f32([NaN, 1, Infinity, 1], [1, 2, 2, 1]), p, [1, 2]).data();
    expect([...odd]).toEqual([NaN, Infinity]);
  }
});

test('results are the same for 1 and 2 threads', async () => {
  const x = noisy([5, 33, 41, 19]);
  x.requiresGrad = true;
  await expectSameBits(() => {
    const y = lpPool2d(x, 2, 3, { stride: 2 });
    return [y, ...grad(y, [x], f32(noise(y.size, 5), y.shape))];
  });
});

test('the layers, and sequences', async () => {
  const [x, s] = [noisy([2, 6, 7, 3]), noisy([2, 7, 3])];
  const image = await lpPool2d(x, 2, [2, 3], { stride: [2, 1] }).data();
  expect(await new nn.LPPool2d(2, [2, 3], { stride: [2, 1] }).forward(x).data()).toEqual(image);
  const sequence = await lpPool1d(s, 2, 3, { stride: 2 }).data();
  expect(await new nn.LPPool1d(2, 3, { stride: 2 }).forward(s).data()).toEqual(sequence);
  expect(new nn.LPPool1d(2, 3, { stride: 2 }).windows()).toEqual([{ kernelSize: 3, stride: 2 }]);
  expect(new nn.LPPool2d(2, [2, 3]).windows().map(({ stride }) => stride)).toEqual([2, 3]);
  const row = lpPool2d(s.reshape([2, 1, 7, 3]), 2, [1, 3], { stride: [1, 2] });
  expect(await row.data()).toEqual(sequence);
  expect((await lpPool2d(noisy([0, 4, 4, 3]), 2, 2).data()).length).toBe(0);
});

test.each<[string, () => unknown, RegExp]>([
  ['an exponent of 0', () => lpPool2d(noisy([1, 2, 2, 1]), 0, 2), /lpPool2d: normType is 0, wants a finite number/],
  ['one below', () => lpPool1d(noisy([1, 2, 1]), -1, 2), /lpPool1d: normType is -1/],
  ['infinity', () => lpPool2d(noisy([1, 2, 2, 1]), Infinity, 2), /lpPool2d: normType is Infinity, .*max pooling/],
  ['NaN', () => new nn.LPPool2d(NaN, 2), /LPPool2d: normType is NaN/],
  ['no number', () => new nn.LPPool1d('2' as never, 2), /LPPool1d: normType is '2', wants a number/],
  ['a kernel of 0', () => new nn.LPPool1d(2, 0), /LPPool1d: kernelSize is 0/],
  ['a window too large', () => lpPool2d(noisy([1, 2, 2, 1]), 2, 3), /a window reaches over 3 of height/],
  ['a sequence', () => lpPool2d(noisy([1, 2, 2]), 2, 1), /input \[1, 2, 2\] has 3 axes, wants 4/],
  ['an image', () => lpPool1d(noisy([1, 2, 2, 1]), 2, 1), /lpPool1d: input \[1, 2, 2, 1\] wants 3 axes/],
  ['another dtype', () => lpPool2d(i32([1], [1, 1, 1, 1]) as never, 2, 1), /i32/],
  ['no tensor', () => lpPool2d('x' as never, 2, 1), /lpPool2d: input is 'x', wants a tensor/],
])('refuses %s', (_, work, message) => {
  expect(work).toThrow(message);
}); // prettier-ignore
