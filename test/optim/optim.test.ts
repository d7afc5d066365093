import { describe, expect, test } from 'vitest';
import type { Handle } from '../../binding.js';
import { backward } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { mul } from '../../lib/ops/elementwise.js';
import {
  Adadelta,
  Adagrad,
  Adam,
  AdamW,
  clipGradNorm,
  Lion,
  NAdam,
  RMSprop,
  SGD,
  type Optimizer,
} from '../../lib/optim/index.js';
import { scope, StriateError, Tensor } from '../../lib/tensor.js';
import { expectSameBits, f32, i32, noise, noisy, relativeError, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { norm, parameter, setGradient } from './formulas.js';

describe('step', () => {
  test('skips parameters without a gradient, and counts its changes', async () => {
    const [a, b] = [parameter([1, 2], [2]), parameter([3, 4], [2])];
    const optimizer = new SGD([a, b], { lr: 1 });
    optimizer.step();
    setGradient(a, [1, 1]);
    optimizer.step();
    expect([...(await a.data())]).toEqual([0, 1]);
    expect([...(await b.data())]).toEqual([3, 4]);
    expect([a.versions.changes, b.versions.changes]).toEqual([1, 0]);
  });

  test('between forward and backward is told', () => {
    const [p, x] = [parameter([1, 2], [2]), parameter([3, 4], [2])];
    const y = mul(p, x);
    setGradient(p, [1, 1]);
    new SGD([p]).step();
    expect(() => backward(y, f32([1, 1], [2]))).toThrow(/changed in place/);
  });

  test('leaves all parameters as they were where a gradient has failed', async () => {
    const [a, b] = [parameter([1, 2], [2]), parameter([3], [1])];
    const optimizer = new SGD([a, b], { lr: 1, momentum: 0.9 });
    setGradient(a, [1, 1]);
    const beyondMemory = new Tensor(native.full([2 ** 47], 0, 'f32'), 'f32');
    b.grad = new Tensor(native.slice(beyondMemory.handle, [0], [1], [1]), 'f32');
    optimizer.step();
    await expect(native.synchronize()).rejects.toThrow(StriateError);
    expect([...(await a.data()), ...(await b.data())]).toEqual([1, 2, 3]);
  });

  test('in a scope leaves the state alone; dispose gives it back', async () => {
    const p = parameter([1, 2], [2]);
    setGradient(p, [1, 1]);
    await collectGarbage();
    const before = native.memory().liveTensors;
    const optimizer = new Adam([p]);
    scope(() => optimizer.step());
    const state = [...optimizer.stateDict().tensors];
    expect(state.map(([name]) => name)).toEqual(['0.mean', '0.variance']);
    expect(state.every(([, tensor]) => !tensor.disposed)).toBe(true);
    expect(native.memory().liveTensors).toBe(before + 2);
    optimizer.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });

  test('of zeroGrad there is nothing to step along', async () => {
    const p = parameter([1], [1]);
    setGradient(p, [1]);
    const { grad } = p;
    const optimizer = new SGD([p], { lr: 1 });
    optimizer.zeroGrad();
    expect([p.grad, grad?.disposed]).toEqual([null, true]);
    optimizer.step();
    expect(await p.item()).toBe(1);
  });

  test('follows a learning rate that is set', async () => {
    const p = parameter([1], [1]);
    setGradient(p, [1]);
    const optimizer = new SGD([p], { lr: 1 });
    optimizer.lr = 0.25;
    optimizer.step();
    expect(await p.item()).toBe(0.75);
    expect(() => (optimizer.lr = NaN)).toThrow(/SGD: lr is NaN/);
    expect(optimizer.lr).toBe(0.25);
  });
});

describe('clipping', () => {
  test('of the norm counts parameters that have taken different numbers of steps together', async () => {
    const [a, b] = [parameter([0], [1]), parameter([0], [1])];
    const optimizer = new SGD([a, b], { lr: 1, clipNorm: 1 });
    setGradient(a, [1]);
    optimizer.step();
    setGradient(a, [3]);
    setGradient(b, [4]);
    optimizer.step();
    expect(await a.item()).toBeCloseTo(-1.6, 5);
    expect(await b.item()).toBeCloseTo(-0.8, 5);
    // The gradients are as they were.
    expect([await a.grad!.item(), await b.grad!.item()]).toEqual([3, 4]);
  });

  test('hides no gradient that is not a number', async () => {
    const p = parameter([1, 2], [2]);
    setGradient(p, [NaN, 1]);
    new SGD([p], { clipValue: 1 }).step();
    expect([...(await p.data())]).toEqual([NaN, expect.closeTo(1.999, 5)]);
    const q = parameter([1, 2], [2]);
    setGradient(q, [NaN, 1]);
    new SGD([q], { clipNorm: 1 }).step();
    expect([...(await q.data())]).toEqual([NaN, NaN]);
  });

  test('of weights leaves those of one axis alone', async () => {
    const [w, b] = [parameter([3, 0.1, 4, 0.2], [2, 2]), parameter([9, 9], [2])];
    setGradient(w, [0, 0, 0, 0]);
    setGradient(b, [0, 0]);
    new SGD([w, b], { maxNorm: 1 }).step();
    const expected = [0.6, 0.1, 0.8, 0.2].map((v) => expect.closeTo(v, 6) as number);
    expect([...(await w.data())]).toEqual(expected);
    expect([...(await b.data())]).toEqual([9, 9]);
  });
});

describe('clipGradNorm', () => {
  const shapes = [[40_003], [7, 5], [], [0]];
  const all = () => shapes.map((shape, i) => parameter(noise(volume(shape), i), shape));

  test.each([0.5, 1e6])('to %d scales all gradients by one factor, and gives their norm', async (maxNorm) => {
    const parameters = all();
    const gradients = shapes.map((shape, i) => noise(volume(shape), 10 + i));
    parameters.forEach((p, i) => setGradient(p, gradients[i]!));
    const expected = norm(gradients.flatMap((g) => [...g]));
    // One without a gradient is passed over.
    const measured = await clipGradNorm([...parameters, parameter([1], [1])], maxNorm).item();
    expect(measured / expected).toBeCloseTo(1, 6);
    const factor = Math.min(1, maxNorm / (expected + 1e-6));
    for (const [i, p] of parameters.entries()) {
      expect(
        relativeError(
          await p.grad!.data(),
          Array.from(gradients[i]!, (g) => g * factor),
        ),
      ).toBeLessThan(1e-6);
      expect(p.grad!.versions.changes).toBe(1);
    }
  });

  test('comes to the same bits with 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const parameters = all();
      parameters.forEach((p, i) => setGradient(p, noise(p.size, 20 + i)));
      return [clipGradNorm(parameters, 1), ...parameters.map((p) => p.grad!)];
    });
  });

  test('scales a gradient that two parameters share once, and counts it twice', async () => {
    const [a, b, g] = [parameter([1], [1]), parameter([1], [1]), f32([3], [1])];
    a.grad = g;
    b.grad = g.detach();
    expect(await clipGradNorm([a, b], 1).item()).toBeCloseTo(Math.sqrt(18), 5);
    expect(await g.item()).toBeCloseTo(3 / Math.sqrt(18), 5);
  });

  test('measures with Infinity, of nothing 0; refuses what is no bound', async () => {
    const p = parameter([1, 2], [2]);
    expect(await clipGradNorm([p], 1).item()).toBe(0);
    setGradient(p, [3, 4]);
    expect(await clipGradNorm([p], Infinity).item()).toBe(5);
    expect([...(await p.grad!.data())]).toEqual([3, 4]);
    setGradient(p, [NaN, 4]);
    expect(await clipGradNorm([p], Infinity).item()).toBeNaN();
    expect([...(await p.grad!.data())]).toEqual([NaN, 4]);
    expect(() => clipGradNorm([p], -1)).toThrow(/clipGradNorm: maxNorm is -1.*, wants a number from 0 on/);
    expect(() => clipGradNorm([p], NaN)).toThrow(/clipGradNorm: maxNorm is NaN/);
  });
});

describe('refused', () => {
  const p = parameter([1, 2, 3], [3]);

  test.each<[unknown, RegExp]>([
    [[], /SGD: parameters is empty/],
    [p, /SGD: parameters is no list of tensors/],
    [null, /SGD: parameters is no list of tensors/],
    [[p, 1], /SGD: parameters\[1\] is no tensor/],
    [[p, p], /SGD: parameters\[1\] is the same tensor as parameters\[0\]/],
    [[p, p.detach()], /SGD: parameters\[1\] is the same tensor as parameters\[0\]/],
    [[i32([1], [1])], /SGD: parameters\[0\] is i32 \[1\], wants dtype f32/],
    [[mul(p, p)], /SGD: parameters\[0\] is the result of mul/],
    [[noisy([3])], /SGD: no tensor in parameters has requiresGrad/],
  ])('parameters %#', (parameters, message) => {
    expect(() => new SGD(parameters as Tensor[])).toThrow(message);
  });

  test('frozen parameters are none, beside others', () => {
    expect(new SGD([p, noisy([3])]).parameters).toHaveLength(2);
  });

  test.each<[new (p: Tensor[], o: never) => Optimizer, object, RegExp]>([
    [SGD, { lr: -1 }, /^SGD: lr is -1, wants a finite number from 0 on$/],
    [SGD, { lr: '1' }, /^SGD: lr is of type string, wants a finite number from 0 on$/],
    [SGD, { lr: null }, /^SGD: lr is null/],
    [SGD, { lr: Infinity }, /^SGD: lr is Infinity/],
    [SGD, { momentum: NaN }, /^SGD: momentum is NaN/],
    [SGD, { dampening: NaN }, /^SGD: dampening is NaN, wants a finite number$/],
    [SGD, { weightDecay: -0.1 }, /^SGD: weightDecay is -0.1/],
    [SGD, { nesterov: 1 }, /^SGD: nesterov is of type number, wants true or false/],
    [SGD, { nesterov: true }, /^SGD: nesterov wants momentum above 0 and dampening 0, got 0 and 0/],
    [Adam, { betas: [1, 0.9] }, /^Adam: betas\[0\] is 1, wants a finite number from 0 on, less than 1$/],
    [Adam, { betas: [0.9, -1] }, /^Adam: betas\[1\] is -1/],
    [Adam, { betas: 0.9 }, /^Adam: betas wants two numbers/],
    [Adam, { eps: -1 }, /^Adam: eps is -1/],
    [Adam, { clipNorm: 0 }, /^Adam: clipNorm is 0, wants a number above 0, or null$/],
    [SGD, { clipValue: Infinity }, /^SGD: clipValue is Infinity, wants a finite number/],
    [SGD, { maxNorm: '1' }, /^SGD: maxNorm is of type string/],
    [Adagrad, { lrDecay: -1 }, /^Adagrad: lrDecay is -1/],
    [Adagrad, { initialAccumulatorValue: -1 }, /^Adagrad: initialAccumulatorValue is -1/],
    [Adagrad, { eps: NaN }, /^Adagrad: eps is NaN/],
    [RMSprop, { alpha: 1.5 }, /^RMSprop: alpha is 1.5, wants at most 1$/],
    [RMSprop, { momentum: -1 }, /^RMSprop: momentum is -1/],
    [RMSprop, { centered: 1 }, /^RMSprop: centered is of type number, wants true or false/],
    [
      SGD,
      { learningRate: 1 },
      /^SGD: option 'learningRate' is unknown, wants one of lr, momentum, dampening/,
    ],
    [SGD, { parameters: [] }, /^SGD: option 'parameters' is unknown/],
    [SGD, null as never, /^SGD: options is null, wants an object$/],
    [Adam, { biasCorrection: 0 }, /^Adam: biasCorrection is of type number, wants true or false/],
    [Adam, { amsgrad: null }, /^Adam: amsgrad is null, wants true or false/],
    [Adadelta, { rho: 1.5 }, /^Adadelta: rho is 1.5, wants at most 1$/],
    [Adadelta, { eps: NaN }, /^Adadelta: eps is NaN/],
    [Lion, { betas: [0.9, 1] }, /^Lion: betas\[1\] is 1/],
    [Lion, { eps: 1 }, /^Lion: option 'eps' is unknown, wants one of lr, betas, weightDecay/],
    [NAdam, { momentumDecay: -1 }, /^NAdam: momentumDecay is -1/],
    [NAdam, { betas: [0.999999, 0.9] }, /^NAdam: betas\[0\] is 0.999999, wants at most 0.99999$/],
    [NAdam, { decoupledWeightDecay: 'no' }, /^NAdam: decoupledWeightDecay is of type string/],
    [AdamW, { weightDecay: NaN }, /^AdamW: weightDecay is NaN/],
    [AdamW, { decoupledWeightDecay: 'no' }, /^AdamW: decoupledWeightDecay is of type string/],
  ])('%o %o', (Kind, options, message) => {
    expect(() => new Kind([p], options as never)).toThrow(message);
  });

  test('a state that does not fit, before anything changes', async () => {
    const q = parameter([1, 2], [2]);
    setGradient(q, [1, 1]);
    const optimizer = new Adam([q]);
    optimizer.step();
    const state = optimizer.stateDict();
    const mean = await state.tensors.get('0.mean')!.data();
    const load = (change: object) => () => optimizer.loadStateDict({ ...state, ...change });
    expect(load({ steps: [1, 1] })).toThrow(/^loadStateDict: the state is of 2 parameters, wants 1$/);
    expect(load({ steps: [-1] })).toThrow(/steps\[0\] is -1/);
    expect(load({ steps: [0] })).toThrow(/0.mean is not in the optimizer; 0.variance is not/);
    expect(load({ tensors: new Map() })).toThrow(/0.mean is missing; 0.variance is missing/);
    expect(load({ tensors: new Map([...state.tensors, ['0.mean', noisy([3])]]) })).toThrow(
      /0.mean is f32 \[3\], wants f32 \[2\]/,
    );
    const withOptions = (change: object) =>
      load({ groups: [{ ...state.groups[0], options: { ...optimizer.options, ...change } }] });
    expect(withOptions({ eps: -1 })).toThrow(/eps is -1/);
    expect(withOptions({ betas: 1 })).toThrow(/betas wants two numbers/);
    expect(withOptions({ rate: 1 })).toThrow(/option 'rate' is unknown/);
    expect(load({ groups: undefined })).toThrow(/^loadStateDict: the state has no groups$/);
    expect(load({ groups: [] })).toThrow(/the groups have the parameters , want \[0\]/);
    expect(optimizer.stateDict()).toEqual(state);
    load({})();
    expect(await optimizer.stateDict().tensors.get('0.mean')!.data()).toEqual(mean);
  });
});

describe('the native side refuses', () => {
  const tensors = [noisy([3]), noisy([3]), noisy([3]), noisy([3])] as const;
  const [a, b, c, d] = tensors;
  const handles = (list: unknown) =>
    (Array.isArray(list) ? list.map((t: unknown) => (t instanceof Tensor ? t.handle : t)) : list) as Handle[];
  const unclipped: readonly [number, number, number, Handle | null] = [Infinity, Infinity, Infinity, null];
  const sgd = { lr: 0.05, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false };
  const step = (p: unknown, g: unknown, v: unknown, change: Partial<typeof sgd> = {}) => {
    const o = { ...sgd, ...change };
    return () =>
      native.sgd(
        handles(p),
        handles(g),
        handles(v),
        Array.isArray(p) ? p.map(() => 2) : [],
        o.lr,
        o.momentum,
        o.dampening,
        o.weightDecay,
        o.nesterov,
        ...unclipped,
      );
  };
  const adamStep =
    (p: unknown, g: unknown, m: unknown, v: unknown, steps = [1], beta2 = 0.9, clipped = unclipped) =>
    () =>
      native.adam(
        ...([handles(p), handles(g), handles(m), handles(v), []] as const),
        ...([steps, 0.1, 0.9, beta2, 1e-8, 0, false, true] as const),
        ...clipped,
      );

  test('lists and tensors that do not fit', () => {
    const momentum = 0.9;
    expect(step([a, b], [c], [])).toThrow(/sgd: gradients has 1 tensors, wants 2, as many as parameters/);
    expect(step([a], [b], [], { momentum })).toThrow(/sgd: velocities has 0 tensors, wants 1/);
    expect(step([a], [b], [c, d], { momentum })).toThrow(/sgd: velocities has 2 tensors, wants 1/);
    expect(step([a], [noisy([4])], [])).toThrow(/sgd: gradients\[0\] has shape \[4\], wants \[3\]/);
    expect(step([a], [i32([1, 2, 3], [3])], [])).toThrow(/sgd: gradients\[0\] is i32 \[3\]/);
    expect(step([i32([1, 2, 3], [3])], [a], [])).toThrow(/sgd: parameters\[0\] is i32 \[3\]/);
    expect(step([a, a], [b, c], [])).toThrow(/sgd: parameters\[1\] and parameters\[0\] are one tensor/);
    expect(step([a], [a], [])).toThrow(/sgd: gradients\[0\] and parameters\[0\] are one tensor/);
    expect(step([a], [b], [a], { momentum })).toThrow(/velocities\[0\] and parameters\[0\] are one tensor/);
    expect(step([a], [b], [b], { momentum })).toThrow(/gradients\[0\] and velocities\[0\] are one tensor/);
    expect(step([a], [a.detach()], [])).toThrow(/are one tensor/);
    expect(step(a, [b], [])).toThrow(/sgd: parameters is .*, wants an array of tensors/);
    expect(step([null], [b], [])).toThrow(/sgd: parameters\[0\] is null, wants a tensor/);
    expect(adamStep([a], [b], [c], [c])).toThrow(/variances\[0\] and means\[0\] are one tensor/);
    expect(step([], [], [])).not.toThrow();
    expect(step([a, b], [c, c], [])).not.toThrow();
  });

  test('numbers out of range', () => {
    expect(step([a], [b], [], { lr: NaN })).toThrow(/sgd: lr is NaN/);
    expect(step([a], [b], [], { lr: -1 })).toThrow(/sgd: lr is -1/);
    expect(step([a], [b], [], { dampening: -Infinity })).toThrow(/sgd: dampening is infinite/);
    expect(step([a], [b], [], { nesterov: true })).toThrow(/sgd: nesterov wants/);
    expect(adamStep([a], [b], [c], [d], [0])).toThrow(/adam: steps\[0\] is 0, wants a whole number from 1/);
    expect(adamStep([a], [b], [c], [d], [])).toThrow(/adam: steps has 0 numbers, wants 1/);
    expect(adamStep([a], [b], [c], [d], [1], 1)).toThrow(/adam: beta2 is 1/);
    const clipped = (...values: [number, number, number]) =>
      adamStep([a], [b], [c], [d], [1], 0.9, [...values, null]);
    expect(clipped(0, 1, 1)).toThrow(/adam: clipValue is 0.*, wants a number above 0/);
    expect(clipped(1, -1, 1)).toThrow(/adam: clipNorm is -1/);
    expect(clipped(1, 1, NaN)).toThrow(/adam: maxNorm is NaN/);
    const rmsProp = (alpha: number, means: Tensor[]) => () =>
      native.rmsProp(
        ...([handles([a]), handles([b]), handles([c]), handles(means), []] as const),
        ...([0.1, alpha, 1e-8, 0, 0] as const),
        ...unclipped,
      );
    expect(rmsProp(1.5, [])).toThrow(/rmsProp: alpha is 1.5.*, wants a number from 0 to 1/);
    expect(adamStep([a], [b], [c], [d], [1], 0.9, [1, 1, 1, a.handle])).toThrow(
      /adam: totalNorm has shape \[3\], wants \[\]/,
    );
    expect(() => native.gradientNorm(handles([a]), NaN)).toThrow(/gradientNorm: clipValue is NaN/);
    expect(() => native.gradientNorm(handles([i32([1], [1])]), 1)).toThrow(
      /gradientNorm: gradients\[0\] is i32/,
    );
    expect(rmsProp(0.5, [a])).toThrow(/means\[0\] and parameters\[0\] are one tensor/);
  });
});
