// What the tests of operations share: inputs, comparisons, numeric gradients, the same bits for 1 and 2 threads.
import { expect } from 'vitest';
import { native } from '../lib/native.js';
import { grad } from '../lib/autograd.js';
import { Tensor, type DType, type Shape, type TypedArray } from '../lib/tensor.js';
import { slow } from './slow.js';

/** Reproducible numbers in [−1, 1), from a generator that shares nothing with the library's. */
export function noise(n: number, seed = 1): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 13), 3266489917) >>> 0;
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

export function volume(shape: Shape): number {
  return shape.reduce((n, extent) => n * extent, 1);
}

export function f32(data: ArrayLike<number>, shape: Shape): Tensor {
  return new Tensor(native.tensor(Float32Array.from(data), shape), 'f32');
}

export function i32(data: ArrayLike<number>, shape: Shape): Tensor<'i32'> {
  return new Tensor(native.tensor(Int32Array.from(data), shape), 'i32');
}

export function noisy(shape: Shape, seed = 1): Tensor {
  return f32(noise(volume(shape), seed), shape);
}

/** The error of `actual` against `expected`, both as vectors, relative to the norm of `expected`. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += ((actual[i] ?? NaN) - (expected[i] ?? NaN)) ** 2;
    norm += (expected[i] ?? NaN) ** 2;
  }
  return Math.sqrt(difference / Math.max(norm, 1e-30));
}

export async function expectClose(
  actual: Tensor,
  expected: ArrayLike<number>,
  tolerance = 1e-6,
): Promise<void> {
  expectWithin(await actual.data(), expected, tolerance);
}

export function expectWithin(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  const error = relativeError(actual, expected);
  expect(error, `relative error ${error}`).toBeLessThanOrEqual(tolerance);
}

/**
 * Runs `work` with 1 thread, then with each of `teams` (2, and 2 again where that is quick), and expects the same bits of
 * every tensor it returns; returns them.
 */
export async function expectSameBits(
  work: () => Tensor<DType>[],
  teams: readonly number[] = slow ? [2] : [2, 2],
): Promise<TypedArray[]> {
  const before = native.cpuInfo().threads;
  const run = async (threads: number): Promise<TypedArray[]> => {
    native.setThreads(threads);
    const tensors = work();
    const data = await Promise.all(tensors.map((t) => t.data()));
    for (const t of tensors) t.dispose();
    return data;
  };
  try {
    const one = await run(1);
    for (const team of teams) {
      const more = await run(team);
      expect(more.length).toBe(one.length);
      more.forEach((data, i) => expect(Buffer.compare(bytes(data), bytes(one[i]!))).toBe(0));
    }
    return one;
  } finally {
    native.setThreads(before);
  }
}

function bytes(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Compares autograd's gradients of L = Σ w·f(inputs), w random, with central differences at up to 24 places of each
 * input. `step` must not carry an input over a kink of f.
 */
export async function expectGradients(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: Tensor[],
  { step = 1e-2, tolerance = 2e-3 } = {},
): Promise<void> {
  for (const input of inputs) input.requiresGrad = true;
  const y = f(...inputs);
  const weights = noise(y.size, 99);
  const analytic = grad(y, inputs, f32(weights, y.shape));
  for (const [k, input] of inputs.entries()) {
    const values = Float32Array.from(await input.data());
    const places = Array.from({ length: Math.min(24, values.length) }, (_, i) =>
      Math.floor((i * values.length) / Math.min(24, values.length)),
    );
    const loss = async (place: number, change: number): Promise<number> => {
      const moved = Float32Array.from(values);
      moved[place] = values[place]! + change;
      const out = await f(...inputs.map((x, i) => (i === k ? f32(moved, x.shape) : x.detach()))).data();
      return out.reduce((total, v, i) => total + v * weights[i]!, 0);
    };
    const numeric: number[] = [];
    for (const place of places) {
      numeric.push(((await loss(place, step)) - (await loss(place, -step))) / (2 * step));
    }
    const given = await analytic[k]!.data();
    const error = relativeError(
      places.map((place) => given[place]!),
      numeric,
    );
    expect(error, `gradient by input ${k}: relative error ${error}`).toBeLessThanOrEqual(tolerance);
  }
}
