import { describe, expect, test } from 'vitest';
import { nn, noGrad, ones, randn, scope, StriateError, tensor, Tensor, type DType } from '../../lib/index.js';
import { expectClose } from '../check.js';

class Block extends nn.Module {
  readonly first = new nn.Linear(3, 4);
  readonly rest = [new nn.Linear(4, 4), new nn.BatchNorm2d(4)];
  readonly scale = ones([4]).keep();
  readonly note = 'no tensor';

  override forward(x: Tensor): Tensor {
    return this.first.forward(x).mul(this.scale);
  }
}

describe('Module', () => {
  test('names parameters and buffers by their paths', () => {
    const block = new Block();
    expect([...block.namedParameters()].map(([name]) => name)).toEqual([
      'first.weight',
      'first.bias',
      'rest.0.weight',
      'rest.0.bias',
      'rest.1.weight',
      'rest.1.bias',
    ]);
    expect([...block.namedBuffers()].map(([name]) => name)).toEqual([
      'scale',
      'rest.1.runningMean',
      'rest.1.runningVar',
      'rest.1.numBatchesTracked',
    ]);
    expect([...block.modules()].map(([path]) => path)).toEqual(['', 'first', 'rest.0', 'rest.1']);
  });

  test('counts a shared parameter once', () => {
    const layer = new nn.Linear(2, 2);
    expect(new nn.Sequential(layer, new nn.ReLU(), layer).parameters()).toHaveLength(2);
  });

  test('train and eval reach every module inside', () => {
    const block = new Block().eval();
    expect([...block.modules()].map(([, module]) => module.training)).toEqual([false, false, false, false]);
    block.train();
    expect([...block.modules()].every(([, module]) => module.training)).toBe(true);
  });

  test('freeze and unfreeze', () => {
    const block = new Block();
    expect(block.freeze().forward(randn([2, 3])).requiresGrad).toBe(false);
    expect(block.unfreeze().forward(randn([2, 3])).requiresGrad).toBe(true);
  });

  test('a state dict moves values from one module into another', async () => {
    const [from, to] = [new Block(), new Block()];
    from.rest[1]?.forward(randn([5, 1, 1, 4]));
    to.loadStateDict(from.stateDict());
    for (const [name, source] of from.stateDict()) {
      expect(await to.stateDict().get(name)?.data(), name).toEqual(await source.data());
    }
    expect(await to.stateDict().get('rest.1.numBatchesTracked')?.item()).toBe(1);
  });

  test('a state dict that does not fit is refused whole, with all that is wrong', async () => {
    const block = new Block();
    const before = await block.first.weight.data();
    const state = new Map<string, Tensor<DType>>(new Block().stateDict());
    state.delete('rest.0.bias');
    state.set('first.bias', ones([5]));
    state.set('extra', ones([1]));
    expect(() => block.loadStateDict(state)).toThrow(StriateError);
    expect(() => block.loadStateDict(state)).toThrow(
      'loadStateDict: first.bias is f32 [5], wants f32 [4]; rest.0.bias is missing; extra is not in the module',
    );
    expect(await block.first.weight.data()).toEqual(before);
    state.set('first.bias', ones([4]));
    block.loadStateDict(state, { strict: false });
    await expectClose(block.first.bias as Tensor, [1, 1, 1, 1], 0);
  });

  test('parameters and buffers live through a scope, and die with the module', () => {
    const block = scope(() => {
      const made = new Block();
      return { of: () => made };
    }).of();
    expect([...block.stateDict().values()].some((t) => t.disposed)).toBe(false);
    block.dispose();
    expect([...block.stateDict().values()].every((t) => t.disposed)).toBe(true);
  });
});

describe('Sequential', () => {
  test('names layers by number or by key, and nests', () => {
    const numbered = new nn.Sequential(
      new nn.Linear(1, 1),
      new nn.Sequential(new nn.Linear(1, 1, { bias: false })),
    );
    expect([...numbered.stateDict().keys()]).toEqual(['0.weight', '0.bias', '1.0.weight']);
    const named = new nn.Sequential({ a: new nn.Linear(1, 1), b: new nn.ReLU() });
    expect([...named.stateDict().keys()]).toEqual(['a.weight', 'a.bias']);
    expect(named.length).toBe(2);
    expect(named.at(-1)).toBeInstanceOf(nn.ReLU);
    expect(() => named.at(2)).toThrow(/there is no layer 2 among 2/);
  });

  test('refuses what is no module', () => {
    expect(() => new nn.Sequential(new nn.ReLU(), 3 as never)).toThrow(/layer 1 is no Module/);
  });

  test('does a ReLU in the pass of the layer before it, with the same bits', async () => {
    const layers = [new nn.Conv2d(2, 5, 3), new nn.BatchNorm2d(5), new nn.Linear(5, 7)];
    for (const layer of layers) {
      const x = randn(layer instanceof nn.Conv2d ? [2, 6, 6, 2] : [2, 4, 4, 5]);
      const together = new nn.Sequential(layer, new nn.ReLU()).forward(x);
      expect(together.node?.operation).not.toBe('relu');
      expect(await together.data()).toEqual(await layer.forward(x).relu().data());
    }
  });

  test('does a ReLU after the pooling that follows it, with the same bits forward and backward', async () => {
    const layer = new nn.Conv2d(2, 5, 3);
    const pool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    const x = randn([2, 9, 11, 2]);
    const gradients = async (forward: () => Tensor) => {
      const y = forward();
      layer.weight.grad?.dispose();
      layer.weight.grad = null;
      y.square().sum().backward();
      return [await y.data(), await layer.weight.grad!.data()];
    };
    const together = new nn.Sequential(layer, new nn.ReLU(), pool);
    const expected = await gradients(() => pool.forward(layer.forward(x).relu()));
    expect(await gradients(() => together.forward(x))).toEqual(expected);
    expect(together.forward(x).node?.operation).toBe('relu');
    expect(await noGrad(() => together.forward(x)).data()).toEqual(expected[0]);
  });

  test('disposes intermediate results, and neither input nor what is kept', () => {
    const seen: Tensor[] = [];
    class Spy extends nn.Module {
      readonly #keep: boolean;
      constructor(keep: boolean) {
        super();
        this.#keep = keep;
      }
      override forward(x: Tensor): Tensor {
        seen.push(x);
        const y = x.add(1);
        return this.#keep ? y.keep() : y;
      }
    }
    const x = randn([3]);
    const y = new nn.Sequential(new Spy(false), new Spy(true), new Spy(false)).forward(x);
    expect(seen.map((t) => t.disposed)).toEqual([false, true, false]);
    expect([x.disposed, y.disposed]).toEqual([false, false]);
  });
});

describe('layers', () => {
  test('Conv2d and Linear start uniform in ±1/√inputs', async () => {
    const layers: [Tensor, number][] = [
      [new nn.Conv2d(12, 40, [3, 5], { groups: 4 }).weight, 1 / Math.sqrt(3 * 5 * 3)],
      [new nn.Linear(64, 50).weight, 1 / 8],
    ];
    for (const [weight, bound] of layers) {
      const values = await weight.data();
      expect(values.every((v) => Math.abs(v) <= bound)).toBe(true);
      const deviation = Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);
      expect(Math.abs(deviation / (bound / Math.sqrt(3)) - 1)).toBeLessThan(0.1);
    }
    expect(new nn.Conv2d(12, 40, [3, 5], { groups: 4 }).weight.shape).toEqual([3, 5, 3, 40]);
  });

  test('without a bias', () => {
    expect(new nn.Conv2d(1, 2, 3, { bias: false }).parameters()).toHaveLength(1);
    expect(new nn.Linear(1, 2, { bias: false }).parameters()).toHaveLength(1);
  });

  test('BatchNorm2d uses the batch in training and the running statistics in use', async () => {
    const layer = new nn.BatchNorm2d(2, { momentum: 1 });
    const x = tensor([1, 10, 3, 30], [2, 1, 1, 2]);
    await expectClose(layer.forward(x), [-1, -1, 1, 1], 1e-5);
    expect([...(await layer.runningMean.data())]).toEqual([2, 20]);
    expect([...(await layer.runningVar.data())]).toEqual([2, 200]);
    expect(await layer.numBatchesTracked.item()).toBe(1);
    await expectClose(
      layer.eval().forward(tensor([2, 20, 4, 40], [2, 1, 1, 2])),
      [0, 0, Math.SQRT2, Math.SQRT2],
      1e-5,
    );
    expect(await layer.numBatchesTracked.item()).toBe(1);
  });

  test('Dropout drops in training only', async () => {
    const layer = new nn.Dropout(0.25);
    const share = (await layer.forward(ones([4000])).data()).filter((v) => v === 0).length / 4000;
    expect(Math.abs(share - 0.25)).toBeLessThan(0.03);
    expect([
      ...(await layer
        .eval()
        .forward(ones([3]))
        .data()),
    ]).toEqual([1, 1, 1]);
    expect(() => new nn.Dropout(1.5)).toThrow(/Dropout: p is 1.5/);
  });

  test('pooling and Flatten', async () => {
    const x = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i),
      [1, 4, 4, 1],
    );
    expect([...(await new nn.MaxPool2d(2).forward(x).data())]).toEqual([5, 7, 13, 15]);
    expect([...(await new nn.AvgPool2d(2).forward(x).data())]).toEqual([2.5, 4.5, 10.5, 12.5]);
    expect(new nn.Flatten().forward(x).shape).toEqual([1, 16]);
    expect(new nn.Flatten(2).forward(x).shape).toEqual([1, 4, 4]);
  });
});
