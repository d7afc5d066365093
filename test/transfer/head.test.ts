import { afterEach, describe, expect, test } from 'vitest';
import { emptyPool, models, nn, noGrad, setSeed, StriateError, transfer } from '../../lib/index.js';
import { noisy } from '../check.js';

afterEach(emptyPool);

const [before, after] = [7, 5];

/** What models are made with beside the number of classes. */
const first: Record<string, unknown[]> = { vgg: [11], cifarResnet: [8], mlp: [4] };
/** No model, and those whose scores are the work of several layers. */
const others = /Loss$|^fcn\d+s$|autoencoder$/i;
const made = Object.entries(models as Record<string, unknown>)
  .filter(([name, make]) => typeof make === 'function' && /^[a-z]/.test(name) && !others.test(name))
  .map(([name, make]) => ({
    name,
    make: make as (...given: unknown[]) => nn.Module,
    given: [...(first[name] ?? []), { classes: before }],
  }));

/** The shapes of parameters, by their names. */
function shapesOf(model: nn.Module): Map<string, string> {
  return new Map(Array.from(model.stateDict(), ([name, { shape }]) => [name, shape.join()]));
}

describe('replaceHead', () => {
  test.each(made)(
    'models.$name gives scores of other classes, and all else is as it was',
    ({ make, given }) => {
      using model = make(...given);
      const shapes = shapesOf(model);
      const tensors = new Map(model.stateDict());
      const head = transfer.replaceHead(model, after);
      expect(head.weight.shape.at(-1)).toBe(after);
      expect(head.bias!.shape).toEqual([after]);
      const changed = [...model.stateDict()].filter(([name, tensor]) => tensors.get(name) !== tensor);
      expect(changed.map(([, tensor]) => tensor)).toEqual([head.weight, head.bias]);
      const now = shapesOf(model);
      for (const [name] of changed) {
        expect(now.get(name)).toBe(shapes.get(name)!.replace(new RegExp(`\\b${before}$`), String(after)));
        tensors.get(name)!.dispose();
      }
      expect([...now.keys()]).toEqual([...shapes.keys()]);
    },
  );

  test.each([
    ['squeezenet', () => models.squeezenet({ classes: before }), [2, 35, 35, 3]],
    ['resnet20', () => models.resnet20({ classes: before }), [2, 16, 16, 3]],
    ['mobilenetV2', () => models.mobilenetV2({ classes: before }), [2, 32, 32, 3]],
    ['lenet5', () => models.lenet5({ classes: before }), [2, 28, 28, 1]],
    [
      'a convolution at the end',
      () => new nn.Sequential(new nn.Conv2d(3, before, 1, { bias: false })),
      [2, 4, 5, 3],
    ],
  ] as const)(
    '%s runs with its new head, whose weights are those of any new layer',
    async (_, make, shape) => {
      setSeed(1);
      using model = make();
      model.eval();
      const head = transfer.replaceHead(model, after);
      expect(head.training).toBe(false);
      const y = noGrad(() => model.forward(noisy([...shape], 2)));
      expect(y.shape.at(-1)).toBe(after);
      const inputs = head.weight.size / after;
      const values = await head.weight.data();
      const bound = 1 / Math.sqrt(inputs);
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
      expect(Math.max(...values)).toBeGreaterThan(bound / 3);
    },
  );

  test('puts a module of yours there, and names another layer by its path', () => {
    const model = new nn.Sequential({
      body: new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU()),
      aux: new nn.Linear(3, 2),
      end: new nn.Linear(2, 2),
    });
    const own = new nn.Sequential(new nn.Linear(3, 6), new nn.Linear(6, 2));
    expect(transfer.replaceHead(model, own, { at: 'aux' })).toBe(own);
    expect(model.at(1)).toBe(own);
    const inner = transfer.replaceHead(model, 9, { at: 'body.0' });
    expect(inner.weight.shape).toEqual([4, 9]);
    expect(model.stateDict().get('body.0.weight')).toBe(inner.weight);
    const wide = new nn.Sequential(new nn.Conv2d(2, 4, 3, { padding: 1, groups: 2 }), new nn.ReLU());
    const conv = transfer.replaceHead(wide, 6, { at: '0' }) as nn.Conv2d;
    expect([conv.weight.shape, conv.options]).toEqual([[3, 3, 1, 6], { padding: 1, groups: 2 }]);
  });

  test('replaces fields and elements of lists of modules that are plain classes', () => {
    class Own extends nn.Module {
      readonly layers = [new nn.Linear(3, 3), new nn.Linear(3, 2)];
      override forward(x: Parameters<nn.Module['forward']>[0]) {
        return this.layers.reduce((y, layer) => layer.forward(y), x);
      }
    }
    class Outer extends nn.Module {
      readonly own = new Own();
      readonly head = new nn.Linear(2, 2);
      override forward(x: Parameters<nn.Module['forward']>[0]) {
        return this.head.forward(this.own.forward(x));
      }
    }
    const model = new Outer();
    expect(transfer.replaceHead(model, 4)).toBe(model.head);
    expect(transfer.replaceHead(model.own, 5)).toBe(model.own.layers[1]);
    expect(model.own.forward(noisy([2, 3])).shape).toEqual([2, 5]);
  });

  test('auxiliary classifiers get new heads, too, and are none of the network itself', () => {
    class Helped extends nn.Sequential {
      readonly aux1 = new nn.Sequential(new nn.Linear(2, 4), new nn.Linear(4, before));
      readonly auxNorm = new nn.BatchNorm1d(2);
      override *children(): Generator<[name: string, module: nn.Module]> {
        yield* super.children();
        yield ['aux1', this.aux1];
        yield ['auxNorm', this.auxNorm];
      }
    }
    const model = new Helped({ body: new nn.Linear(3, 2), fc: new nn.Linear(2, before) });
    expect(transfer.replaceHead(model, after)).toBe(model.at(1));
    const shapes = model.parameters().map(({ shape }) => shape.join());
    expect(shapes).toEqual(['3,2', '2', '2,5', '5', '2,4', '4', '4,5', '5', '2', '2']);
    expect(transfer.stagesOf(model).map(({ name, parameters }) => [name, parameters.length])).toEqual([
      ['body', 2],
      ['fc', 8],
    ]);
    const { body, head } = transfer.splitAtHead(model);
    expect([...body.children(), ...head.children()].map(([name]) => name)).toEqual(['body', 'fc']);
    expect(() => transfer.splitAtHead(model, { at: 'aux1.1' })).toThrow(/aux1.1 is not in the row of layers/);
  });

  test('refuses what is no head, no model, no number of classes', () => {
    const end = (layer: nn.Module) => () =>
      transfer.replaceHead(new nn.Sequential(new nn.Linear(3, 3), layer), 2);
    expect(end(new nn.BatchNorm1d(3))).toThrow(
      /replaceHead: 1 is of BatchNorm1d, wants a Linear or a 1×1 Conv2d/,
    );
    expect(end(new nn.Conv2d(3, 3, 3))).toThrow(/1 is of Conv2d/);
    expect(end(new nn.MaxoutLinear(3, 3, 2))).toThrow(/1 is of MaxoutLinear/);
    expect(end(new nn.DropConnectLinear(3, 3))).toThrow(StriateError);
    const model = new nn.Sequential(new nn.Linear(3, 3));
    for (const classes of [0, 1.5, NaN]) {
      expect(() => transfer.replaceHead(model, classes)).toThrow(RangeError);
    }
    expect(() => transfer.replaceHead(model, '3' as never)).toThrow(
      /classes is '3', wants a number, or a module/,
    );
    expect(() => transfer.replaceHead(model, 3, { at: 'fc' })).toThrow(
      /at is 'fc', the model has no such layer/,
    );
    expect(() => transfer.replaceHead({} as never, 3)).toThrow(/model is an object, wants a Module/);
    expect(() => transfer.replaceHead(new nn.ReLU(), 3)).toThrow(/no layer with parameters/);
    const parallel = new nn.Parallel(new nn.Linear(3, 3));
    expect(() => transfer.replaceHead(parallel, 3)).toThrow(
      /0 is in a Parallel, whose modules cannot be replaced/,
    );
    expect(model.parameters()[0]!.shape).toEqual([3, 3]);
  });
});
