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
