import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import * as nn from '../../lib/nn/index.js';
import {
  adaptiveAvgPool1d,
  adaptiveMaxPool1d,
  avgPool1d,
  maxPool1d,
  type MaxPool1dOptions,
} from '../../lib/ops/pool1d.js';
import { lpPool1d } from '../../lib/ops/lpPool.js';
import { memory } from '../../lib/system.js';
import { synchronize, type Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { pattern, vectors } from '../fixtures/pattern.js';

type Kind = 'max' | 'avg' | 'lp' | 'adaptiveMax' | 'adaptiveAvg';

interface Vector {
  kind: Kind;
  shape: number[];
  kernel?: number;
  stride?: number;
  padding?: number;
  dilation?: number;
  ceil?: boolean;
  include?: boolean;
  p?: number;
  size?: number;
  outputShape: number[];
  y: number[];
  dx: number[];
  indices?: number[];
}

function pool(v: Vector, x: Tensor): { output: Tensor; indices?: Tensor<'i32'> } {
  const { kernel = 1, size = 1, stride, padding, dilation, ceil: ceilMode } = v;
  switch (v.kind) {
    case 'max':
      return maxPool1d(x, kernel, { stride, padding, dilation, ceilMode, returnIndices: true });
    case 'avg':
      return {
        output: avgPool1d(x, kernel, { stride, padding, ceilMode, countIncludePad: v.include }),
      };
    case 'lp':
      return { output: lpPool1d(x, v.p ?? 2, kernel, { stride, ceilMode }) };
    case 'adaptiveMax':
      return adaptiveMaxPool1d(x, size, { returnIndices: true });
    case 'adaptiveAvg':
      return { output: adaptiveAvgPool1d(x, size) };
  }
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('pool1d').map((v, i) => ({ ...v, i })))('$kind, case $i', async (v) => {
    const x = f32(pattern(v.shape, 1), v.shape);
    x.requiresGrad = true;
    const { output, indices } = pool(v, x);
    expect(output.shape).toEqual(v.outputShape);
    await expectClose(output, v.y);
    const [dx] = grad(output, [x], f32(pattern(output.shape, 2), output.shape));
    await expectClose(dx!, v.dx, 1e-5);
    expect(indices?.shape).toEqual(v.indices && v.outputShape);
    if (indices) expect([...(await indices.data())]).toEqual(v.indices);
  });
});

test('the same comes without indices, and of nothing nothing', async () => {
  const x = noisy([3, 17, 5]);
  const given: MaxPool1dOptions = { stride: 2, padding: 1, dilation: 2, ceilMode: true };
  const { output } = maxPool1d(x, 3, { ...given, returnIndices: true });
  expect(await maxPool1d(x, 3, given).data()).toEqual(await output.data());
  const adaptive = adaptiveMaxPool1d(x, 17, { returnIndices: true });
  expect(await adaptive.output.data()).toEqual(await x.data());
  expect((await adaptive.indices.data()).slice(0, 6)).toEqual(Int32Array.of(0, 0, 0, 0, 0, 1));
  for (const f of [maxPool1d, avgPool1d, adaptiveAvgPool1d, adaptiveMaxPool1d]) {
    expect((await f(noisy([0, 4, 3]), 2).data()).length).toBe(0);
  }
});

test('gradients agree with differences', async () => {
  // Steps of 0.1 between neighbours, so that no step of the differences changes which is the largest.
  const distinct = () =>
    f32(
      Array.from({ length: 2 * 11 * 3 }, (_, i) => ((i * 37) % 66) / 10),
      [2, 11, 3],
    );
  await expectGradients((x) => maxPool1d(x, 3, { stride: 2, padding: 1 }), [distinct()]);
  await expectGradients((x) => avgPool1d(x, 4, { stride: 3, padding: 2, ceilMode: true }), [distinct()]);
  await expectGradients((x) => adaptiveAvgPool1d(x, 4), [distinct()]);
  await expectGradients((x) => adaptiveMaxPool1d(x, 4), [distinct()]);
});

test('results are the same for 1 and 2 threads', async () => {
  const x = noisy([5, 1333, 19]);
  x.requiresGrad = true;
  await expectSameBits(() =>
    [
      maxPool1d(x, 3, { stride: 2, padding: 1 }),
      avgPool1d(x, 3, { stride: 2, padding: 1 }),
      adaptiveAvgPool1d(x, 77),
      adaptiveMaxPool1d(x, 77),
    ].flatMap((y) => [y, ...grad(y, [x], f32(noise(y.size, 5), y.shape))]),
  );
});

test('nothing is left of what a pass makes on its way', async () => {
  const x = noisy([2, 12, 3]);
  x.requiresGrad = true;
  await collectGarbage();
  const tensors = memory().liveTensors;
  const { output, indices } = maxPool1d(x, 2, { returnIndices: true });
  for (const y of [output, indices, avgPool1d(x, 2), adaptiveAvgPool1d(x, 5)]) y.dispose();
  await synchronize();
  expect(memory().liveTensors).toBe(tensors);
});

test('the layers', async () => {
  const x = noisy([2, 9, 3]);
  const same = async (a: Tensor, b: Tensor) => expect(await a.data()).toEqual(await b.data());
  const max = new nn.MaxPool1d(3, { stride: 2, padding: 1 });
  await same(max.forward(x), maxPool1d(x, 3, { stride: 2, padding: 1 }));
  await same(max.forwardWithIndices(x).output, max.forward(x));
  await same(new nn.AvgPool1d(2, { padding: 1 }).forward(x), avgPool1d(x, 2, { padding: 1 }));
  await same(new nn.AdaptiveAvgPool1d(4).forward(x), adaptiveAvgPool1d(x, 4));
  const adaptive = new nn.AdaptiveMaxPool1d(4);
  await same(adaptive.forward(x), adaptiveMaxPool1d(x, 4));
  await same(adaptive.forwardWithIndices(x).output, adaptive.forward(x));
  expect(max.windows()).toEqual([{ kernelSize: 3, stride: 2, dilation: 1 }]);
  expect(new nn.AvgPool1d(4).windows()).toEqual([{ kernelSize: 4, stride: 4, dilation: 1 }]);
  expect(adaptive.windows([2, 9, 3])).toEqual([{ kernelSize: 3, stride: 3, dilation: 1 }]);
  const net = new nn.Sequential(new nn.Conv1d(3, 4, 3), new nn.ReLU(), new nn.MaxPool1d(2));
  expect(net.forward(x).shape).toEqual([2, 3, 4]);
});

describe('refused', () => {
  const x = noisy([2, 5, 3]);
  test.each<[string, () => unknown, RegExp]>([
    ['an image', () => maxPool1d(noisy([1, 2, 2, 1]), 2), /maxPool1d: input \[1, 2, 2, 1\] wants 3 axes, \[N, L, C\]/],
    ['two numbers', () => avgPool1d(x, [1, 2] as never), /avgPool1d: kernelSize is \[1, 2\], wants a number/],
    ['a stride of two', () => maxPool1d(x, 2, { stride: [1, 1] as never }), /maxPool1d: stride is \[1, 1\], wants/],
    ['a padding of two', () => avgPool1d(x, 2, { padding: [1, 1] as never }), /avgPool1d: padding is \[1, 1\], wants/],
    ['dilation', () => maxPool1d(x, 2, { dilation: 'x' as never }), /maxPool1d: dilation is 'x', wants a number/],
    ['a window too long', () => maxPool1d(x, 6), /a window reaches over 6 of width, the padded input has 5/],
    ['a kernel of 0', () => avgPool1d(x, 0), /kernelSize is 0, wants a whole number from 1/],
    ['no tensor', () => adaptiveAvgPool1d(1 as never, 2), /adaptiveAvgPool1d: input is 1, wants a tensor/],
    ['a pair of sizes', () => adaptiveMaxPool1d(x, [1, 2] as never), /adaptiveMaxPool1d: outputSize is \[1, 2\], wants/],
    ['no flag', () => maxPool1d(x, 2, { returnIndices: 1 as never }), /maxPool1d: returnIndices is 1, wants true or/],
    ['another dtype', () => maxPool1d(i32([1, 2], [1, 2, 1]) as never, 2), /input is i32/],
    ['a layer of 0', () => new nn.MaxPool1d(0), /MaxPool1d: kernelSize is 0, wants a whole number from 1/],
    ['a layer of NaN', () => new nn.AvgPool1d(NaN), /AvgPool1d: kernelSize is NaN/],
    ['a layer to nothing', () => new nn.AdaptiveAvgPool1d(0), /AdaptiveAvgPool1d: outputSize is 0/],
    ['a layer to no size', () => new nn.AdaptiveMaxPool1d('1' as never), /AdaptiveMaxPool1d: outputSize is '1', wants/],
  ])('%s', (_, work, message) => {
    expect(work).toThrow(message);
  }); // prettier-ignore
});
