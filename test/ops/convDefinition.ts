// Convolution by its definition, and the cases that its algorithms are compared with it on.
import { expect } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { conv2d, type Conv2dOptions } from '../../lib/ops/conv.js';
import { native } from '../../lib/native.js';
import { Tensor } from '../../lib/tensor.js';
import { expectClose, expectSameBits, expectWithin, f32, noise, volume } from '../check.js';

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
  residual?: boolean;
  relu?: boolean;
}

function outShape(c: Case): number[] {
  const [top, bottom, left, right] = c.padding ?? [0, 0, 0, 0];
  const padded = [c.side[0] + top + bottom, c.side[1] + left + right];
  const sides = padded.map((extent, axis) => {
    const reach = (c.dilation?.[axis] ?? 1) * (c.kernel[axis]! - 1) + 1;
    return Math.floor((extent - reach) / (c.stride?.[axis] ?? 1)) + 1;
  });
  return [c.images, ...sides, c.outputs];
}

/** The definition, in double precision: y, and by the chain rule dL/dx and dL/dw for L = Σ y·gradient. */
function definition(
  c: Case,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | null,
  residual: Float32Array | null,
  gradient: Float32Array,
) {
  const [sh, sw] = c.stride ?? [1, 1];
  const [top = 0, , left = 0] = c.padding ?? [];
  const [dh, dw] = c.dilation ?? [1, 1];
  const groups = c.groups ?? 1;
  const [height, width] = c.side;
  const [kh, kw] = c.kernel;
  const shape = outShape(c);
  const [, oh = 0, ow = 0] = shape;
  const cg = c.channels / groups;
  const kg = c.outputs / groups;
  const y = new Float64Array(volume(shape));
  const byX = new Float64Array(x.length);
  const byW = new Float64Array(w.length);
  const sums = new Float64Array(c.outputs);
  for (let at = 0; at < y.length; at += c.outputs) {
    const n = Math.floor(at / (oh * ow * c.outputs));
    const i = Math.floor(at / (ow * c.outputs)) % oh;
    const j = Math.floor(at / c.outputs) % ow;
    /** Calls visit(p, q, k) for each product x[p]·w[q + k] of the sum of output k, with the first k of its group. */
    const eachPixel = (visit: (p: number, q: number, first: number) => void) => {
      for (let u = 0; u < kh; u++)
        for (let v = 0; v < kw; v++) {
          const row = i * sh + u * dh - top;
          const column = j * sw + v * dw - left;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          for (let channel = 0; channel < c.channels; channel++) {
            const p = ((n * height + row) * width + column) * c.channels + channel;
            const q = ((u * kw + v) * cg + (channel % cg)) * c.outputs;
            visit(p, q, Math.floor(channel / cg) * kg);
          }
        }
    };
    for (let k = 0; k < c.outputs; k++) sums[k] = (bias?.[k] ?? 0) + (residual?.[at + k] ?? 0);
    eachPixel((p, q, first) => {
      const pixel = x[p]!;
      for (let k = first; k < first + kg; k++) sums[k]! += pixel * w[q + k]!;
    });
    const slopes = sums.map((sum, k) => (c.relu && sum <= 0 ? 0 : gradient[at + k]!));
    y.set(c.relu ? sums.map((sum) => Math.max(0, sum)) : sums, at);
    eachPixel((p, q, first) => {
      const pixel = x[p]!;
      let sum = 0;
      for (let k = first; k < first + kg; k++) {
        sum += slopes[k]! * w[q + k]!;
        byW[q + k]! += slopes[k]! * pixel;
      }
      byX[p]! += sum;
    });
  }
  return { shape, y, byX, byW };
}

function setUp(c: Case) {
  const cg = c.channels / (c.groups ?? 1);
  const xShape = [c.images, ...c.side, c.channels];
  const wShape = [...c.kernel, cg, c.outputs];
  const data = {
    x: noise(volume(xShape), 1),
    w: noise(volume(wShape), 2),
    bias: c.bias ? noise(c.outputs, 3) : null,
    residual: c.residual ? noise(volume(outShape(c)), 5) : null,
  };
  const options: Conv2dOptions = {};
  if (c.stride) options.stride = c.stride;
  if (c.padding) options.padding = c.padding;
  if (c.dilation) options.dilation = c.dilation;
  if (c.groups) options.groups = c.groups;
  if (c.relu) options.relu = true;
  const tensors = (): [Tensor, Tensor, Tensor | null, Tensor | null] => [
    f32(data.x, xShape),
    f32(data.w, wShape),
    data.bias ? f32(data.bias, [c.outputs]) : null,
    data.residual ? f32(data.residual, outShape(c)) : null,
  ];
  return { data, options, tensors };
}

/** The native passes of a case, each by each algorithm that can compute it. */
function passes(c: Case) {
  const { data, options, tensors } = setUp(c);
  const xShape = [c.images, ...c.side, c.channels];
  const wShape = [...c.kernel, c.channels / (c.groups ?? 1), c.outputs];
  const moves = [c.stride ?? [1, 1], c.padding ?? [0, 0, 0, 0], c.dilation ?? [1, 1], c.groups ?? 1] as const;
  const algorithms = (pass: string) =>
    native.conv2dPlan(pass, xShape, wShape, ...moves).map((plan) => plan.algorithm);
  const owned = tensors();
  const [x, w] = [owned[0].handle, owned[1].handle];
  const [bias, residual] = [owned[2]?.handle ?? null, owned[3]?.handle ?? null];
  return {
    data,
    options,
    owned,
    forward: algorithms('forward').map((algorithm) => ({
      algorithm,
      run: () =>
        new Tensor(native.conv2d(x, w, bias, residual, ...moves, c.relu ?? false, false, algorithm), 'f32'),
    })),
    byInput: algorithms('byInput').map((algorithm) => ({
      algorithm,
      run: (g: Tensor) => new Tensor(native.conv2dByInput(g.handle, w, xShape, ...moves, algorithm), 'f32'),
    })),
    byWeight: algorithms('byWeight').map((algorithm) => ({
      algorithm,
      run: (g: Tensor) => new Tensor(native.conv2dByWeight(g.handle, x, wShape, ...moves, algorithm), 'f32'),
    })),
  };
}

const tilesOf4 = new Set(['winograd4', 'phases', 'polyphase']);

/**
 * Compares y and both gradients with the definition, by each algorithm that can compute them, all of which have to give the
 * same bits for 1 and 2 threads; and through conv2d and its derivative as 'auto' takes them. `tolerance` is that of direct
 * sums; the transforms of Winograd's with tiles of 4 × 4 may err more.
 */
export async function expectDefinition(c: Case, tolerance = 2e-6): Promise<void> {
  const { data, options, owned, forward, byInput, byWeight } = passes(c);
  const gradient = noise(volume(outShape(c)), 4);
  const expected = definition(c, data.x, data.w, data.bias, data.residual, gradient);
  const gated = f32(c.relu ? gradient.map((g, i) => (expected.y[i]! > 0 ? g : 0)) : gradient, expected.shape);
  const all = [
    ...forward.map((pass) => ({ ...pass, wanted: expected.y })),
    ...byInput.map((pass) => ({ ...pass, wanted: expected.byX })),
    ...byWeight.map((pass) => ({ ...pass, wanted: expected.byW })),
  ];
  const results = await expectSameBits(() => all.map(({ run }) => run(gated)));
  for (const [i, { algorithm, wanted }] of all.entries())
    expectWithin(results[i]!, wanted, tilesOf4.has(algorithm) ? 5 * tolerance : tolerance);

  const [x, w, bias, residual] = owned;
  x.requiresGrad = w.requiresGrad = true;
  const y = conv2d(x, w, bias, residual ? { ...options, residual } : options);
  expect(y.shape).toEqual(expected.shape);
  await expectClose(y, expected.y, 5 * tolerance);
  const [byX, byW] = grad(y, [x, w], f32(gradient, y.shape));
  await expectClose(byX!, expected.byX, 5 * tolerance);
  await expectClose(byW!, expected.byW, 5 * tolerance);
  for (const tensor of owned) tensor?.dispose();
}
