import { describe, expect, test } from 'vitest';
import type { Handle } from '../../binding.js';
import { backward } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { mul } from '../../lib/ops/elementwise.js';
import {
  Adam,
  AdamW,
  SGD,
  type AdamOptions,
  type Optimizer,
  type SGDOptions,
} from '../../lib/optim/index.js';
import { scope, StriateError, Tensor } from '../../lib/tensor.js';
import { expectSameBits, f32, i32, noise, noisy, relativeError, volume } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

function parameter(data: ArrayLike<number>, shape: readonly number[]): Tensor {
  const p = f32(data, shape);
  p.requiresGrad = true;
  return p;
}

function setGradient(p: Tensor, data: ArrayLike<number>): void {
  p.grad?.dispose();
  p.grad = f32(data, p.shape);
}

/** The published formulas, in double precision. */
class ReferenceSGD {
  readonly #velocity: number[] = [];
  #first = true;

  constructor(readonly options: Required<SGDOptions>) {}

  step(p: Float64Array, gradient: Float32Array): void {
    const { lr, momentum, dampening, weightDecay, nesterov } = this.options;
    for (let i = 0; i < p.length; i++) {
      const g = gradient[i]! + weightDecay * p[i]!;
      const v = this.#first ? g : momentum * this.#velocity[i]! + (1 - dampening) * g;
      this.#velocity[i] = v;
      const direction = nesterov ? g + momentum * v : momentum === 0 ? g : v;
      p[i]! -= lr * direction;
    }
    this.#first = false;
  }
}

class ReferenceAdam {
  readonly #mean: number[] = [];
  readonly #variance: number[] = [];
  #t = 0;

  constructor(readonly options: Required<AdamOptions>) {}

  step(p: Float64Array, gradient: Float32Array): void {
    const { lr, betas, eps, weightDecay, decoupledWeightDecay } = this.options;
    const [b1, b2] = betas;
    this.#t++;
    for (let i = 0; i < p.length; i++) {
      let g = gradient[i]!;
      if (decoupledWeightDecay) p[i]! -= lr * weightDecay * p[i]!;
      else g += weightDecay * p[i]!;
      const m = (this.#mean[i] = b1 * (this.#mean[i] ?? 0) + (1 - b1) * g);
      const v = (this.#variance[i] = b2 * (this.#variance[i] ?? 0) + (1 - b2) * g * g);
      p[i]! -= (lr * (m / (1 - b1 ** this.#t))) / (Math.sqrt(v / (1 - b2 ** this.#t)) + eps);
    }
  }
}

const sgd = { lr: 0.05, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false };
const adam = {
  lr: 0.01,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  decoupledWeightDecay: false,
} as const;
type Make = (parameters: Tensor[]) => Optimizer;
type Reference = () => { step(p: Float64Array, gradient: Float32Array): void };
const kinds: [string, Make, Reference][] = [
  ...[
    sgd,
    { ...sgd, weightDecay: 0.1 },
    { ...sgd, momentum: 0.9 },
    { ...sgd, momentum: 0.9, dampening: 0.4, weightDecay: 0.03 },
    { ...sgd, momentum: 0.7, weightDecay: 0.03, nesterov: true },
  ].map((o): [string, Make, Reference] => [
    `SGD ${JSON.stringify(o)}`,
    (p) => new SGD(p, o),
    () => new ReferenceSGD(o),
  ]),
  ...[
    adam,
    { ...adam, betas: [0.7, 0.9] as const, eps: 1e-2, weightDecay: 0.1 },
    { ...adam, weightDecay: 0.2, decoupledWeightDecay: true },
  ].map((o): [string, Make, Reference] => [
    `Adam ${JSON.stringify(o)}`,
    (p) => new Adam(p, o),
    () => new ReferenceAdam(o),
  ]),
];

describe.each(kinds)('%s', (_, make, reference) => {
  test('follows its formula for 100 steps', async () => {
    // Small ones that share a piece of work, and one that is cut into several.
    const shapes = [[3, 5], [1], [], [0, 4], [17], [40_003], [2, 3]];
    const parameters = shapes.map((shape, i) => parameter(noise(volume(shape), i + 1), shape));
    const expected = shapes.map((shape, i) => Float64Array.from(noise(volume(shape), i + 1)));
    const references = shapes.map(() => reference());
    const gradients = noise(50_000, 50).map((v) => v + 0.3);
    const optimizer = make(parameters);
    for (let step = 0; step < 100; step++) {
      parameters.forEach((p, i) => {
        const start = 97 * step + 13 * i;
        const gradient = gradients.subarray(start, start + p.size);
        setGradient(p, gradient);
        references[i]!.step(expected[i]!, gradient);
      });
      optimizer.step();
    }
    for (const [i, p] of parameters.entries()) {
      expect(relativeError(await p.data(), expected[i]!)).toBeLessThan(1e-5);
    }
    optimizer.dispose();
  });

  test('comes to the same bits with 1 and 2 threads', async () => {
    const [values, gradients] = [noise(80_003), noise(80_010, 3)];
    await expectSameBits(() => {
      const parameters = [parameter(values, [80_003]), parameter(noise(7, 2), [7])];
      const optimizer = make(parameters);
      for (let step = 1; step <= 3; step++) {
        for (const p of parameters) setGradient(p, gradients.subarray(step, step + p.size));
        optimizer.step();
      }
      optimizer.dispose();
      return parameters;
    });
  });

  test('goes on from a saved state as if nothing had happened', async () => {
    const run = async (interrupted: boolean): Promise<Float32Array[]> => {
      let parameters = [parameter(noise(11), [11]), parameter(noise(6, 2), [2, 3])];
      let optimizer = make(parameters);
      for (let step = 1; step <= 6; step++) {
        for (const [i, p] of parameters.entries()) {
          // The second parameter joins late, and so is behind in steps.
          if (i === 0 || step > 2) setGradient(p, noise(p.size, 10 * step + i));
        }
        optimizer.step();
        if (interrupted && step === 3) {
          const state = optimizer.stateDict();
          const data = await Promise.all(parameters.map((p) => p.data()));
          const old = optimizer;
          parameters = parameters.map((p, i) => parameter(data[i]!, p.shape));
          optimizer = make(parameters);
          optimizer.lr = 123;
          optimizer.loadStateDict(state);
          expect(optimizer.options).toEqual(old.options);
          old.dispose();
        }
      }
      return Promise.all(parameters.map((p) => p.data()));
    };
    expect(await run(true)).toEqual(await run(false));
  });
});

interface Vector {
  optimizer: 'SGD' | 'Adam' | 'AdamW';
  options: SGDOptions & AdamOptions & { weight_decay?: number };
  shapes: number[][];
  noted: { step: number; parameters: number[][] }[];
}

describe("PyTorch's trajectories", () => {
  test.each(vectors<Vector>('optimizers'))('$optimizer $options', async (v) => {
    const { weight_decay: weightDecay, ...rest } = v.options;
    const parameters = v.shapes.map((shape, i) => parameter(pattern(shape, i), shape));
    const Kind = { SGD, Adam, AdamW }[v.optimizer];
    const optimizer = new Kind(parameters, weightDecay ? { ...rest, weightDecay } : rest);
    let done = 0;
    for (const { step: until, parameters: expected } of v.noted) {
      for (; done < until; done++) {
        const step = done + 1;
        for (const [i, p] of parameters.entries()) {
          if (i === 2 && step <= 2) continue;
          setGradient(p, pattern(p.shape, 10 + 3 * step + i));
        }
        optimizer.step();
      }
      for (const [i, p] of parameters.entries()) {
        expect(relativeError(await p.data(), expected[i]!)).toBeLessThan(2e-6);
      }
    }
  });
});

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

  test('in a scope leaves the state alone; dispose gives it back', () => {
    const p = parameter([1, 2], [2]);
    setGradient(p, [1, 1]);
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
    expect(load({ options: { ...state.options, eps: -1 } })).toThrow(/eps is -1/);
    expect(load({ options: { lr: 1 } })).toThrow(/betas wants two numbers/);
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
  const step = (p: unknown, g: unknown, v: unknown, change: Partial<typeof sgd> = {}) => {
    const o = { ...sgd, ...change };
    return () =>
      native.sgd(
        handles(p),
        handles(g),
        handles(v),
        o.lr,
        o.momentum,
        o.dampening,
        o.weightDecay,
        o.nesterov,
        false,
      );
  };
  const adamStep =
    (p: unknown, g: unknown, m: unknown, v: unknown, number = 1, beta2 = 0.9) =>
    () =>
      native.adam(handles(p), handles(g), handles(m), handles(v), number, 0.1, 0.9, beta2, 1e-8, 0, false);

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
    expect(adamStep([a], [b], [c], [d], 0)).toThrow(/adam: step is 0, wants a whole number from 1/);
    expect(adamStep([a], [b], [c], [d], 1, 1)).toThrow(/adam: beta2 is 1/);
  });
});
