import { describe, expect, test } from 'vitest';
import { native } from '../../lib/native.js';
import {
  Adam,
  AdamW,
  Group,
  RMSprop,
  SGD,
  type Optimizer,
  type ParameterGroup,
} from '../../lib/optim/index.js';
import { StriateError, Tensor } from '../../lib/tensor.js';
import { expectSameBits, f32, noise, relativeError } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { parameter, setGradient } from './formulas.js';

const pair = () => [parameter([1, 2], [2]), parameter([3, 4, 5], [3])] as const;

/** A step along gradients of ones. */
function step(optimizer: Optimizer): void {
  for (const p of optimizer.parameters)
    setGradient(
      p,
      Array.from({ length: p.size }, () => 1),
    );
  optimizer.step();
}

describe('groups', () => {
  test('have options of their own, and those of the optimizer where they have none', async () => {
    const [a, b] = pair();
    const groups = [{ parameters: [a], lr: 0.5 }, { parameters: new Set([b]) }];
    const optimizer = new SGD(groups, { lr: 0.25, weightDecay: 1 });
    expect(optimizer.groups.map(({ options }) => [options.lr, options.weightDecay])).toEqual([
      [0.5, 1],
      [0.25, 1],
    ]);
    expect(optimizer.parameters).toEqual([a, b]);
    expect(optimizer.groups.every((group) => group instanceof Group)).toBe(true);
    step(optimizer);
    expect([...(await a.data())]).toEqual([0, 0.5]);
    expect([...(await b.data())]).toEqual([2, 2.75, 3.5]);
  });

  test('of an AdamW have its defaults', () => {
    const [a, b] = pair();
    const optimizer = new AdamW([{ parameters: [a], weightDecay: 0 }, { parameters: [b] }]);
    const decays = optimizer.groups.map(({ options }) => [options.weightDecay, options.decoupledWeightDecay]);
    expect(decays).toEqual([
      [0, true],
      [0.01, true],
    ]);
  });

  test('take other options from the next step on', async () => {
    const [a, b] = pair();
    const optimizer = new SGD([{ parameters: [a] }, { parameters: [b] }], { lr: 1 });
    const [first, second] = optimizer.groups;
    first!.lr = 0.5;
    second!.options = { ...second!.options, weightDecay: 1, lr: 0.25 };
    step(optimizer);
    expect([...(await a.data())]).toEqual([0.5, 1.5]);
    expect([...(await b.data())]).toEqual([2, 2.75, 3.5]);
    expect(() => (first!.lr = -1)).toThrow(/^SGD: groups\[0\]: lr is -1/);
    expect(() => (second!.options = { ...second!.options, momentum: NaN })).toThrow(
      /^SGD: groups\[1\]: momentum is NaN/,
    );
    expect(() => (second!.options = { ...second!.options, rate: 1 } as never)).toThrow(
      /^SGD: groups\[1\]: option 'rate' is unknown/,
    );
    expect([first!.lr, second!.lr]).toEqual([0.5, 0.25]);
    optimizer.lr = 0.125;
    expect([optimizer.lr, first!.lr, second!.lr]).toEqual([0.125, 0.125, 0.125]);
    expect(() => (optimizer.lr = Infinity)).toThrow(/lr is Infinity/);
    expect([first!.lr, second!.lr]).toEqual([0.125, 0.125]);
  });

  test('can be added, and begin at their first step', async () => {
    const [a, b] = pair();
    const optimizer = new SGD([a], { lr: 1, momentum: 0.5 });
    step(optimizer);
    optimizer.addGroup({ parameters: [b], lr: 0.5 });
    expect(optimizer.parameters).toEqual([a, b]);
    step(optimizer);
    expect([...(await a.data())]).toEqual([-1.5, -0.5]);
    expect([...(await b.data())]).toEqual([2.5, 3.5, 4.5]);
    expect(optimizer.stateDict().steps).toEqual([2, 1]);
  });

  test('whose momentum begins later begin with a velocity of 0, and are saved so', async () => {
    const [a] = pair();
    const optimizer = new SGD([a], { lr: 1 });
    step(optimizer);
    const [group] = optimizer.groups;
    group!.options = { ...group!.options, momentum: 0.5 };
    const state = optimizer.stateDict();
    expect([...state.tensors.keys()]).toEqual(['0.velocity']);
    optimizer.loadStateDict(state);
    step(optimizer);
    expect([...(await a.data())]).toEqual([-1, 0]);
    group!.options = { ...group!.options, momentum: 0 };
    expect(optimizer.stateDict().tensors.size).toBe(0);
  });

  test('step with one call each, and give their state back', async () => {
    const [a, b] = pair();
    const optimizer = new Adam([{ parameters: [a] }, { parameters: [b] }]);
    for (const p of [a, b]) setGradient(p, noise(p.size));
    await collectGarbage();
    const before = native.memory().liveTensors;
    optimizer.step();
    expect(native.memory().liveTensors).toBe(before + 4);
    optimizer.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });
});

describe('clipNorm over groups', () => {
  test('is of all gradients as one vector, whichever group they are of', async () => {
    const [a, b, c] = [parameter([0], [1]), parameter([0], [1]), parameter([0], [1])];
    const options = { lr: 1, clipNorm: 1 };
    const optimizer = new SGD(
      [{ parameters: [a] }, { parameters: [b], lr: 2 }, { parameters: [c] }],
      options,
    );
    setGradient(a, [3]);
    setGradient(b, [-4]);
    optimizer.step();
    expect(await a.item()).toBeCloseTo(-0.6, 6);
    expect(await b.item()).toBeCloseTo(1.6, 6);
    expect(await c.item()).toBe(0);
    expect([await a.grad!.item(), await b.grad!.item()]).toEqual([3, -4]);
  });

  test('counts elements as clipValue leaves them', async () => {
    const [a, b] = [parameter([0], [1]), parameter([0], [1])];
    const optimizer = new SGD([{ parameters: [a] }, { parameters: [b] }], {
      lr: 1,
      clipNorm: 1,
      clipValue: 4,
    });
    setGradient(a, [3]);
    setGradient(b, [400]);
    optimizer.step();
    expect(await a.item()).toBeCloseTo(-0.6, 6);
    expect(await b.item()).toBeCloseTo(-0.8, 6);
  });

  test('comes to the same bits with 1 and 2 threads, and to what one group comes to', async () => {
    const run = (inGroups: boolean) => {
      const parameters = [parameter(noise(70_003), [70_003]), parameter(noise(501, 2), [501])];
      const groups = parameters.map((p) => ({ parameters: [p] }));
      const optimizer = new RMSprop(inGroups ? groups : parameters, { clipNorm: 3 });
      for (const p of parameters) setGradient(p, noise(p.size, 7));
      optimizer.step();
      optimizer.dispose();
      return parameters;
    };
    await expectSameBits(() => run(true));
    const [one, several] = [run(false), run(true)];
    for (const [i, p] of one.entries()) {
      expect(relativeError(await several[i]!.data(), await p.data())).toBeLessThan(1e-6);
    }
  });

  test('hides no gradient that is not a number', async () => {
    const [a, b] = pair();
    const optimizer = new SGD([{ parameters: [a] }, { parameters: [b] }], { clipNorm: 1 });
    setGradient(a, [NaN, 1]);
    setGradient(b, [1, 1, 1]);
    optimizer.step();
    expect([...(await a.data()), ...(await b.data())]).toEqual([NaN, NaN, NaN, NaN, NaN]);
  });

  test('is refused where groups have different bounds', () => {
    const [a, b] = pair();
    const make = (first: object, second: object, options = {}) => {
      return () =>
        new SGD(
          [
            { parameters: [a], ...first },
            { parameters: [b], ...second },
          ],
          options,
        );
    };
    expect(make({ clipNorm: 1 }, { clipNorm: 2 })).toThrow(
      /^SGD: groups\[1\]: clipNorm is 2, wants 1 as in groups\[0\]: the norm is of all gradients together$/,
    );
    expect(make({ clipNorm: 1 }, {})).toThrow(/groups\[1\]: clipNorm is null, wants 1/);
    expect(make({ clipValue: 1 }, {}, { clipNorm: 1 })).toThrow(/groups\[1\]: clipValue is null, wants 1/);
    expect(make({ clipValue: 1 }, {})).not.toThrow();
    const optimizer = make({}, {}, { clipNorm: 1 })();
    const [group] = optimizer.groups;
    group!.options = { ...group!.options, clipNorm: 3 };
    expect(() => optimizer.step()).toThrow(/groups\[1\]: clipNorm is 1, wants 3/);
    expect(() => optimizer.addGroup({ parameters: [parameter([1], [1])], clipNorm: 5 })).toThrow(
      /clipNorm is/,
    );
    expect(optimizer.groups).toHaveLength(2);
  });
});

describe('the state of groups', () => {
  test('goes on elsewhere as if nothing had happened', async () => {
    const make = () => {
      const [a, b] = pair();
      return new Adam(
        [
          { parameters: [a], lr: 0.1 },
          { parameters: [b], betas: [0.5, 0.9] },
        ],
        { lr: 0.01 },
      );
    };
    const [one, other] = [make(), make()];
    step(one);
    one.groups[1]!.lr = 0.3;
    for (const [i, p] of other.parameters.entries()) p.assign(one.parameters[i]!);
    const state = one.stateDict();
    expect(JSON.parse(JSON.stringify(state.groups))).toEqual([
      { options: one.groups[0]!.options, parameters: [0] },
      { options: one.groups[1]!.options, parameters: [1] },
    ]);
    other.loadStateDict(state);
    for (const optimizer of [one, other]) step(optimizer);
    for (const [i, p] of other.parameters.entries())
      expect(await p.data()).toEqual(await one.parameters[i]!.data());
  });

  test('is refused by other groups, before anything changes', () => {
    const [a, b] = pair();
    const inTwo = new SGD([{ parameters: [a] }, { parameters: [b] }], { momentum: 0.9 });
    const inOne = new SGD([a, b], { lr: 7 });
    const state = inTwo.stateDict();
    expect(() => inOne.loadStateDict(state)).toThrow(
      /^loadStateDict: the groups have the parameters \[0\] \[1\], want \[0, 1\]/,
    );
    expect(() => inOne.loadStateDict(state)).toThrow(StriateError);
    expect(inOne.lr).toBe(7);
    const [first, second] = state.groups;
    const mixed = {
      ...state,
      groups: [first!, { ...second!, options: { ...second!.options, clipNorm: 1 } }],
    };
    expect(() => inTwo.loadStateDict(mixed)).toThrow(/^SGD: groups\[1\]: clipNorm is 1, wants null/);
    expect(inTwo.options.clipNorm).toBe(null);
  });
});

describe('refused', () => {
  const [a, b] = pair();
  test.each<[unknown, RegExp]>([
    [[{ parameters: [] }], /^SGD: groups\[0\].parameters is empty, wants at least one tensor$/],
    [[{ parameters: [a] }, { parameters: [] }], /^SGD: groups\[1\].parameters is empty/],
    [[{ parameters: a }], /^SGD: groups\[0\].parameters is no list of tensors, wants one$/],
    [[{ parameters: undefined }], /^SGD: groups\[0\].parameters is no list of tensors/],
    [[{ parameters: [1] }], /^SGD: groups\[0\].parameters\[0\] is no tensor/],
    [
      [{ parameters: [a] }, { parameters: [b, a] }],
      /^SGD: groups\[1\].parameters\[1\] is the same tensor as groups\[0\].parameters\[0\]$/,
    ],
    [
      [{ parameters: [a, a.detach()] }],
      /^SGD: groups\[0\].parameters\[1\] is the same tensor as groups\[0\]/,
    ],
    [[{ parameters: [a] }, b], /^SGD: groups\[1\] is no group, wants \{ parameters, … \} with options$/],
    [[a, { parameters: [b] }], /^SGD: parameters\[1\] is no tensor/],
    [[{ parameters: [a], lr: -1 }], /^SGD: groups\[0\]: lr is -1/],
    [[{ parameters: [a], lr: '1' }], /^SGD: groups\[0\]: lr is of type string/],
    [[{ parameters: [a], learningRate: 1 }], /^SGD: groups\[0\]: option 'learningRate' is unknown/],
    [[{ parameters: [f32([1], [1])] }], /^SGD: no tensor in parameters has requiresGrad$/],
  ])('groups %#', (groups, message) => {
    expect(() => new SGD(groups as ParameterGroup<object>[])).toThrow(message);
  });

  test('added groups, which leave the optimizer as it was', () => {
    const optimizer = new SGD([a]);
    const add = (group: unknown) => () => optimizer.addGroup(group as never);
    expect(add({ parameters: [a] })).toThrow(
      /^SGD: groups\[1\].parameters\[0\] is the same tensor as groups\[0\].parameters\[0\]$/,
    );
    expect(add({ parameters: [] })).toThrow(/groups\[1\].parameters is empty/);
    expect(add({ parameters: [b], lr: NaN })).toThrow(/^SGD: groups\[1\]: lr is NaN/);
    expect(add([b])).toThrow(/groups\[1\] is no group/);
    expect(add(null)).toThrow(/groups\[1\] is no group/);
    expect(optimizer.parameters).toEqual([a]);
    expect(b).toBeInstanceOf(Tensor);
  });
});
