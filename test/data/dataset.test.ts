import { expect, test } from 'vitest';
import { data, randn, tensor } from '../../lib/index.js';
import { expectClose } from '../check.js';
import { labelled, numbered } from './samples.js';

test('makes f32 in [0, 1] of u8', async () => {
  const bytes = new data.TensorDataset(
    tensor(new Uint8Array([0, 51, 255]), [3, 1]),
    tensor(new Int32Array(3)),
  );
  const [x] = bytes.batch(new Int32Array([2, 1, 0]));
  await expectClose(x, [1, 0.2, 0], 1e-7);
});

test('gives one sample without the batch axis', async () => {
  const set = new data.TensorDataset(tensor([[[1, 2]], [[3, 4]]]), tensor(new Int32Array([7, 8])));
  const [x, y] = set.get(1);
  expect([x.shape, [...(await x.data())]]).toEqual([[1, 2], [3, 4]]); // prettier-ignore
  expect(y).toMatchObject({ dtype: 'i32', shape: [] });
  expect(await (y as data.Target).item()).toBe(8);
});

test('holds values as targets, of any shape', async () => {
  const set = new data.TensorDataset(randn([3, 2]), tensor([[1, 2], [3, 4], [5, 6]])); // prettier-ignore
  expect(set.labels).toBeUndefined();
  const [, y] = set.batch(Int32Array.of(2, 0));
  expect([y.dtype, y.shape, [...(await y.data())]]).toEqual(['f32', [2, 2], [5, 6, 1, 2]]);
});

test('knows labels and classes, also of what is transformed', async () => {
  const set = labelled([1, 0, 1], ['cat', 'dog']);
  const { Standardize } = data.preprocessing;
  const standardize = new Standardize();
  standardize.mean.assign(tensor([1]).reshape([]));
  standardize.std.assign(tensor([2]).reshape([]));
  const standardized = new data.TransformedDataset(set, [standardize]);
  for (const each of [set, standardized]) {
    expect(each.classes).toEqual(['cat', 'dog']);
    expect([...(await each.labels!())]).toEqual([1, 0, 1]);
  }
  const [x, y] = await standardized.get(2);
  expect([[...(await x.data())], await (y as data.Target).item()]).toEqual([[0.5], 1]);
});

test('refuses labels that no class has', async () => {
  await expect(labelled([0, 2], ['a', 'b']).labels!()).rejects.toThrow(
    /^TensorDataset: the label of sample 1 is 2, wants one from 0 to 1$/,
  );
  await expect(labelled([-1]).labels!()).rejects.toThrow(/sample 0 is -1, wants one from 0 on$/);
});

test('refuses tensors that do not belong together, and what are none', () => {
  const wrong = (x: unknown, y: unknown) => () => new data.TensorDataset(x as never, y as never);
  expect(wrong(randn([3, 1]), tensor(new Int32Array(2)))).toThrow(
    /^TensorDataset: x \[3, 1\] and y \[2\] want one label or value for each sample/,
  );
  expect(wrong(randn([]), randn([]))).toThrow(/^TensorDataset: x \[\] and y \[\]/);
  expect(wrong([1], tensor([1]))).toThrow(/^TensorDataset: x is \[1\], wants a tensor$/);
  expect(wrong(tensor(new Int32Array(1)), tensor([1]))).toThrow(/^TensorDataset: x is i32, wants f32 or u8$/);
  expect(wrong(randn([1]), tensor(new Uint8Array(1)))).toThrow(/^TensorDataset: y is u8, wants i32 or f32$/);
});

test('refuses numbers of samples that there are not', () => {
  const set = numbered(3);
  expect(() => set.get(3)).toThrow(/^get: there is no sample 3, the dataset has 3$/);
  expect(() => set.get(-1)).toThrow(/^get: there is no sample -1/);
  expect(() => set.get(0.5)).toThrow(/^get: index is 0.5, wants a whole number$/);
  expect(() => set.batch(Int32Array.of(0, 9))).toThrow(/^batch: there is no sample 9/);
  expect(() => set.batch([0] as never)).toThrow(/^batch: indices is \[0\], wants an Int32Array$/);
});
