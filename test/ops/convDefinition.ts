// Convolution by its definition, and the cases that its algorithms are compared with it on.
import { expect } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { conv2d, type Conv2dOptions } from '../../lib/ops/conv.js';
import { expectClose, expectSameBits, f32, noise, noisy, volume } from '../check.js';

export interface Case {
  images: number;
  side: [number, number];
  channels: number;
  outputs: number;
  kernel: [number, number];
  stride?: [number, number];
  padding?: [number, number, number, number];
  dilation?: [number, number];
  groups?: number;
  bias?: boolean;
  relu?: boolean;
}

/** The definition, in double precision: y, and by the chain rule dL/dx and dL/dw for L = Σ y·gradient. */
function definition(
  c: Case,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | null,
  gradient: Float32Array,
) {
  const [sh, sw] = c.stride ?? [1, 1];
  const [top, bottom, left, right] = c.padding ?? [0, 0, 0, 0];
  const [dh, dw] = c.dilation ?? [1, 1];
  const groups = c.groups ?? 1;
  const [height, width] = c.side;
  const [kh, kw] = c.kernel;
  const oh = Math.floor((height + top + bottom - dh * (kh - 1) - 1) / sh) + 1;
  const ow = Math.floor((width + left + right - dw * (kw - 1) - 1) / sw) + 1;
  const cg = c.channels / groups;
  const kg = c.outputs / groups;
  const y = new Float64Array(c.images * oh * ow * c.outputs);
  const byX = new Float64Array(x.length);
  const byW = new Float64Array(w.length);
  let at = 0;
  for (let n = 0; n < c.images; n++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++)
        for (let k = 0; k < c.outputs; k++, at++) {
          let sum = bias?.[k] ?? 0;
          const reach: [number, number][] = [];
          for (let u = 0; u < kh; u++)
            for (let v = 0; v < kw; v++) {
              const row = i * sh + u * dh - top;
              const column = j * sw + v * dw - left;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              for (let ch = 0; ch < cg; ch++) {
                const p = ((n * height + row) * width + column) * c.channels + Math.floor(k / kg) * cg + ch;
                const q = ((u * kw + v) * cg + ch) * c.outputs + k;
                sum += x[p]! * w[q]!;
                reach.push([p, q]);
              }
            }
          y[at] = c.relu ? Math.max(0, sum) : sum;
          if (c.relu && sum <= 0) continue;
          for (const [p, q] of reach) {
            byX[p]! += gradient[at]! * w[q]!;
            byW[q]! += gradient[at]! * x[p]!;
          }
        }
  return { shape: [c.images, oh, ow, c.outputs], y, byX, byW };
}

function setUp(c: Case) {
  const cg = c.channels / (c.groups ?? 1);
  const xShape = [c.images, ...c.side, c.channels];
  const wShape = [...c.kernel, cg, c.outputs];
  const data = {
    x: noise(volume(xShape), 1),
    w: noise(volume(wShape), 2),
    bias: c.bias ? noise(c.outputs, 3) : null,
  };
  const options: Conv2dOptions = {};
  if (c.stride) options.stride = c.stride;
  if (c.padding) options.padding = c.padding;
  if (c.dilation) options.dilation = c.dilation;
  if (c.groups) options.groups = c.groups;
  if (c.relu) options.relu = true;
  const tensors = () => ({
    x: f32(data.x, xShape),
    w: f32(data.w, wShape),
    bias: data.bias ? f32(data.bias, [c.outputs]) : null,
  });
  return { data, options, tensors };
}

/** Compares y and both gradients with the definition. */
export async function expectDefinition(c: Case, tolerance = 2e-6): Promise<void> {
  const { data, options, tensors } = setUp(c);
  const { x, w, bias } = tensors();
  x.requiresGrad = w.requiresGrad = true;
  const y = conv2d(x, w, bias, options);
  const gradient = noise(y.size, 4);
  const expected = definition(c, data.x, data.w, data.bias, gradient);
  expect(y.shape).toEqual(expected.shape);
  await expectClose(y, expected.y, tolerance);
  const [byX, byW] = grad(y, [x, w], f32(gradient, y.shape));
  await expectClose(byX!, expected.byX, tolerance);
  await expectClose(byW!, expected.byW, tolerance);
}

export async function expectSameBitsOfPasses(c: Case): Promise<void> {
  const { options, tensors } = setUp(c);
  await expectSameBits(() => {
    const { x, w, bias } = tensors();
    x.requiresGrad = w.requiresGrad = true;
    const y = conv2d(x, w, bias, options);
    return [y, ...grad(y, [x, w], noisy(y.shape, 4))];
  });
}
