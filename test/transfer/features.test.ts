import { describe, expect, test } from 'vitest';
import {
  data,
  loss,
  memory,
  models,
  nn,
  noGrad,
  optim,
  setSeed,
  StriateError,
  synchronize,
  tensor,
  Trainer,
  transfer,
} from '../../lib/index.js';
import { concat, split } from '../../lib/ops/index.js';
import { expectWithin, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

function labels(n: number) {
  return tensor(Int32Array.from({ length: n }, (_, i) => i % 3));
}

describe('splitAtHead', () => {
  test.each([
    ['lenet5', () => models.lenet5({ classes: 3 }), [2, 28, 28, 1], 'fc3'],
    [
      'mobilenetV2',
      () => models.mobilenetV2({ classes: 3, width: 0.25 }),
      [2, 32, 32, 3],
      'classifier.0 classifier.1',
    ],
    [
      'squeezenet',
      () => models.squeezenet({ classes: 3 }),
      [2, 35, 35, 3],
      'classifier.0 classifier.1 classifier.2 classifier.3 flatten',
    ],
    ['googlenet', () => models.googlenet({ classes: 3 }), [1, 32, 32, 3], 'dropout fc'],
    ['alexnet', () => models.alexnet({ classes: 3 }), [1, 63, 63, 3], 'classifier.6'],
  ] as const)(
    'of %s: the parts are the whole, and the head what follows the features',
    async (_, make, shape, expected) => {
      setSeed(4);
      using model = make();
      model.eval();
      const { body, head } = transfer.splitAtHead(model);
      const leaves = [...head.modules()]
        .filter(([, m]) => [...m.children()].length === 0)
        .map(([path]) => path);
      expect(leaves.join(' ')).toBe(expected);
      expect(new Map([...body.stateDict(), ...head.stateDict()])).toEqual(model.stateDict());
      const x = noisy([...shape], 1);
      const [parts, whole] = noGrad(() => [head.forward(body.forward(x)), model.forward(x)]);
      expect(await parts.data()).toEqual(await whole.data());
    },
  );

  test('at a path; and refuses a layer that is not in Sequentials', () => {
    using model = models.lenet5();
    const { body, head } = transfer.splitAtHead(model, { at: 'fc1' });
    expect([...head.children()].map(([name]) => name)).toEqual(['fc1', 'relu3', 'fc2', 'relu4', 'fc3']);
    expect(body.length).toBe(7);
    expect(() => transfer.splitAtHead(model, { at: 'fc9' })).toThrow(RangeError);
    const inside = new nn.Sequential(new nn.Residual(new nn.Linear(3, 3)));
    expect(() => transfer.splitAtHead(inside)).toThrow(StriateError);
    expect(() => transfer.splitAtHead(inside)).toThrow(
      /0.body is in a Residual, wants it in Sequentials alone/,
    );
  });
});

describe('extractFeatures', () => {
  test('gives what the body makes of each sample, with targets and classes, whatever the batches', async () => {
    setSeed(5);
    using model = models.smallVgg({ classes: 3, channels: 1, widths: [4, 6] });
    const { body } = transfer.splitAtHead(model);
    body.train();
    const classes = ['a', 'b', 'c'];
    const set = new data.TensorDataset(noisy([11, 8, 8, 1], 2), labels(11), { classes });
    const was = await Promise.all(Array.from(body.stateDict().values(), (t) => t.data()));
    const features = await transfer.extractFeatures(body, set, { batchSize: 4 });
    expect([features.length, features.x.shape, features.classes]).toEqual([11, [11, 6], classes]);
    expect(await features.labels!()).toEqual(await set.labels!());
    expect(await Promise.all(Array.from(body.stateDict().values(), (t) => t.data()))).toEqual(was);
    expect([...body.modules()].every(([, m]) => m.training)).toBe(true);
    // Convolutions choose their algorithm by the shape, so that another batch may differ by rounding.
    const x = set.x as ReturnType<typeof noisy>;
    const same = noGrad(() => concat(split(x, [4, 4, 3]).map((batch) => body.eval().forward(batch))));
    expect(await features.x.data()).toEqual(await same.data());
    expectWithin(await features.x.data(), await noGrad(() => body.forward(x)).data(), 1e-6);
    expect(features.x.requiresGrad).toBe(false);
    features.dispose();
    const alone = await transfer.extractFeatures(new nn.Sequential(), set, { batchSize: 4 });
    expect(await alone.x.data()).toEqual(await set.x.data());
    alone.dispose();
  });

  test('a head trained on them is the one that training the model with a frozen body gives', async () => {
    const run = async (cached: boolean) => {
      setSeed(6);
      const model = models.smallVgg({ classes: 3, channels: 1, widths: [4, 6] });
      transfer.unfreezeTop(model, 1);
      const set = new data.TensorDataset(noisy([20, 8, 8, 1], 3), labels(20));
      const { body, head } = transfer.splitAtHead(model);
      const optimizer = new optim.Adam(head.parameters(), { lr: 0.01 });
      const [trained, source] = cached ? [head, await transfer.extractFeatures(body, set)] : [model, set];
      const trainer = new Trainer(trained, { optimizer, loss: loss.crossEntropy });
      await trainer.fit(source, { epochs: 3, batchSize: 7, seed: 1, progress: false });
      return model
        .eval()
        .forward(noisy([5, 8, 8, 1], 4))
        .data();
    };
    const [cached, whole] = [await run(true), await run(false)];
    const error = Math.max(...cached.map((v, i) => Math.abs(v - whole[i]!)));
    expect(error).toBeLessThan(1e-5);
  });

  test('leaves nothing behind but the features, also where it is aborted, and refuses what is none', async () => {
    const body = new nn.Sequential(new nn.Linear(3, 2), new nn.ReLU());
    const set = new data.TensorDataset(noisy([50, 3]), noisy([50, 2]));
    await collectGarbage();
    const before = memory().liveTensors;
    (await transfer.extractFeatures(body, set, { batchSize: 9 })).dispose();
    const signal = AbortSignal.abort();
    await expect(transfer.extractFeatures(body, set, { signal })).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    await collectGarbage();
    await synchronize();
    expect(memory().liveTensors).toBe(before);
    await expect(transfer.extractFeatures({} as never, set)).rejects.toThrow(
      /body is an object, wants a Module/,
    );
    const empty = new data.TensorDataset(tensor(new Float32Array(), [0, 3]), noisy([0, 2]));
    await expect(transfer.extractFeatures(body, empty)).rejects.toThrow(/the dataset is empty/);
  });
});
