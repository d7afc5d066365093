import { describe, expect, test } from 'vitest';
import {
  data,
  express,
  full,
  loss,
  memory,
  models,
  nn,
  noGrad,
  ones,
  ops,
  optim,
  randn,
  scope,
  setSeed,
  Snapshot,
  StriateError,
  synchronize,
  tensor,
  Trainer,
  zeros,
  type SnapshotOptions,
  type Tensor,
} from '../../lib/index.js';
import { noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Convolution, norm and dropout: what training changes by gradients, what it changes else, and what it draws. */
function network(): nn.Sequential {
  setSeed(3);
  return new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Dropout(0.5),
    new nn.Linear(4 * 6 * 6, 3),
  );
}

async function step(model: nn.Module): Promise<void> {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.9 });
  const output = model.forward(noisy([5, 8, 8, 1], 7));
  loss.crossEntropy(output, tensor(Int32Array.of(0, 1, 2, 0, 1))).backward();
  optimizer.step();
  await synchronize();
}

async function inUse(model: nn.Module, x: Tensor): Promise<Float32Array> {
  const modes = Array.from(model.modules(), ([, module]) => module.training);
  const y = await noGrad(() => model.eval().forward(x)).data();
  for (const [, module] of model.modules()) module.training = modes.shift()!;
  return y;
}

/** Work for the compute thread that takes a while, and its result. */
function backlog(): Tensor {
  return scope(() => {
    const factor = full([256, 256], 1 / 256);
    let product: Tensor = ones([256, 256]);
    for (let i = 0; i < 200; i++) product = product.matmul(factor);
    return product;
  });
}

describe('Snapshot', () => {
  test('answers as the model did in use, whatever has become of the model', async () => {
    const model = network();
    await step(model);
    const x = noisy([2, 8, 8, 1], 9);
    const before = await inUse(model, x);
    const names = [...model.stateDict().keys()];
    const tensors = [...model.stateDict().values()];
    using snapshot = new Snapshot(model);
    await step(model);
    const after = await inUse(model, x);
    expect(after).not.toEqual(before);
    expect(await snapshot.forward(x).data()).toEqual(before);
    expect(snapshot.forward(x).requiresGrad).toBe(false);
    expect(snapshot.version).toBe(0);

    // The model has its own tensors and modes as ever.
    expect([...model.stateDict().values()]).toEqual(tensors);
    expect(tensors.every((own, i) => own === model.stateDict().get(names[i]!))).toBe(true);
    expect([...model.modules()].every(([, module]) => module.training)).toBe(true);
    expect(await inUse(model, x)).toEqual(after);

    await snapshot.refresh();
    expect(snapshot.version).toBe(1);
    expect(await snapshot.forward(x).data()).toEqual(after);
    expect([...snapshot.stateDict().keys()]).toEqual(names);
    const other = network();
    other.loadStateDict(snapshot.stateDict());
    expect(await inUse(other, x)).toEqual(after);
  });

  test('takes the weights of its place in the queue, not those of the moment', async () => {
    const model = new nn.Sequential(new nn.Linear(1, 1, { bias: false }));
    const [weight] = model.parameters();
    const set = (value: number) => scope(() => weight!.assign(full([1, 1], value)));
    set(1);
    backlog().dispose();
    using first = new Snapshot(model);
    set(2);
    const second = new Snapshot(model);
    set(3);
    const one = ones([1, 1]);
    expect(await Promise.all([first, second].map((each) => each.forward(one).item()))).toEqual([1, 2]);
    const done = second.refresh();
    set(4);
    await done;
    expect(await second.forward(one).item()).toBe(3);
    second.dispose();
  });

  test('overtakes training, and goes on with the weights of before while it is refreshed', async () => {
    const model = network();
    using snapshot = new Snapshot(model);
    await synchronize();
    const expected = await inUse(model, zeros([1, 8, 8, 1]));
    const order: string[] = [];
    const slow = backlog();
    const training = slow.data().then(() => order.push('training'));
    const refreshed = snapshot.refresh().then(() => order.push('refreshed'));
    const answer = express(() => snapshot.forward(tensor(new Float32Array(64), [1, 8, 8, 1])));
    expect(await answer.data()).toEqual(expected);
    order.push('answer');
    await Promise.all([training, refreshed]);
    expect(order).toEqual(['answer', 'training', 'refreshed']);
  });

  test('no answer sees half an update', async () => {
    /** Says by how much two weights, which are equal between updates, differ. */
    class Difference extends nn.Module {
      a = new nn.Parameter(zeros([64]));
      between = new nn.Parameter(zeros([256, 256]));
      b = new nn.Parameter(zeros([64]));
      override forward(x: Tensor): Tensor {
        return ops.add(ops.sub(this.a, this.b), x);
      }
    }
    const model = new Difference();
    using snapshot = new Snapshot(model);
    await synchronize();
    let updating = true;
    const update = async (): Promise<void> => {
      for (let i = 1; i <= 60; i++) {
        scope(() => {
          model.a.assign(full([64], i));
          for (let k = 0; k < 5; k++) model.between.assign(model.between.matmul(model.between));
          model.b.assign(full([64], i));
        });
        await snapshot.refresh();
      }
      updating = false;
    };
    const updates = update();
    let answers = 0;
    while (updating) {
      using answer = express(() => snapshot.forward(zeros([64])));
      expect((await answer.data()).every((v) => v === 0)).toBe(true);
      answers++;
    }
    await updates;
    expect(snapshot.version).toBe(60);
    expect(answers).toBeGreaterThan(20);
  });

  test('is a callback: refreshed after so many steps, and at the ends of epochs', async () => {
    const x = randn([40, 8, 8, 1]);
    const set = new data.TensorDataset(x, tensor(Int32Array.from({ length: 40 }, (_, i) => i % 3)));
    const versions = async (options: SnapshotOptions): Promise<number> => {
      const model = network();
      using snapshot = new Snapshot(model, options);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
      await trainer.fit(set, { epochs: 2, batchSize: 4, callbacks: [snapshot], progress: false });
      const probe = noisy([2, 8, 8, 1], 9);
      expect(await snapshot.forward(probe).data()).toEqual(await inUse(model, probe));
      return snapshot.version;
    };
    expect(await versions({})).toBe(2);
    expect(await versions({ everySteps: 4 })).toBe(2 + 5);
    expect(await versions({ everySteps: 1 })).toBe(2 + 20);
  });

  test('copies what stands in two places once, and leaves nothing behind', async () => {
    const layer = new nn.Linear(3, 3);
    const model = new nn.Sequential(layer, new nn.ReLU(), layer);
    await collectGarbage();
    const { liveTensors } = memory();
    const snapshot = new Snapshot(model);
    expect(memory().liveTensors - liveTensors).toBe(2);
    const x = noisy([2, 3]);
    expect(await snapshot.forward(x).data()).toEqual(await inUse(model, x));
    for (let i = 0; i < 20; i++) await snapshot.refresh();
    snapshot.dispose();
    snapshot.dispose();
    x.dispose();
    await collectGarbage();
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test('stays as it is where a refresh fails', async () => {
    const model = new nn.Sequential(new nn.Linear(3, 3));
    using snapshot = new Snapshot(model);
    const x = noisy([2, 3]);
    const before = await snapshot.forward(x).data();
    // An update that cannot be: what it comes from is larger than memory.
    const huge = zeros([2 ** 42]);
    scope(() => model.parameters()[0]!.assign(ops.slice(huge, [0], [9]).reshape([3, 3])));
    await expect(snapshot.refresh()).rejects.toThrow('out of memory');
    expect(snapshot.version).toBe(0);
    expect(await snapshot.forward(x).data()).toEqual(before);
    model.parameters()[1]!.dispose();
    await expect(snapshot.refresh()).rejects.toThrow(StriateError);
    expect(await snapshot.forward(x).data()).toEqual(before);
  });

  test('hands the tensors back where a layer fails', async () => {
    const model = models.lenet5();
    using snapshot = new Snapshot(model);
    const tensors = [...model.stateDict().values()];
    expect(() => snapshot.forward(zeros([1, 9, 9, 2]))).toThrow(/input has 2 channels/);
    expect([...model.stateDict().values()].every((own, i) => own === tensors[i])).toBe(true);
    expect(model.training).toBe(true);
  });

  test('refuses what it cannot be made of, and a use after its end', async () => {
    const model = new nn.Sequential(new nn.Linear(3, 3));
    expect(() => new Snapshot({} as never)).toThrow('Snapshot: model is an object, wants a Module');
    for (const everySteps of [0, -1, 1.5, NaN, '3' as unknown as number]) {
      expect(() => new Snapshot(model, { everySteps })).toThrow(/^Snapshot: everySteps is .*, wants a whole/);
    }
    const snapshot = new Snapshot(model);
    snapshot.dispose();
    expect(() => snapshot.forward(zeros([1, 3]))).toThrow('Snapshot.forward: the snapshot has been disposed');
    expect(() => snapshot.stateDict()).toThrow(StriateError);
    await expect(snapshot.refresh()).rejects.toThrow('Snapshot.refresh: the snapshot has been disposed');
    // One that ends while it is refreshed keeps nothing.
    const late = new Snapshot(model);
    await collectGarbage();
    const { liveTensors } = memory();
    const done = late.refresh();
    late.dispose();
    await done;
    expect(memory().liveTensors).toBe(liveTensors - 2);
  });
});
