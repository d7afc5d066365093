import { describe, expect, test } from 'vitest';
import { backward } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { add, mul, sub, square, tanh } from '../../lib/ops/index.js';
import { matmul } from '../../lib/ops/matmul.js';
import { mean, sum } from '../../lib/ops/reduce.js';
import { CosineAnnealingLR, LBFGS, SGD, type LBFGSOptions } from '../../lib/optim/index.js';
import { StriateError, Tensor } from '../../lib/tensor.js';
import { expectClose, expectSameBits, f32, i32, noise, noisy, relativeError } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { lowerCamelCase, pattern, vectors } from '../fixtures/pattern.js';
import { parameter } from './formulas.js';

interface Vector {
  options: Record<string, unknown>;
  shapes: number[][];
  losses: number[];
  evaluations: number;
  noted: { step: number; parameters: number[][] }[];
}

/** The network of test/fixtures/lbfgs.py and its loss. */
function network(shapes: readonly number[][] = [[3, 4], [4], [4, 1]]) {
  const [x, y] = [f32(pattern([12, 3], 40), [12, 3]), f32(pattern([12, 1], 41), [12, 1])];
  const parameters = shapes.map((shape, i) => parameter(pattern(shape, i), shape));
  const anchors = shapes.map((shape, i) => f32(pattern(shape, 20 + i), shape));
  const [w, b, v] = parameters as [Tensor, Tensor, Tensor];
  let evaluations = 0;
  const closure = (optimizer: LBFGS) => () => {
    evaluations++;
    optimizer.zeroGrad();
    const errors = mean(square(sub(matmul(tanh(add(matmul(x, w), b)), v), y)));
    const penalties = parameters.map((p, i) => sum(square(sub(p, anchors[i]!))));
    const loss = add(
      errors,
      mul(
        penalties.reduce((a, c) => add(a, c)),
        0.2,
      ),
    );
    backward(loss);
    return loss;
  };
  return { parameters, closure, evaluations: () => evaluations };
}

function optionsOf(given: Record<string, unknown>): LBFGSOptions {
  const { lineSearchFn, ...options } = lowerCamelCase(given);
  return lineSearchFn ? { ...options, lineSearch: 'strongWolfe' } : options;
}

describe("PyTorch's trajectories", () => {
  test.each(vectors<Vector>('lbfgs'))('$options', async (vector) => {
    const { parameters, closure } = network(vector.shapes);
    const optimizer = new LBFGS(parameters, optionsOf(vector.options));
    let done = 0;
    for (const { step, parameters: expected } of vector.noted) {
      for (; done < step; done++) {
        const loss = await optimizer.step(closure(optimizer));
        expect(Math.abs(loss / vector.losses[done]! - 1)).toBeLessThan(1e-5);
      }
      for (const [i, p] of parameters.entries()) {
        expect(relativeError(await p.data(), expected[i]!)).toBeLessThan(1e-5);
      }
    }
  });
});

/** (1 − a)² + 100·(b − a²)², whose minimum, at (1, 1), lies in a bent valley. */
function rosenbrock(start = [-1.2, 1]) {
  const [a, b] = [parameter([start[0]!], [1]), parameter([start[1]!], [1])];
  const closure = (optimizer: LBFGS) => () => {
    optimizer.zeroGrad();
    const loss = add(square(sub(1, a)), mul(square(sub(b, square(a))), 100));
    backward(loss);
    return loss;
  };
  return { a, b, closure };
}

describe('LBFGS', () => {
  test("finds the minimum of Rosenbrock's function", async () => {
    const { a, b, closure } = rosenbrock();
    const optimizer = new LBFGS([a, b], { lineSearch: 'strongWolfe', maxIter: 60 });
    expect(await optimizer.step(closure(optimizer))).toBeCloseTo(24.2, 4);
    expect(await a.item()).toBeCloseTo(1, 3);
    expect(await b.item()).toBeCloseTo(1, 3);
  });

  test('takes as many iterations and evaluations as it may', async () => {
    const { parameters, closure, evaluations } = network();
    const optimizer = new LBFGS(parameters, { maxIter: 5, lr: 0.1 });
    await optimizer.step(closure(optimizer));
    expect(evaluations()).toBe(5);
    expect(optimizer.stateDict().steps).toEqual([5]);
    const other = network();
    const bounded = new LBFGS(other.parameters, { maxEval: 3, lr: 0.1 });
    await bounded.step(other.closure(bounded));
    expect(other.evaluations()).toBe(3);
  });

  test('goes on from a saved state as if nothing had happened', async () => {
    const run = async (interrupted: boolean) => {
      let { parameters, closure } = network();
      let optimizer = new LBFGS(parameters, { maxIter: 3, historySize: 4, lineSearch: 'strongWolfe' });
      for (let step = 0; step < 4; step++) {
        await optimizer.step(closure(optimizer));
        if (!interrupted || step !== 1) continue;
        const state = optimizer.stateDict();
        const data = await Promise.all(parameters.map((p) => p.data()));
        ({ parameters, closure } = network());
        for (const [i, p] of parameters.entries()) p.assign(f32(data[i]!, p.shape));
        const old = optimizer;
        optimizer = new LBFGS(parameters);
        optimizer.loadStateDict(state);
        expect(optimizer.options).toEqual(old.options);
        old.dispose();
      }
      return Promise.all(parameters.map((p) => p.data()));
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('holds no more memory than its history; dispose gives it back', async () => {
    const { parameters, closure } = network();
    const optimizer = new LBFGS(parameters, {
      maxIter: 4,
      maxEval: 50,
      historySize: 3,
      lineSearch: 'strongWolfe',
    });
    await optimizer.step(closure(optimizer));
    optimizer.zeroGrad();
    await collectGarbage();
    const before = native.memory().liveTensors;
    for (let step = 0; step < 3; step++) await optimizer.step(closure(optimizer));
    optimizer.zeroGrad();
    const state = optimizer.stateDict().tensors.size;
    expect(state).toBe(2 + 2 * 3);
    expect(native.memory().liveTensors).toBe(before);
    optimizer.dispose();
    expect(native.memory().liveTensors).toBe(before - state);
    expect(optimizer.stateDict().steps).toEqual([0]);
  });

  test('leaves the event loop free, and refuses a second step meanwhile', async () => {
    const { parameters, closure } = network();
    const optimizer = new LBFGS(parameters);
    const first = optimizer.step(closure(optimizer));
    await expect(optimizer.step(closure(optimizer))).rejects.toThrow(/another step\(\) runs; wait for it/);
    expect(() => optimizer.loadStateDict(optimizer.stateDict())).toThrow(StriateError);
    await first;
    await optimizer.step(closure(optimizer));
  });

  test.each([null, 'strongWolfe'] as const)(
    'puts parameters back where the closure throws on the way (line search %s)',
    async (lineSearch) => {
      const { a, b, closure } = rosenbrock();
      const optimizer = new LBFGS([a, b], { lineSearch });
      let calls = 0;
      const failing = () => {
        if (++calls === 2) throw new RangeError('no more');
        return closure(optimizer)();
      };
      await expect(optimizer.step(failing)).rejects.toThrow('no more');
      expect([await a.item(), await b.item()]).toEqual([Math.fround(-1.2), 1]);
      await optimizer.step(closure(optimizer));
      expect(await a.item()).not.toBe(Math.fround(-1.2));
    },
  );

  test('gets around where the loss is no number', async () => {
    const a = parameter([0.5], [1]);
    const optimizer = new LBFGS([a], { lineSearch: 'strongWolfe', lr: 100 });
    // −log a + a, whose minimum is at 1; below 0 there is none.
    const closure = () => {
      optimizer.zeroGrad();
      const loss = sub(a, a.log());
      backward(loss);
      return loss;
    };
    await optimizer.step(closure);
    expect(await a.item()).toBeCloseTo(1, 3);
    const spoilt = parameter([NaN], [1]);
    const other = new LBFGS([spoilt]);
    expect(await other.step(() => (backward(square(spoilt)), square(spoilt)))).toBeNaN();
  });

  test('counts parameters without a gradient as at rest; follows a schedule', async () => {
    const { a, b, closure } = rosenbrock();
    const idle = parameter([7, 8], [2]);
    const optimizer = new LBFGS([idle, a, b], { lineSearch: 'strongWolfe', lr: 0.5 });
    const schedule = new CosineAnnealingLR(optimizer, { tMax: 4 });
    schedule.step();
    expect(optimizer.lr).toBeLessThan(0.5);
    await optimizer.step(closure(optimizer));
    expect([...(await idle.data())]).toEqual([7, 8]);
    expect(await a.item()).not.toBe(Math.fround(-1.2));
  });
});

describe('its direction', () => {
  const n = 40_007;

  test('is −H·g by the definition, in double precision', async () => {
    const size = 501;
    const g = noise(size, 1);
    const moves = [noise(size, 2), noise(size, 3)];
    const differences = moves.map((s, k) => noise(size, 5 + k).map((e, i) => s[i]! * (k + 2) + 0.3 * e));
    const dot = (u: ArrayLike<number>, v: ArrayLike<number>) =>
      Array.from(u).reduce((total, ui, i) => total + ui * v[i]!, 0);
    // H ← (I − ρ·s·yᵀ)·H·(I − ρ·y·sᵀ) + ρ·s·sᵀ from the oldest pair on, applied to g.
    const times = (v: number[], pairs: number): number[] => {
      if (pairs === 0) {
        const [s, y] = [moves.at(-1)!, differences.at(-1)!];
        return v.map((vi) => (vi * dot(s, y)) / dot(y, y));
      }
      const [s, y] = [moves[pairs - 1]!, differences[pairs - 1]!];
      const rho = 1 / dot(s, y);
      const share = rho * dot(s, v);
      const inner = times(
        v.map((vi, i) => vi - share * y[i]!),
        pairs - 1,
      );
      const back = rho * dot(y, inner);
      return inner.map((hi, i) => hi + (share - back) * s[i]!);
    };
    const expected = times(Array.from(g), 2).map((v) => -v);
    const handles = (list: Float32Array[]) => list.map((v) => f32(v, [size]).handle);
    const direction = native.lbfgsDirection(f32(g, [size]).handle, handles(differences), handles(moves));
    await expectClose(new Tensor(direction, 'f32'), expected, 2e-6);
    const first = new Tensor(native.lbfgsDirection(f32(g, [size]).handle, [], []), 'f32');
    expect(await first.data()).toEqual(g.map((v) => -v));
  });

  test('and products come to the same bits with 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const [g, y, s] = [noisy([n], 1), noisy([n], 2), noisy([n], 3)];
      const direction = native.lbfgsDirection(g.handle, [y.handle, g.handle], [s.handle, g.handle]);
      return [new Tensor(direction, 'f32'), new Tensor(native.dot(g.handle, y.handle), 'f32')];
    });
  });

  test('takes vectors of one length', async () => {
    const [a, b, c] = [noisy([3]), noisy([4]), noisy([3, 1])].map(({ handle }) => handle) as never[];
    expect(() => native.dot(a!, b!)).toThrow(/dot: b has shape \[4\], wants \[3\]/);
    expect(() => native.dot(c!, c!)).toThrow(/dot: a \[3, 1\] has 2 axes, wants 1/);
    expect(() => native.dot(i32([1], [1]).handle, a!)).toThrow(/dot: a is i32/);
    expect(() => native.lbfgsDirection(a!, [a!], [])).toThrow(/moves has 0 tensors, wants 1, as many/);
    expect(() => native.lbfgsDirection(a!, [a!], [b!])).toThrow(/lbfgsDirection: moves\[0\] has shape \[4\]/);
    const empty = noisy([0]).handle;
    expect(await new Tensor(native.dot(empty, empty), 'f32').item()).toBe(0);
    const product = new Tensor(native.dot(f32([1, NaN], [2]).handle, f32([Infinity, 1], [2]).handle), 'f32');
    expect(await product.item()).toBeNaN();
  });
});

describe('refused', () => {
  const p = parameter([1, 2], [2]);

  test.each<[object, RegExp]>([
    [{ lr: -1 }, /^LBFGS: lr is -1, wants a finite number from 0 on$/],
    [{ maxIter: 0 }, /^LBFGS: maxIter is 0, wants a whole number from 1 on$/],
    [{ maxEval: 1.5 }, /^LBFGS: maxEval is 1.5/],
    [{ toleranceGrad: NaN }, /^LBFGS: toleranceGrad is NaN/],
    [{ toleranceChange: '0' }, /^LBFGS: toleranceChange is of type string/],
    [{ historySize: 0 }, /^LBFGS: historySize is 0/],
    [{ lineSearch: 'wolfe' }, /^LBFGS: lineSearch is 'wolfe', wants null or 'strongWolfe'$/],
    [{ momentum: 1 }, /^LBFGS: option 'momentum' is unknown, wants one of lr, maxIter/],
  ])('%o', (options, message) => {
    expect(() => new LBFGS([p], options)).toThrow(message);
  });

  test('parameters in groups, or of nothing', () => {
    const q = parameter([1], [1]);
    expect(() => new LBFGS([{ parameters: [p] }, { parameters: [q] }])).toThrow(
      /LBFGS: parameters are in 2 groups/,
    );
    expect(() => new LBFGS([p, p])).toThrow(/LBFGS: parameters\[1\] is the same tensor/);
    expect(() => new LBFGS([parameter([], [0, 2])])).toThrow(/LBFGS: parameters have no elements/);
    expect(new LBFGS([{ parameters: [p], lr: 0.5 }]).lr).toBe(0.5);
  });

  test('closures that compute nothing', async () => {
    const optimizer = new LBFGS([p]);
    const step = (closure: unknown) => optimizer.step(closure as () => Tensor);
    await expect(step(undefined)).rejects.toThrow(/LBFGS: step wants a function/);
    await expect(step(async () => undefined)).rejects.toThrow(/LBFGS: the function is asynchronous/);
    await expect(step(() => 3)).rejects.toThrow(/LBFGS: the closure's result is 3, wants a tensor/);
    await expect(step(() => sum(square(p)))).rejects.toThrow(/no parameter has a gradient; .* call backward/);
    await expect(
      step(() => {
        backward(sum(square(p)));
        return square(p);
      }),
    ).rejects.toThrow(/item: tensor \[2\] has 2 elements, wants 1/);
  });

  test('states that do not fit, before anything changes', async () => {
    const { parameters, closure } = network();
    const optimizer = new LBFGS(parameters, { maxIter: 3 });
    await optimizer.step(closure(optimizer));
    const state = optimizer.stateDict();
    const load = (change: object) => () => optimizer.loadStateDict({ ...state, ...change });
    expect(load({ tensors: new Map() })).toThrow(/direction is missing; gradient is missing/);
    expect(load({ steps: [-1] })).toThrow(/steps\[0\] is -1/);
    expect(load({ stepLength: undefined })).toThrow(/stepLength is undefined/);
    expect(load({ groups: [] })).toThrow(/the state has 0 groups, wants 1/);
    expect(load({ tensors: new Map([...state.tensors, ['direction', noisy([3])]]) })).toThrow(
      /direction is f32 \[3\], wants f32 \[20\]/,
    );
    expect(load({ tensors: new Map([...state.tensors, ['moves.7', noisy([20])]]) })).toThrow(
      /moves.7 is not in the optimizer/,
    );
    const { options } = state.groups[0]!;
    expect(load({ groups: [{ options: { ...options, lr: -1 }, parameters: [0] }] })).toThrow(/lr is -1/);
    expect(load({ groups: [{ options: new SGD([p]).options, parameters: [0] }] })).toThrow(/is unknown/);
    expect(optimizer.stateDict()).toEqual(state);
  });
});
