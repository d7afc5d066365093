import { afterEach, describe, expect, test } from 'vitest';
import { emptyPool, loss, models, nn, optim, setSeed, tensor, transfer } from '../../lib/index.js';
import { noisy } from '../check.js';

afterEach(emptyPool);

const names = (model: nn.Module, stages?: transfer.StagePaths) =>
  transfer.stagesOf(model, stages).map(({ name }) => name);

describe('stagesOf', () => {
  test.each([
    ['resnet18', () => models.resnet18(), 'conv1 layer1 layer2 layer3 layer4 fc'],
    ['resnet20', () => models.resnet20(), 'conv1 layer2 layer3 fc'],
    [
      'vgg11',
      () => models.vgg11(),
      'features.0 features.3 features.6 features.11 features.16 classifier.0 classifier.3 classifier.6',
    ],
    ['lenet5', () => models.lenet5(), 'conv1 conv2 fc1 fc2 fc3'],
    ['squeezenet', () => models.squeezenet(), 'features.0 features.3 features.6 features.9 classifier.1'],
    [
      'mobilenetV2',
      () => models.mobilenetV2(),
      'features.0 features.2 features.4 features.7 features.14 classifier.1',
    ],
    ['googlenet', () => models.googlenet(), 'conv1 conv2 inception3a inception4a inception5a fc'],
    ['mlp', () => models.mlp(4), '1 3 5'],
  ] as const)('of %s', (_, make, expected) => {
    using model = make();
    expect(names(model).join(' ')).toBe(expected);
    const inside = transfer.stagesOf(model).flatMap(({ parameters }) => parameters);
    expect(inside).toEqual(model.parameters());
  });

  test('by paths, in which each tensor is once', () => {
    using model = models.lenet5();
    const stages = transfer.stagesOf(model, [['conv1', 'conv2'], 'fc1', ['fc2', 'fc3']]);
    expect(stages.map(({ name, parameters }) => [name, parameters.length])).toEqual([
      ['conv1', 4],
      ['fc1', 2],
      ['fc2', 4],
    ]);
    expect(() => names(model, [['conv1', 'conv2'], 'fc1', 'fc2'])).toThrow(
      /stagesOf: fc3.weight, fc3.bias is in no stage/,
    );
    expect(() => names(model, ['conv1', 'conv3'])).toThrow(/there is no module 'conv3'/);
    expect(() => names(models.smallVgg({ widths: [4] }), ['features', 'features.0', 'fc'])).toThrow(
      /features.0.weight is in two stages/,
    );
    expect(() => names(model, [])).toThrow(TypeError);
    expect(() => names(model, [[]])).toThrow(TypeError);
    expect(() => names(model, 'conv1' as never)).toThrow(/wants a list of paths/);
    expect(() => names(new nn.ReLU())).toThrow(/no layer with parameters/);
  });

  test('of a model that is no Sequential, with parameters of its own and a shared layer', () => {
    class Own extends nn.Module {
      readonly scale = new nn.Parameter(noisy([1]));
      readonly down = new nn.Conv2d(1, 2, 3, { stride: 2 });
      readonly up = new nn.ConvTranspose2d(2, 2, 2, { stride: 2 });
      readonly head = new nn.Conv2d(2, 3, 1);
      readonly again = [this.down];
      override forward(x: Parameters<nn.Module['forward']>[0]) {
        return x;
      }
    }
    const model = new Own();
    const stages = transfer.stagesOf(model);
    expect(stages.map(({ name, parameters }) => [name, parameters.length])).toEqual([
      ['down', 3],
      ['up', 2],
      ['head', 2],
      ['again', 0],
    ]);
  });
});

describe('unfreezeTop', () => {
  test('trains the top and freezes what is below', () => {
    using model = models.resnet18({ classes: 3, smallImages: true });
    const trained = () =>
      [...model.namedParameters()].filter(([, p]) => p.requiresGrad).map(([name]) => name);
    const stages = transfer.unfreezeTop(model, 1);
    expect(stages.map(({ name }) => name)).toEqual(['fc']);
    expect(trained()).toEqual(['fc.weight', 'fc.bias']);
    transfer.unfreezeTop(model, 2);
    expect(trained().every((name) => /^(layer4|fc)\./.test(name))).toBe(true);
    expect(trained()).toHaveLength(2 + 15);
    const frozen = [...model.modules()].filter(([, m]) => m.frozen).map(([path]) => path);
    expect(frozen).toContain('bn1');
    expect(frozen.some((path) => path.startsWith('layer4'))).toBe(false);
    transfer.unfreezeTop(model, transfer.stagesOf(model).length);
    expect(trained()).toHaveLength(model.parameters().length);
    transfer.unfreezeTop(model, 0);
    expect(trained()).toEqual([]);
    expect(() => transfer.unfreezeTop(model, 9)).toThrow(/count is 9, the model has \d stages/);
    expect(() => transfer.unfreezeTop(model, -1)).toThrow(RangeError);
  });
});

describe('stageGroups', () => {
  test('gives each stage the rate of the one above times the decay: seen in the updates', async () => {
    setSeed(2);
    using model = models.lenet5({ classes: 4 });
    const before = new Map(
      await Promise.all(
        Array.from(model.namedParameters(), async ([name, p]) => [name, await p.data()] as const),
      ),
    );
    const groups = transfer.stageGroups(model, { lr: 0.1, decay: 0.5 });
    const optimizer = new optim.SGD(groups);
    const labels = tensor(Int32Array.of(0, 1, 2));
    loss.crossEntropy(model.forward(noisy([3, 28, 28, 1], 3)), labels).backward();
    optimizer.step();
    const depths = { fc3: 0, fc2: 1, fc1: 2, conv2: 3, conv1: 4 };
    for (const [name, p] of model.namedParameters()) {
      const depth = depths[name.split('.')[0] as keyof typeof depths];
      const rate = Math.fround(0.1 * 0.5 ** depth);
      const [was, is, g] = [before.get(name)!, await p.data(), await p.grad!.data()];
      for (let i = 0; i < is.length; i += 13) {
        expect(Math.abs(is[i]! - (was[i]! - rate * g[i]!))).toBeLessThanOrEqual(1e-7);
      }
      expect(is, name).not.toEqual(was);
    }
  });

  test("has the paper's decay, and stages of yours", () => {
    using model = models.lenet5();
    const rates = transfer.stageGroups(model, { lr: 1 }).map(({ lr }) => lr);
    expect(rates).toHaveLength(5);
    for (let i = 1; i < rates.length; i++) expect(rates[i]! / rates[i - 1]!).toBeCloseTo(2.6, 12);
    expect(rates.at(-1)).toBe(1);
    const two = transfer.stageGroups(model, {
      lr: 1,
      decay: 0.1,
      stages: [
        ['conv1', 'conv2'],
        ['fc1', 'fc2', 'fc3'],
      ],
    });
    expect(two.map(({ lr, parameters }) => [lr, parameters.length])).toEqual([
      [0.1, 4],
      [1, 6],
    ]);
    expect(() => transfer.stageGroups(model, { lr: -1 })).toThrow(/stageGroups: lr is -1/);
    expect(() => transfer.stageGroups(model, { lr: 1, decay: NaN })).toThrow(/stageGroups: decay is NaN/);
    expect(() => transfer.stageGroups(model, {} as never)).toThrow(TypeError);
  });
});
