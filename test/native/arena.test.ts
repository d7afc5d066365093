// Large blocks of the pool lie side by side in one range of addresses. The build with sanitizers does without that range,
// since they know the ends only of blocks that the system gives.
import { beforeEach, expect, it } from 'vitest';
import { native } from '../../lib/native.js';
import { full, zeros } from '../../lib/ops/index.js';
import { synchronize, Tensor } from '../../lib/tensor.js';
import { collectGarbage } from '../garbage.js';

const megabyte = 2 ** 20;

beforeEach(collectGarbage);

function megabytes(n: number): Tensor {
  return zeros([(n * megabyte) / 4]);
}

/** Bytes in use and kept for use. */
const all = async () => {
  await synchronize();
  const { liveBytes, pooledBytes } = native.memory();
  return liveBytes + pooledBytes;
};
/** Tensors of so many megabytes, one after the other. */
const inRow = async (...sizes: number[]) => {
  const tensors = sizes.map(megabytes);
  await synchronize();
  return tensors;
};

it('joins what comes back, in any order, and parts what is taken', async () => {
  native.emptyPool();
  const [a, b, c, d] = await inRow(3, 5, 7, 2);
  const before = await all();
  for (const tensor of [a, c, b]) tensor!.dispose();
  await synchronize();
  const [e, f, g] = await inRow(9, 1, 5);
  expect(await all()).toBe(before);
  // Nothing is over.
  const h = megabytes(1);
  expect(await all()).toBe(before + megabyte);
  for (const tensor of [d, e, f, g, h]) tensor!.dispose();
  native.emptyPool();
});

it('keeps them apart', async () => {
  native.emptyPool();
  const [a, b, c] = await inRow(2, 3, 4);
  b!.dispose();
  await synchronize();
  const filled = [full([megabyte / 2], 1), full([megabyte / 4 - 1], 2), a!, c!];
  const values = await Promise.all(filled.map((tensor) => tensor.data()));
  expect(values.map((v) => [v.length, v.every((x) => x === v[0]), v[0]])).toEqual([
    [megabyte / 2, true, 1],
    [megabyte / 4 - 1, true, 2],
    [megabyte / 2, true, 0],
    [megabyte, true, 0],
  ]);
  for (const tensor of filled) tensor.dispose();
});

it('uses memory again where some of it has gone back to the system', async () => {
  native.emptyPool();
  const [a, b, c] = await inRow(2, 3, 4);
  a!.dispose();
  await synchronize();
  native.emptyPool();
  const before = await all();
  b!.dispose();
  await synchronize();
  // Three megabytes of the six have memory.
  const d = full([(6 * megabyte) / 4 - 256 * 1024], 3);
  expect(await all()).toBe(before + 2 * megabyte);
  expect((await d.data()).every((x) => x === 3)).toBe(true);
  c!.dispose();
  d.dispose();
});

it('puts what lasts after all others', async () => {
  native.emptyPool();
  const [a, b] = await inRow(8, 2);
  a!.dispose();
  const before = await all();
  using state = new Tensor(native.lasting([megabyte / 4], 3), 'f32');
  expect(await all()).toBe(before + megabyte);
  expect((await state.data()).every((x) => x === 3)).toBe(true);
  const again = megabytes(8);
  expect(await all()).toBe(before + megabyte);
  for (const tensor of [b!, again]) tensor.dispose();
});

it('keeps half as much again as the peak at most', async () => {
  native.emptyPool();
  native.resetPeak();
  const tensors = await inRow(...Array.from({ length: 60 }, () => 4));
  for (const [i, tensor] of tensors.entries()) if (i % 2) tensor.dispose();
  const { peakBytes } = native.memory();
  const larger = await inRow(...Array.from({ length: 20 }, () => 6));
  for (const tensor of larger) tensor.dispose();
  expect(await all()).toBeLessThanOrEqual(1.5 * peakBytes);
  native.resetPeak();
  for (const [i, tensor] of tensors.entries()) if (i % 2 === 0) tensor.dispose();
  await synchronize();
  expect(native.memory().pooledBytes).toBeLessThanOrEqual(1.5 * native.memory().peakBytes);
  native.emptyPool();
});
