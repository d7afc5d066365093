import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { data } from '../../lib/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
});
afterEach(() => rm(folder, { recursive: true }));

function idx(shape: number[], bytes: number[]): Uint8Array {
  const head = [0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])];
  return Uint8Array.from([...head, ...bytes]);
}

async function files(changed: Record<string, Uint8Array | null> = {}): Promise<void> {
  const all: Record<string, Uint8Array | null> = {
    'train-images-idx3-ubyte': idx([2, 2, 3], [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]),
    'train-labels-idx1-ubyte.gz': gzipSync(idx([2], [7, 3])),
    't10k-images-idx3-ubyte.gz': gzipSync(idx([1, 2, 3], [9, 9, 9, 9, 9, 9])),
    't10k-labels-idx1-ubyte': idx([1], [1]),
    ...changed,
  };
  for (const [name, bytes] of Object.entries(all)) if (bytes) await writeFile(join(folder, name), bytes);
}

test('reads plain and gzip files into images [N, H, W, 1] and labels', async () => {
  await files();
  const { train, test: held } = await data.mnist(folder);
  expect(train.x.shape).toEqual([2, 2, 3, 1]);
  expect([...(await train.x.data())].slice(0, 6)).toEqual([0, 51, 102, 153, 204, 255]);
  expect([...(await train.y.data())]).toEqual([7, 3]);
  expect([held.length, await held.y.item()]).toEqual([1, 1]);
});

test('names the file that is missing, damaged, of another kind or another length', async () => {
  await expect(data.mnist(folder)).rejects.toThrow(/neither .*-ubyte nor .*-ubyte\.gz is there/);
  await files({ 't10k-labels-idx1-ubyte': idx([1], []) });
  await expect(data.mnist(folder)).rejects.toThrow(/t10k-labels-idx1-ubyte/);
  await files({ 't10k-labels-idx1-ubyte': idx([3], [1, 2, 3]) });
  await expect(data.mnist(folder)).rejects.toThrow(/t10k-labels-idx1-ubyte: holds u8 \[3\], wants 1 labels/);
  await files({ 'train-images-idx3-ubyte': idx([2], [1, 2]) });
  await expect(data.mnist(folder)).rejects.toThrow(/train-images-idx3-ubyte: holds u8 \[2\], wants images/);
});

test('knows the classes of Fashion-MNIST, and labels that none has', async () => {
  await files();
  const { train } = await data.fashionMnist(folder);
  expect([...(await train.labels!())].map((label) => train.classes?.[label])).toEqual(['Sneaker', 'Dress']);
  expect((await data.mnist(folder)).train.classes).toBeUndefined();
  await files({ 't10k-labels-idx1-ubyte': idx([1], [10]) });
  await expect(data.fashionMnist(folder)).rejects.toThrow(
    /t10k-labels-idx1-ubyte: label 0 is 10, wants one from 0 to 9$/,
  );
});
