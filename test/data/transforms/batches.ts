// Batches that the tests of transforms make, and what they all have to hold to.
import { expect } from 'vitest';
import { data, tensor, type Tensor } from '../../../lib/index.js';
import { f32, noise, volume } from '../../check.js';

export const { transforms } = data;

/** Images in [0, 1]: floats, or the bytes nearest to them. */
export function images(shape: readonly number[], { bytes = false, seed = 1 } = {}): data.TensorDataset {
  const values = noise(volume(shape), seed).map((value) => (value + 1) / 2);
  const x = bytes
    ? tensor(
        Uint8Array.from(values, (value) => value * 255.99),
        shape,
      )
    : f32(values, shape);
  return new data.TensorDataset(x, tensor(Int32Array.from({ length: shape[0]! }, (_, i) => i % 4)));
}

export function draws(n: number, { seed = 5, epoch = 3, place = 0 } = {}) {
  return { indices: Int32Array.from({ length: n }, (_, i) => i), randomness: { seed, epoch }, place };
}

/** The transform's inputs of so many samples, as numbers. */
export async function inputsAfter(
  transform: data.transforms.Step,
  x: Tensor,
  options: { seed?: number; epoch?: number; place?: number } = {},
): Promise<Float32Array> {
  const chain = new transforms.Compose([transform]);
  const labels = tensor(new Int32Array(x.shape[0]!));
  const [y] = chain.apply([x.detach(), labels], draws(x.shape[0]!, options));
  return await y.data();
}

export function bits(values: Float32Array | Int32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

/** The bits of samples 0 … n − 1 as they come in batches of these numbers, in this order. */
export async function samplesOf(
  set: data.Dataset,
  batches: readonly (readonly number[])[],
  randomness: data.Randomness,
): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const numbers of batches) {
    const [x, y] = await data.batchOf(set, Int32Array.from(numbers), randomness);
    const values = await x.data();
    expect(y.shape[0]).toBe(numbers.length);
    const size = values.length / numbers.length;
    for (const [i, number] of numbers.entries()) {
      found.set(number, bits(values.slice(i * size, (i + 1) * size)));
    }
    x.dispose();
    y.dispose();
  }
  return found;
}
