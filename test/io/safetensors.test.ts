import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { io, models, nn, randn, setSeed, tensor, Tensor, type DType } from '../../lib/index.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
  file = join(folder, 'model.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

test('a network saved and loaded computes the same', async () => {
  setSeed(1);
  const [saved, loaded] = [models.lenet5(), models.lenet5()];
  await io.saveSafetensors(saved, file, { note: 'é' });
  expect(await io.loadSafetensors(loaded, file)).toEqual({ note: 'é' });
  const x = randn([3, 28, 28, 1]);
  expect(await loaded.forward(x).data()).toEqual(await saved.forward(x).data());
});

test('tensors of every dtype, and buffers', async () => {
  const all = new Map<string, Tensor<DType>>([
    ['f', tensor([1.5, -0, NaN])],
    ['i', tensor(new Int32Array([-1, 2 ** 31 - 1]), [2, 1])],
    ['u', tensor(new Uint8Array([255]), [])],
  ]);
  await io.saveSafetensors(all, file);
  const { tensors } = await io.readSafetensors(file);
  for (const [name, source] of all) {
    expect(tensors.get(name)?.shape).toEqual(source.shape);
    expect(await tensors.get(name)?.data()).toEqual(await source.data());
  }
  const norm = new nn.BatchNorm2d(3);
  norm.forward(randn([4, 2, 2, 3]));
  await io.saveSafetensors(norm, file);
  const other = new nn.BatchNorm2d(3);
  await io.loadSafetensors(other, file);
  expect(await other.runningVar.data()).toEqual(await norm.runningVar.data());
});

test('a file that does not fit, or is cut short, leaves module and file as they were', async () => {
  await io.saveSafetensors(new nn.Linear(2, 3), file);
  const module = new nn.Linear(2, 4);
  const before = await module.weight.data();
  await expect(io.loadSafetensors(module, file)).rejects.toThrow(
    /weight is f32 \[2, 3\], wants f32 \[2, 4\]/,
  );
  const whole = await readFile(file);
  await writeFile(file, whole.subarray(0, -1));
  await expect(io.loadSafetensors(new nn.Linear(2, 3), file)).rejects.toThrow(/model\.safetensors/);
  expect(await module.weight.data()).toEqual(before);
  expect(await readFile(file)).toEqual(whole.subarray(0, -1));
});

test('saving where a read fails leaves the file before, and no other', async () => {
  await writeFile(file, 'before');
  const module = new nn.Linear(2, 3);
  module.weight.dispose();
  await expect(io.saveSafetensors(module, file)).rejects.toThrow(/disposed/);
  expect(await readFile(file, 'utf8')).toBe('before');
  expect(await readdir(folder)).toEqual(['model.safetensors']);
});

test('numbers of 16 bits are written where they are wanted, and read as f32', async () => {
  const values = [1, -0, 65504, 1e5, 1 / 3, 2 ** -24, 2 ** -26, Infinity];
  const all = new Map<string, Tensor<DType>>([
    ['f', tensor(values)],
    ['i', tensor(new Int32Array([7, -7]))],
    ['many', randn([3, 700_001])],
  ]);
  const expected = { f16: [1, -0, 65504, Infinity, 0.333251953125, 2 ** -24, 0, Infinity], bf16: [1, -0, 65536, 99840, 0.333984375, 2 ** -24, 2 ** -26, Infinity] }; // prettier-ignore
  for (const dtype of ['f16', 'bf16'] as const) {
    await io.saveSafetensors(all, file, {}, { dtype });
    const { tensors } = await io.readSafetensors(file);
    expect([...(await tensors.get('f')!.data())]).toEqual(expected[dtype]);
    expect([...(await tensors.get('i')!.data())]).toEqual([7, -7]);
    const [wide, narrow] = [await all.get('many')!.data(), await tensors.get('many')!.data()];
    const [least, share] = dtype === 'f16' ? [2 ** -14, 2 ** -11] : [2 ** -126, 2 ** -8];
    let most = 0;
    for (const [i, v] of wide.entries()) {
      most = Math.max(most, Math.abs(narrow[i]! - v) / Math.max(least, Math.abs(v)));
    }
    expect(most).toBeLessThanOrEqual(share);
    expect((await readFile(file)).length).toBeLessThan(2 * 3 * 700_001 + 1000);
    // What is of 16 bits already loses nothing.
    const again = join(folder, 'again.safetensors');
    await io.saveSafetensors(tensors, again, {}, { dtype });
    expect(Buffer.compare(await readFile(again), await readFile(file))).toBe(0);
  }
  await expect(io.saveSafetensors(all, file, {}, { dtype: 'f64' as never })).rejects.toThrow(
    "saveSafetensors: dtype is 'f64', wants 'f32', 'f16' or 'bf16'",
  );
});

test('other types of elements become those of tensors, as far as these hold them', async () => {
  const header = (numbers: string) =>
    `{"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"l":${numbers},"b":{"dtype":"BOOL","shape":[2],"data_offsets":[32,34]},` +
    '"c":{"dtype":"I8","shape":[2],"data_offsets":[34,36]},"s":{"dtype":"I16","shape":[1],"data_offsets":[36,38]}}';
  const data = Buffer.alloc(38);
  data.writeDoubleLE(0.1, 0);
  data.writeDoubleLE(1e300, 8);
  data.writeBigInt64LE(-5n, 16);
  data.writeBigInt64LE(2n ** 31n - 1n, 24);
  data.set([1, 200, 0xff, 127, 0x00, 0x80], 32);
  const write = async () => {
    const text = Buffer.from(header('{"dtype":"I64","shape":[2],"data_offsets":[16,32]}'));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    await writeFile(file, Buffer.concat([length, text, data]));
  };
  await write();
  const { tensors } = await io.readSafetensors(file);
  const values = Object.fromEntries(await Promise.all([...tensors].map(async ([name, t]) => [name, [t.dtype, ...(await t.data())]] as const))); // prettier-ignore
  expect(values).toEqual({
    d: ['f32', Math.fround(0.1), Infinity],
    l: ['i32', -5, 2 ** 31 - 1],
    b: ['u8', 1, 1],
    c: ['i32', -1, 127],
    s: ['i32', -32768],
  });
  data.writeBigInt64LE(2n ** 31n, 24);
  await write();
  await expect(io.readSafetensors(file)).rejects.toThrow(
    /model\.safetensors: tensor "l" has the number 2147483648, wanted I64 from -2147483648 to 2147483647/,
  );
});

test('a file is one moment, whatever changes the tensors while it is written', async () => {
  const module = new nn.Linear(300, 400);
  const before = await module.weight.data();
  const saved = io.saveSafetensors(module, file);
  module.weight.assign(randn([300, 400]));
  await saved;
  const { tensors } = await io.readSafetensors(file);
  expect(await tensors.get('weight')!.data()).toEqual(before);
});
