import { expect, test } from 'vitest';
import { data, memory, tensor, type Tensor } from '../../lib/index.js';
import { noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

const bytes = Uint8Array.from({ length: 10 * 6 }, (_, i) => (i * 37) % 256);
const labelled = () => new data.TensorDataset(tensor(bytes, [10, 2, 3, 1]), tensor(new Int32Array(10)));

test('targets are inputs, over whatever dataset', async () => {
  const flipped = new data.TransformedDataset(labelled(), [new data.transforms.RandomHorizontalFlip()]);
  const lone: data.Dataset = { length: 3, get: (i) => [tensor([i, i + 0.5]), 1] };
  for (const dataset of [labelled(), new data.Subset(labelled(), [3, 1, 9]), flipped, lone]) {
    const wrapped = data.reconstruction(dataset);
    expect(wrapped.length).toBe(dataset.length);
    expect([wrapped.labels, wrapped.classes]).toEqual([undefined, undefined]);
    const randomness = { seed: 1, epoch: 1 };
    const indices = Int32Array.of(2, 0);
    const [x, y] = await wrapped.batch!(indices, randomness);
    const expected = await data.batchOf(dataset, indices, randomness);
    expect(x.shape).toEqual(expected[0].shape);
    expect(await x.data()).toEqual(await expected[0].data());
    expect(await y.data()).toEqual(await x.data());
    x.dispose();
    expect((await (y as Tensor).data()).length).toBeGreaterThan(0);
    const [one, target] = await wrapped.get(1, randomness);
    expect(await (target as Tensor).data()).toEqual(await one.data());
  }
});

test('goes through a DataLoader, and leaves nothing behind', async () => {
  const dataset = data.reconstruction(data.reconstruction(labelled()));
  await collectGarbage();
  const before = memory().liveTensors;
  let samples = 0;
  for await (const [x, y] of new data.DataLoader(dataset, { batchSize: 4, shuffle: true, seed: 1 })) {
    expect((y as Tensor).shape).toEqual(x.shape);
    samples += x.shape[0]!;
  }
  expect(samples).toBe(10);
  await collectGarbage();
  expect(memory().liveTensors).toBe(before);
});

test('what the dataset keeps stays the dataset’s', async () => {
  const kept = noisy([2, 3]).keep();
  const wrapped = data.reconstruction({ length: 1, get: () => [kept, kept] });
  const [x, y] = await wrapped.get(0);
  (y as Tensor).dispose();
  expect(x).toBe(kept);
  expect(kept.disposed).toBe(false);
});

test('refuses', async () => {
  for (const dataset of [null, 3, {}]) {
    expect(() => data.reconstruction(dataset as never)).toThrow(/^reconstruction: dataset is/);
  }
  await expect(data.reconstruction(labelled()).get(10)).rejects.toThrow('get: there is no sample 10');
});
