import { describe, expect, it } from 'vitest';
import { grad, noGrad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import * as nn from '../../lib/nn/index.js';
import { conv2d } from '../../lib/ops/conv.js';
import { convMaxPool2d } from '../../lib/ops/convPool.js';
import { maxPool2d } from '../../lib/ops/pool.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, expectSameBits, f32, noise, noisy, volume } from '../check.js';

interface Case {
  images: number;
  side: [number, number];
  channels: number;
  outputs: number;
  kernel: [number, number];
  padding: [number, number, number, number];
  relu?: boolean;
  bias?: boolean;
}

/** All of few outputs, a kernel of at most five rows: what is computed in one pass on vectors of 16. */
const cases: Record<string, Case> = {
  'LeNet-5’s first': {
    images: 3,
    side: [28, 28],
    channels: 1,
    outputs: 6,
    kernel: [5, 5],
    padding: [2, 2, 2, 2],
    relu: true,
    bias: true,
  },
  'odd sides, uneven padding': {
    images: 2,
    side: [13, 17],
    channels: 1,
    outputs: 6,
    kernel: [3, 4],
    padding: [0, 2, 1, 0],
    bias: true,
  },
  'several channels': {
    images: 2,
    side: [9, 20],
    channels: 3,
    outputs: 7,
    kernel: [4, 3],
    padding: [1, 1, 1, 1],
    relu: true,
  },
  'more rows than at once': {
    images: 2,
    side: [67, 12],
    channels: 2,
    outputs: 5,
    kernel: [2, 2],
    padding: [0, 0, 0, 0],
    relu: true,
    bias: true,
  },
  'more outputs than lanes': {
    images: 3,
    side: [8, 9],
    channels: 1,
    outputs: 19,
    kernel: [5, 1],
    padding: [2, 2, 0, 0],
    bias: true,
  },
  'fewer windows than lanes': {
    images: 35,
    side: [2, 3],
    channels: 2,
    outputs: 3,
    kernel: [1, 2],
    padding: [0, 0, 0, 0],
  },
};

function tensorsOf(c: Case): [x: Tensor, w: Tensor, bias: Tensor | null] {
  const x = noisy([c.images, ...c.side, c.channels], 1);
  const w = noisy([...c.kernel, c.channels, c.outputs], 2);
  const bias = c.bias ? noisy([c.outputs], 3) : null;
  for (const tensor of [x, w, bias]) if (tensor) tensor.requiresGrad = true;
  return [x, w, bias];
}

/** In double precision: y, and dL/dx, dL/dw and dL/dbias for L = Σ y·gradient. */
function definition(c: Case, x: Float32Array, w: Float32Array, bias: Float32Array | null) {
  const [top, bottom, left, right] = c.padding;
  const [height, width] = c.side;
  const [kh, kw] = c.kernel;
  const rows = (height + top + bottom - kh + 1) >> 1;
  const columns = (width + left + right - kw + 1) >> 1;
  const shape = [c.images, rows, columns, c.outputs];
  const gradient = noise(volume(shape), 4);
  const y = new Float64Array(volume(shape));
  const by = {
    x: new Float64Array(x.length),
    w: new Float64Array(w.length),
    bias: new Float64Array(c.outputs),
  };
  let at = 0;
  for (let n = 0; n < c.images; n++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let k = 0; k < c.outputs; k++, at++) {
          let best = -Infinity;
          let reach: [number, number][] = [];
          for (const [di, dj] of [
            [0, 0],
            [0, 1],
            [1, 0],
            [1, 1],
          ] as const) {
            let sum = bias?.[k] ?? 0;
            const taps: [number, number][] = [];
            for (let u = 0; u < kh; u++)
              for (let v = 0; v < kw; v++)
                for (let ch = 0; ch < c.channels; ch++) {
                  const row = 2 * i + di + u - top;
                  const column = 2 * j + dj + v - left;
                  if (row < 0 || row >= height || column < 0 || column >= width) continue;
                  const p = ((n * height + row) * width + column) * c.channels + ch;
                  const q = ((u * kw + v) * c.channels + ch) * c.outputs + k;
                  sum += x[p]! * w[q]!;
                  taps.push([p, q]);
                }
            if (sum > best) [best, reach] = [sum, taps];
          }
          y[at] = c.relu ? Math.max(0, best) : best;
          if (c.relu && best <= 0) continue;
          by.bias[k]! += gradient[at]!;
          for (const [p, q] of reach) {
            by.x[p]! += gradient[at]! * w[q]!;
            by.w[q]! += gradient[at]! * x[p]!;
          }
        }
  return { shape, gradient, y, by };
}

function onePass(c: Case, [x, w, bias]: ReturnType<typeof tensorsOf>): Tensor | null {
  return convMaxPool2d(x, w, bias, { padding: c.padding, relu: c.relu ?? false }, 2);
}

/** In one pass, or in two where these do as well: vectors of 16 take all of the cases in one, others some or none. */
function run(c: Case, tensors: ReturnType<typeof tensorsOf>): Tensor {
  const [x, w, bias] = tensors;
  const separately = () => maxPool2d(conv2d(x, w, bias, { padding: c.padding, relu: c.relu ?? false }), 2);
  return onePass(c, tensors) ?? separately();
}

describe.each(Object.entries(cases))('convolution and maximum pooling: %s', (_, c) => {
  it('is what the definition says, and so are its gradients', async () => {
    const tensors = tensorsOf(c);
    const [x, w, bias] = tensors;
    if (native.cpuInfo().isa === 'avx512') expect(onePass(c, tensors)).not.toBeNull();
    const expected = definition(c, await x.data(), await w.data(), (await bias?.data()) ?? null);
    const y = run(c, tensors);
    expect(y.shape).toEqual(expected.shape);
    await expectClose(y, expected.y, 2e-6);
    const inputs = bias ? [x, w, bias] : [x, w];
    const gradients = grad(y, inputs, f32(expected.gradient, y.shape));
    for (const [i, of] of [expected.by.x, expected.by.w, expected.by.bias].entries()) {
      if (gradients[i]) await expectClose(gradients[i], of, 5e-6);
    }
    // Nothing but the values where no gradient is asked for.
    await expectClose(
      noGrad(() => run(c, tensors)),
      expected.y,
      2e-6,
    );
  });

  it('gives the same bits with 1 and 2 threads', async () => {
    const tensors = tensorsOf(c);
    await expectSameBits(() => {
      const y = run(c, tensors);
      return [y, ...grad(y, tensors.slice(0, 2) as Tensor[], noisy(y.shape, 5))];
    });
  });
});

it('what is no number wins over every number', () => {
  const x = noise(28 * 28, 1);
  x[28 * 14 + 14] = NaN;
  const w = noisy([5, 5, 1, 6], 2);
  const image = () => f32(x, [1, 28, 28, 1]);
  const separate = maxPool2d(conv2d(image(), w, null, { padding: 2, relu: true }), 2).dataSync();
  const y = convMaxPool2d(image(), w, null, { padding: 2, relu: true }, 2)?.dataSync() ?? separate;
  expect(y.some(Number.isNaN)).toBe(true);
  expect(Array.from(y, Number.isNaN)).toEqual(Array.from(separate, Number.isNaN));
});

it('is left to two passes where they do as well', () => {
  const few = { channels: 1, outputs: 6, kernel: [5, 5] as [number, number] };
  const c: Case = { images: 1, side: [12, 12], padding: [0, 0, 0, 0], ...few };
  const [x, w] = tensorsOf(c);
  expect(convMaxPool2d(x, w, null, {}, 3)).toBeNull();
  expect(convMaxPool2d(x, w, null, { stride: 2 }, 2)).toBeNull();
  expect(convMaxPool2d(x, w, null, { algorithm: 'direct' }, 2)).toBeNull();
  const [, many] = tensorsOf({ ...c, outputs: 32 });
  expect(convMaxPool2d(x, many, null, {}, 2)).toBeNull();
});

describe('Sequential', () => {
  const layers = () => [new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)] as const;

  it('gives what its layers give one by one', async () => {
    const [conv, relu, pool] = layers();
    const model = new nn.Sequential(conv, relu, pool);
    const x = noisy([3, 28, 28, 1]);
    const expected = pool.forward(relu.forward(conv.forward(x)));
    await expectClose(model.forward(x), await expected.data());
    const seed = noisy(expected.shape, 7);
    const byParts = grad(expected, model.parameters(), seed);
    const together = grad(model.forward(x), model.parameters(), seed);
    for (const [i, g] of together.entries()) await expectClose(g, await byParts[i]!.data());
  });

  it('leaves layers alone that extend them', async () => {
    class Doubled extends nn.Conv2d {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    const conv = new Doubled(1, 6, 5, { padding: 2 });
    const x = noisy([2, 28, 28, 1]);
    const y = new nn.Sequential(conv, new nn.MaxPool2d(2)).forward(x);
    await expectClose(y, await new nn.MaxPool2d(2).forward(conv.forward(x)).data());
  });
});
