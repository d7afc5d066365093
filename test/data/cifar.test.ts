import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { data } from '../../lib/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Records of one image each, with these bytes before the planes; the pixels are numbered on. */
function records(...labels: number[][]): Uint8Array {
  return Uint8Array.from(
    labels.flatMap((before, n) => [...before, ...Array.from({ length: 3072 }, (_, i) => (i + 7 * n) % 251)]),
  );
}

const file = (name: string, bytes: Uint8Array) => writeFile(join(folder, name), bytes);

test('cifar10 reads all batches that there are, planes as channels', async () => {
  await file('data_batch_2.bin', records([9]));
  await file('data_batch_1.bin', records([3], [0]));
  await file('test_batch.bin', records([1]));
  const { train, test: held } = await data.cifar10(folder);
  expect([train.x.dtype, train.x.shape, held.x.shape]).toEqual(['u8', [3, 32, 32, 3], [1, 32, 32, 3]]);
  expect([...(await train.labels!())]).toEqual([3, 0, 9]);
  expect(train.classes?.[9]).toBe('truck');
  const pixels = await train.x.data();
  const wanted = Array.from({ length: 3 * 3072 }, (_, at) => {
    const image = Math.floor(at / 3072);
    const [pixel, channel] = [Math.floor((at % 3072) / 3), at % 3];
    return (channel * 1024 + pixel + (image === 1 ? 7 : 0)) % 251;
  });
  expect([...pixels]).toEqual(wanted);
  const [x] = train.batch(Int32Array.of(1));
  expect((await x.data())[5]).toBeCloseTo(wanted[3072 + 5]! / 255, 6);
});

test('cifar100 reads labels of classes or superclasses, also where the archive was unpacked', async () => {
  await mkdir(join(folder, 'cifar-100-binary'));
  await file('cifar-100-binary/train.bin', records([19, 99], [0, 1]));
  await file('cifar-100-binary/test.bin', records([4, 0]));
  const fine = await data.cifar100(folder);
  expect([[...(await fine.train.labels!())], fine.train.classes?.[99], fine.train.classes?.length]).toEqual([
    [99, 1],
    'worm',
    100,
  ]);
  const coarse = await data.cifar100(folder, { labels: 'coarse' });
  expect([[...(await coarse.train.labels!())], coarse.test.classes?.[4]]).toEqual([
    [19, 0],
    'fruit_and_vegetables',
  ]);
  expect(coarse.test.classes).toHaveLength(20);
  expect((await coarse.train.x.data()).subarray(0, 3)).toEqual(Uint8Array.of(0, 1024 % 251, 2048 % 251));
  await expect(data.cifar100(folder, { labels: 'both' as never })).rejects.toThrow(
    /^cifar100: labels is 'both', wants 'fine' or 'coarse'$/,
  );
});

test('names what is missing, cut short, or has a label out of range', async () => {
  await expect(data.cifar10(join(folder, 'none'))).rejects.toThrow(
    /^cifar10: cannot read the folder .*none: ENOENT/,
  );
  await expect(data.cifar10(folder)).rejects.toThrow(/^cifar10: .* has no data_batch_1\.bin$/);
  await file('data_batch_1.bin', records([0]));
  await expect(data.cifar10(folder)).rejects.toThrow(/^cifar10: .* has no test_batch\.bin$/);
  await file('test_batch.bin', new Uint8Array());
  await expect(data.cifar10(folder)).rejects.toThrow(
    /test_batch\.bin: is cut short or of another format: 0 bytes/,
  );
  await file('test_batch.bin', records([0], [1]).subarray(0, -1));
  await expect(data.cifar10(folder)).rejects.toThrow(
    /test_batch\.bin: is cut short or of another format: 6145 bytes, wants records of 3073; 1 fit$/,
  );
  await file('test_batch.bin', records([0], [10]));
  await expect(data.cifar10(folder)).rejects.toThrow(
    /test_batch\.bin: record 1 has the label 10, wants one from 0 to 9$/,
  );
});

if (process.env.STRIATE_DATA !== undefined) {
  const cifar = join(process.env.STRIATE_DATA, 'cifar10');

  test('reads real images of CIFAR-10, balanced', async () => {
    const { train, test: held } = await data.cifar10(cifar);
    expect([train.length, held.length]).toEqual([10_000, 2_000]);
    const counts = new Array<number>(10).fill(0);
    for (const label of await held.labels!()) counts[label]!++;
    expect(Math.min(...counts)).toBeGreaterThan(100);
  });
}
