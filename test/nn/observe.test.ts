import { describe, expect, test } from 'vitest';
import { models, nn, noGrad, randn, scope, type Tensor } from '../../lib/index.js';
import { relativeError } from '../check.js';

const net = () =>
  new nn.Sequential({
    conv: new nn.Conv2d(2, 5, 3),
    relu: new nn.ReLU(),
    pool: new nn.MaxPool2d(2),
    inner: new nn.Sequential(new nn.Flatten(), new nn.Linear(45, 4), new nn.ReLU()),
  });

describe('observe', () => {
  test.each([true, false])(
    'shows every layer, also those that go in one pass; gradients: %j',
    async (gradients) => {
      const model = net();
      const x = randn([3, 8, 8, 2]);
      const wanted = await model.forward(x).data();
      const calls: string[] = [];
      const forward = () => (gradients ? model.forward(x) : noGrad(() => model.forward(x)));
      const y = nn.observe(
        model,
        (path, module, input, output, method) =>
          calls.push(
            `${path} ${module.constructor.name} ${method} ${input.shape.join()} ${output.shape.join()}`,
          ),
        forward,
      );
      expect(calls).toEqual([
        'conv Conv2d forward 3,8,8,2 3,6,6,5',
        'relu ReLU forward 3,6,6,5 3,6,6,5',
        'pool MaxPool2d forward 3,6,6,5 3,3,3,5',
        'inner.0 Flatten forward 3,3,3,5 3,45',
        'inner.1 Linear forward 3,45 3,4',
        'inner.2 ReLU forward 3,4 3,4',
        'inner Sequential forward 3,3,3,5 3,4',
        ' Sequential forward 3,8,8,2 3,4',
      ]);
      expect(relativeError(await y.data(), wanted)).toBeLessThan(1e-6);
    },
  );

  test("gives the values themselves, which a handle of one's own keeps", async () => {
    const model = net();
    const x = randn([3, 8, 8, 2]);
    const held = new Map<string, [input: Tensor, output: Tensor]>();
    nn.observe(
      model,
      (path, _, input, output) => held.set(path, [input.detach(), output.detach()]),
      () => model.forward(x),
    );
    const [before, after] = held.get('relu')!;
    expect(await before.data()).toEqual(await held.get('conv')![1].data());
    expect(await after.data()).toEqual((await before.data()).map((v) => Math.max(0, v)));
    expect(await held.get('')![1].data()).toEqual(await held.get('inner.2')![1].data());
  });

  test('leaves the model as it was, also when something is thrown', async () => {
    const model = net();
    const keys = () => Array.from(model.modules(), ([, module]) => Reflect.ownKeys(module));
    const before = keys();
    const x = randn([1, 8, 8, 2]);
    let calls = 0;
    const count = () => {
      calls++;
    };
    nn.observe(model, count, () => model.forward(x));
    expect(calls).toBe(8);
    expect(keys()).toEqual(before);
    const fail = () => {
      throw new Error('seen');
    };
    expect(() => nn.observe(model, fail, () => model.forward(x))).toThrow('seen');
    expect(() => nn.observe(model, count, fail)).toThrow('seen');
    expect(keys()).toEqual(before);
    const y = model.forward(x);
    expect(calls).toBe(8);
    // In one pass again.
    expect(model.at(3).forward(randn([1, 3, 3, 5])).node?.operation).toBe('linear');
    expect(y.shape).toEqual([1, 4]);
  });

  test.each([true, false])(
    'tells how a layer was called that does ReLU for its block; training: %j',
    (training) => {
      const block = new models.BasicBlock(3, 4);
      block.train(training);
      const calls: string[] = [];
      noGrad(() =>
        nn.observe(
          block,
          (path, _, __, output, method) => {
            calls.push(`${path} ${method}`);
            if (method !== 'forward') expect(output.min().itemSync()).toBeGreaterThanOrEqual(0);
          },
          () => scope(() => block.forward(randn([1, 5, 5, 3]))),
        ),
      );
      expect(calls).toEqual([
        'conv1 forward',
        'bn1 forwardRelu',
        'downsample.0 forward',
        'downsample.1 forward',
        'downsample forward',
        'conv2 forward',
        'bn2 forwardAddRelu',
        ' forward',
      ]);
    },
  );

  test('a layer that calls itself on the way is one call; one used twice is two, by its first path', () => {
    const pool = new nn.MaxPool2d(2);
    const calls: string[] = [];
    nn.observe(pool, (path, _, __, ___, method) => calls.push(path + method), () => pool.forwardRelu(randn([1, 2, 2, 1]))); // prettier-ignore
    expect(calls).toEqual(['forwardRelu']);
    const layer = new nn.Linear(3, 3);
    const model = new nn.Sequential(layer, new nn.ReLU(), layer);
    const paths: string[] = [];
    nn.observe(
      model,
      (path) => paths.push(path),
      () => model.forward(randn([2, 3])),
    );
    expect(paths).toEqual(['0', '1', '0', '']);
  });

  test('observers nest', () => {
    const model = net();
    const inner: string[] = [];
    const outer: string[] = [];
    nn.observe(
      model,
      (path) => outer.push(path),
      () =>
        nn.observe(
          model.at(3),
          (path) => inner.push(path),
          () => model.forward(randn([1, 8, 8, 2])),
        ),
    );
    expect(inner).toEqual(['0', '1', '2', '']);
    expect(outer).toHaveLength(8);
  });

  test('refuses what it cannot observe', () => {
    const model = net();
    const nothing = () => undefined;
    expect(() => nn.observe({} as never, nothing, nothing)).toThrow(
      /observe: model is an object, wants a Module/,
    );
    expect(() => nn.observe(model, null as never, nothing)).toThrow(
      /observe: observer is null, wants a function/,
    );
    expect(() => nn.observe(model, nothing, 3 as never)).toThrow(/observe: work is 3, wants a function/);
    expect(() => nn.observe(model, nothing, async () => 1)).toThrow(/observe: the function is asynchronous/);
  });
});

test('apply reaches every module, inner ones first', () => {
  const model = net();
  const paths: string[] = [];
  expect(model.apply((module, path) => paths.push(`${path}:${module.constructor.name}`))).toBe(model);
  expect(paths).toEqual([
    'conv:Conv2d',
    'relu:ReLU',
    'pool:MaxPool2d',
    'inner.0:Flatten',
    'inner.1:Linear',
    'inner.2:ReLU',
    'inner:Sequential',
    ':Sequential',
  ]);
});
