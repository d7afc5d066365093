import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { backward, grad, gradEnabled, noGrad, record } from '../lib/autograd.js';
import { native, StriateError } from '../lib/native.js';
import * as ops from '../lib/ops/index.js';
import { SGD } from '../lib/optim/index.js';
import { memory } from '../lib/system.js';
import { scope, synchronize, Tensor } from '../lib/tensor.js';
import { expectClose, f32, i32, noise, noisy } from './check.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A tensor that wants a gradient. */
function leaf(data: readonly number[], shape: readonly number[] = [data.length]): Tensor {
  const x = f32(data, shape);
  x.requiresGrad = true;
  return x;
}

function values(x: Tensor | null): number[] {
  if (!x) throw new Error('there is no tensor');
  return Array.from(x.dataSync());
}

/** What is held when all commands have run. */
async function held(): Promise<{ liveTensors: number; liveBytes: number }> {
  await synchronize();
  const { liveTensors, liveBytes } = memory();
  return { liveTensors, liveBytes };
}

/** As held(), when what other tests have dropped is collected, so that it cannot go away in the middle of this one. */
async function heldAtRest(): Promise<{ liveTensors: number; liveBytes: number }> {
  for (let round = 0; round < 4; round++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return held();
}

/** x under an operation whose derivative is given. */
function custom(x: Tensor, derivative: (g: Tensor) => Tensor): Tensor {
  return record('custom', x.detach(), [x], [], (g) => [derivative(g)]);
}

describe('gradients', () => {
  test('add up over several calls', () => {
    const x = leaf([1, 2, 3]);
    x.square().sum().backward();
    expect(values(x.grad)).toEqual([2, 4, 6]);
    x.mul(5).sum().backward();
    expect(values(x.grad)).toEqual([7, 9, 11]);
    x.neg().backward(f32([1, 10, 100], [3]));
    expect(values(x.grad)).toEqual([6, -1, -89]);
  });

  test('start anew where grad is null', () => {
    const x = leaf([1, 2]);
    x.square().sum().backward();
    x.grad = null;
    x.mul(3).sum().backward();
    expect(values(x.grad)).toEqual([3, 3]);
  });

  test('go to leaves that want one, and to nothing else', () => {
    const [x, w] = [leaf([2, 3]), f32([5, 7], [2])];
    const h = x.mul(w);
    h.sum().backward();
    expect(values(x.grad)).toEqual([5, 7]);
    expect(w.grad).toBeNull();
    expect(h.grad).toBeNull();
    expect(x.grad!.requiresGrad).toBe(false);
    expect(x.grad!.node).toBeNull();
  });

  test('of a leaf by itself are the seed', () => {
    const x = leaf([3], []);
    x.backward();
    x.backward(f32([4], []));
    expect(values(x.grad)).toEqual([5]);
  });

  test('are no part of the tensor that they were started with', () => {
    const [x, g] = [leaf([1, 2]), f32([3, 4], [2])];
    x.backward(g);
    const y = leaf([1, 2], [2, 1]);
    y.reshape([2]).backward(g);
    g.assign(f32([0, 0], [2]));
    g.dispose();
    expect(values(x.grad)).toEqual([3, 4]);
    expect(values(y.grad)).toEqual([3, 4]);
  });

  test.each<[string, (a: Tensor, b: Tensor) => Tensor]>([
    ['add', (a, b) => a.add(b)],
    ['reshape', (a, b) => a.reshape([2, 1]).add(b.reshape([2, 1]))],
  ])('of two leaves can be changed in place apart from each other: %s', (_, f) => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    const weights = f32([10, 20], f(a, b).shape);
    f(a, b).backward(weights);
    a.grad!.assign(f32([0, 0], [2]));
    expect(values(b.grad)).toEqual([10, 20]);
    const [byA, byB, again] = grad(f(a, b), [a, b, b], weights);
    byA!.assign(f32([0, 0], [2]));
    expect(values(byB!)).toEqual([10, 20]);
    byB!.assign(f32([1, 1], [2]));
    expect(values(again!)).toEqual([10, 20]);
  });

  test('of a whole expression agree with the formula', async () => {
    // L = Σ tanh(x·w)·e^(−x), so dL/dx = (w·(1 − t²) − t)·e^(−x) and dL/dw = x·(1 − t²)·e^(−x) with t = tanh(x·w).
    const [u, v] = [Array.from(noise(50, 1)), Array.from(noise(50, 2))];
    const [x, w] = [leaf(u), leaf(v)];
    x.mul(w).tanh().mul(x.neg().exp()).sum().backward();
    const at = (f: (p: number, q: number, t: number) => number) =>
      u.map((p, i) => f(p, v[i]!, Math.tanh(p * v[i]!)) * Math.exp(-p));
    await expectClose(
      x.grad!,
      at((_, q, t) => q * (1 - t * t) - t),
      2e-6,
    );
    await expectClose(
      w.grad!,
      at((p, _, t) => p * (1 - t * t)),
      2e-6,
    );
  });
});

describe('shared use', () => {
  test('of one tensor twice in one operation', () => {
    const x = leaf([2, -3]);
    x.mul(x).sum().backward();
    expect(values(x.grad)).toEqual([4, -6]);
    x.grad = null;
    x.add(x).sum().backward();
    expect(values(x.grad)).toEqual([2, 2]);
    x.grad = null;
    x.sub(x).sum().backward();
    expect(values(x.grad)).toEqual([0, 0]);
    x.grad = null;
    ops.concat([x, x, x]).backward(f32([1, 2, 10, 20, 100, 200], [6]));
    expect(values(x.grad)).toEqual([111, 222]);
  });

  test('in a diamond', () => {
    // y = (3x)²·(3x + 1) = 27x³ + 9x², dy/dx = 81x² + 18x
    const x = leaf([1, 2]);
    const h = x.mul(3);
    h.square().mul(h.add(1)).sum().backward();
    expect(values(x.grad)).toEqual([99, 360]);
  });

  test('with paths of different lengths', () => {
    const x = leaf([2]);
    const h = x.mul(2);
    h.add(h.neg().neg().neg().mul(10)).add(x).backward();
    expect(values(x.grad)).toEqual([2 - 20 + 1]);
  });

  test('calls each derivative once, however many paths there are', () => {
    const x = leaf([1]);
    let calls = 0;
    let y: Tensor = x;
    for (let i = 0; i < 20; i++) {
      const h = custom(y, (g) => {
        if (++calls > 1000) throw new Error('one call for each path');
        return g;
      });
      y = h.add(h);
    }
    y.backward();
    expect(calls).toBe(20);
    expect(values(x.grad)).toEqual([2 ** 20]);
  });

  test('of a part of the graph by two outputs', () => {
    const x = leaf([1, 2]);
    const h = x.square();
    const [y, z] = [h.mul(3).sum(), h.mul(5).sum()];
    y.backward(undefined, { retainGraph: true });
    expect(values(x.grad)).toEqual([6, 12]);
    z.backward();
    expect(values(x.grad)).toEqual([16, 32]);
  });
});

describe('gradients added in place', () => {
  test.each([1, 2, 3, 4, 5, 6, 9, 10])('of %i uses of one result', (uses) => {
    // y = Σ_k k·x², so dy/dx = uses·(uses + 1)·x
    const x = leaf([1, -2, 3]);
    const h = x.square();
    const y = scope(() => {
      let sum = h.mul(1);
      for (let k = 2; k <= uses; k++) sum = sum.add(h.mul(k));
      return sum.sum();
    });
    y.backward(undefined, { retainGraph: true });
    const once = [1, -2, 3].map((v) => uses * (uses + 1) * v);
    expect(values(x.grad)).toEqual(once);
    y.backward();
    expect(values(x.grad)).toEqual(once.map((v) => 2 * v));
  });

  test('leave those that share their memory alone', () => {
    // y = w·(h + relu(h) + 3h), h = 2x: one gradient goes to both sides of the sums, and relu's is made in place.
    const x = leaf([1, -2, 3]);
    const h = x.mul(2);
    const [a, b] = [h.relu(), h.mul(3)];
    const c = h.add(a);
    const y = c.add(b);
    const w = f32([1, 10, 100], [3]);
    const wanted = [y, c, a, b, h, x];
    const gradients = grad(y, wanted, w, { retainGraph: true });
    const all = [
      [1, 10, 100],
      [1, 10, 100],
      [1, 10, 100],
      [1, 10, 100],
      [5, 40, 500],
      [10, 80, 1000],
    ];
    expect(gradients.map(values)).toEqual(all);
    expect(grad(y, wanted, w).map(values)).toEqual(all);
    expect(values(w)).toEqual([1, 10, 100]);
  });

  test('leave a view of the sum so far as it was', () => {
    const x = leaf([1, 2]);
    x.mul(3).sum().backward();
    const view = x.grad!.detach();
    x.mul(4).sum().backward();
    expect(values(x.grad)).toEqual([7, 7]);
    expect(values(view)).toEqual([3, 3]);
  });
});

describe('branches that the output does not depend on', () => {
  test('change nothing', () => {
    const [x, other] = [leaf([1, 2]), leaf([1, 2])];
    const h = x.mul(2);
    const unused = [h.exp(), h.square().sum(), x.square().mul(other)];
    h.mul(3).sum().backward();
    expect(values(x.grad)).toEqual([6, 6]);
    expect(other.grad).toBeNull();
    // The graph of the last, which shares nothing but x, is still there.
    unused[2]!.sum().backward();
    expect(values(x.grad)).toEqual([6 + 2, 6 + 8]);
    expect(values(other.grad)).toEqual([1, 4]);
  });

  test('leave zeros where a part of a tensor is used', () => {
    const x = leaf([1, 2, 3, 4, 5]);
    const parts = x.split([1, 2, 2]);
    parts[1]!
      .mul(f32([10, 20], [2]))
      .sum()
      .backward();
    expect(values(x.grad)).toEqual([0, 10, 20, 0, 0]);
  });
});

describe('noGrad', () => {
  test('records nothing and returns what the function returns', () => {
    const x = leaf([2]);
    expect(gradEnabled()).toBe(true);
    const y = noGrad(() => {
      expect(gradEnabled()).toBe(false);
      return x.square();
    });
    expect(gradEnabled()).toBe(true);
    expect([y.requiresGrad, y.node]).toEqual([false, null]);
    expect(values(y)).toEqual([4]);
    expect(() => y.backward()).toThrow(/not computed from a tensor with requiresGrad/);
    expect(x.square().requiresGrad).toBe(true);
    expect(x.requiresGrad).toBe(true);
  });

  test('nests', () => {
    noGrad(() => {
      noGrad(() => undefined);
      expect(gradEnabled()).toBe(false);
    });
    expect(gradEnabled()).toBe(true);
  });

  test('ends with an exception', () => {
    expect(() =>
      noGrad(() => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(gradEnabled()).toBe(true);
    noGrad(() => {
      expect(() =>
        noGrad(() => {
          throw new Error('inner');
        }),
      ).toThrow('inner');
      expect(gradEnabled()).toBe(false);
    });
  });

  test('does not keep a graph that is there from being used', () => {
    const x = leaf([3]);
    const y = x.square();
    noGrad(() => y.backward());
    expect(values(x.grad)).toEqual([6]);
  });

  test('makes what it computes a constant of what follows', () => {
    const x = leaf([3]);
    const c = noGrad(() => x.square());
    c.mul(x).backward();
    expect(values(x.grad)).toEqual([9]);
  });

  test('holds while derivatives are computed', () => {
    const x = leaf([1]);
    const seen: boolean[] = [];
    const y = custom(x, (g) => {
      seen.push(gradEnabled());
      return g.mul(2);
    });
    y.backward();
    expect(seen).toEqual([false]);
    expect(gradEnabled()).toBe(true);
    expect(values(x.grad)).toEqual([2]);
  });
});

describe('detach', () => {
  test('stops the gradient', () => {
    const x = leaf([2, 5]);
    const d = x.detach();
    expect([d.requiresGrad, d.node]).toEqual([false, null]);
    d.mul(x).sum().backward();
    expect(values(x.grad)).toEqual([2, 5]);
    x.grad = null;
    const h = x.square();
    h.detach().mul(h).sum().backward();
    expect(values(x.grad)).toEqual([2 * 2 * 4, 2 * 5 * 25]);
  });

  test('shares the elements, and outlives the other', () => {
    const x = leaf([2, 5]);
    const d = x.detach();
    d.assign(f32([7, 8], [2]));
    expect(values(x)).toEqual([7, 8]);
    x.dispose();
    expect(values(d)).toEqual([7, 8]);
    const whole = i32([1, 2, 3], [3]).detach();
    expect(whole.dtype).toBe('i32');
    expect([...whole.dataSync()]).toEqual([1, 2, 3]);
  });

  test('is a leaf of its own', () => {
    const x = leaf([3]);
    const d = x.square().detach();
    d.requiresGrad = true;
    d.mul(4).backward();
    expect(values(d.grad)).toEqual([4]);
    expect(x.grad).toBeNull();
  });
});

describe('grad()', () => {
  test('gives what backward() adds up, and leaves .grad alone', () => {
    const [x, w] = [leaf([1, 2, 3]), leaf([4, 5, 6])];
    x.sum().backward();
    const before = x.grad;
    const [byX, byW] = grad(x.mul(w).sum(), [x, w]);
    expect(values(byX!)).toEqual([4, 5, 6]);
    expect(values(byW!)).toEqual([1, 2, 3]);
    expect(x.grad).toBe(before);
    expect(values(x.grad)).toEqual([1, 1, 1]);
    expect(w.grad).toBeNull();
    expect(byX!.requiresGrad).toBe(false);
  });

  test('by intermediate results', () => {
    // y = Σ (h² + 5h), h = 3x
    const x = leaf([1, 2]);
    const h = x.mul(3);
    const y = h.square().add(h.mul(5)).sum();
    const [byX, byH, byY] = grad(y, [x, h, y]);
    expect(values(byH!)).toEqual([11, 17]);
    expect(values(byX!)).toEqual([33, 51]);
    expect(values(byY!)).toEqual([1]);
    expect(byY!.shape).toEqual([]);
    expect(x.grad).toBeNull();
  });

  test('gives zeros where the output does not depend on an input', () => {
    const [x, unrelated, constant] = [leaf([1, 2]), leaf([1, 2, 3, 4], [2, 2]), f32([5], [1])];
    const after = x.square();
    const [a, b, c, d] = grad(x.mul(2).sum(), [unrelated, constant, after, x]);
    expect([a!.shape, values(a!)]).toEqual([
      [2, 2],
      [0, 0, 0, 0],
    ]);
    expect(values(b!)).toEqual([0]);
    expect(values(c!)).toEqual([0, 0]);
    expect(values(d!)).toEqual([2, 2]);
  });

  test('takes an input twice, and none at all', () => {
    const x = leaf([1, 2]);
    const [first, second] = grad(x.square().sum(), [x, x]);
    first!.dispose();
    expect(values(second!)).toEqual([2, 4]);
    expect(grad(x.square().sum(), [])).toEqual([]);
  });

  test('by the output itself', () => {
    const x = leaf([5], []);
    expect(values(grad(x, [x])[0]!)).toEqual([1]);
    expect(x.grad).toBeNull();
  });

  test('takes a gradient and options', () => {
    const x = leaf([1, 2, 3]);
    const y = x.square();
    const g = f32([1, 10, 100], [3]);
    for (let i = 0; i < 2; i++) {
      expect(values(grad(y, [x], g, { retainGraph: true })[0]!)).toEqual([2, 40, 600]);
    }
    grad(y, [x], g);
    expect(() => grad(y, [x], g)).toThrow(/the graph through square has been used and freed/);
  });

  test('refuses tensors that are gone', () => {
    const [x, gone] = [leaf([1]), leaf([1])];
    gone.dispose();
    const y = x.square();
    expect(() => grad(y, [x, gone])).toThrow(StriateError);
    expect(() => grad(y, [x, gone])).toThrow(/grad: inputs\[1\] has been disposed/);
    y.dispose();
    expect(() => grad(y, [x])).toThrow(/grad: output has been disposed/);
    expect(() => backward(y)).toThrow(/backward: output has been disposed/);
  });
});

describe('a graph', () => {
  test('can be used again with retainGraph', () => {
    const x = leaf([3]);
    const y = x.square().mul(x);
    y.backward(undefined, { retainGraph: true });
    y.backward(f32([10], [1]), { retainGraph: true });
    y.backward();
    expect(values(x.grad)).toEqual([27 * 12]);
    expect(() => y.backward()).toThrow(StriateError);
    expect(values(x.grad)).toEqual([27 * 12]);
  });

  test.each<[string, (x: Tensor) => Tensor]>([
    ['mul', (x) => x.mul(x)],
    ['exp', (x) => x.exp()],
    ['add', (x) => x.add(1)], // which saves nothing
  ])('tells what to do where it is used a second time without: %s', (operation, f) => {
    const x = leaf([1]);
    const y = f(x);
    y.backward();
    const before = values(x.grad);
    expect(() => y.backward()).toThrow(
      `backward: the graph through ${operation} has been used and freed; pass { retainGraph: true } the first time`,
    );
    expect(values(x.grad)).toEqual(before);
  });

  test('is gone for all outputs that share it', () => {
    const x = leaf([2]);
    const h = x.square();
    const [y, z] = [h.mul(3), h.mul(5)];
    y.backward();
    expect(() => z.backward()).toThrow(/the graph through square has been used and freed/);
    expect(values(x.grad)).toEqual([12]);
  });

  test('does without the tensors that were disposed since', () => {
    // y = Σ c·x²·e^(x²), dy/dx = 2c·x·e^(x²)·(1 + x²)
    const [x, c] = [leaf([0.5, -1]), f32([3, 4], [2])];
    const squares = x.square();
    const [exponentials, scaled] = [squares.exp(), squares.mul(c)];
    const products = exponentials.mul(scaled);
    const y = products.sum();
    for (const t of [c, squares, exponentials, scaled, products]) t.dispose();
    y.backward();
    const expected = [
      [0.5, 3],
      [-1, 4],
    ].map(([v, k]) => 2 * k! * v! * Math.exp(v! * v!) * (1 + v! * v!));
    values(x.grad).forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 4));
  });

  test('does without the leaves themselves', () => {
    const [x, w] = [leaf([2, 3]), leaf([5, 7])];
    const y = x.mul(w).sum();
    x.dispose();
    w.dispose();
    y.backward();
    expect(values(x.grad)).toEqual([5, 7]);
    expect(values(w.grad)).toEqual([2, 3]);
  });

  test('outlives the scope that it was made in', () => {
    const x = leaf([1, 2]);
    const y = scope(() => x.square().mul(x).sum());
    scope(() => y.backward());
    expect(values(x.grad)).toEqual([3, 12]);
  });
});

describe('a tensor changed in place between forward and backward', () => {
  const change = (x: Tensor) => x.assign(f32([9, 9, 9], x.shape));
  test.each<[string, (x: Tensor) => Tensor, string, string]>([
    [
      'an input',
      (x) => {
        const y = x.square();
        change(x);
        return y;
      },
      '3',
      'square',
    ],
    [
      'a result',
      (x) => {
        const y = x.exp();
        change(y);
        return y;
      },
      '3',
      'exp',
    ],
    [
      'through a detached one',
      (x) => {
        const d = x.detach();
        const y = x.mul(x);
        change(d);
        return y;
      },
      '3',
      'mul',
    ],
    [
      'through a view',
      (x) => {
        const h = x.reshape([3, 1]);
        const y = h.log();
        change(x);
        return y;
      },
      '3, 1',
      'log',
    ],
    [
      'twice, to what it was',
      (x) => {
        const y = x.square();
        change(x);
        x.assign(f32([1, 2, 3], [3]));
        return y;
      },
      '3',
      'square',
    ],
    [
      'by an optimizer',
      (x) => {
        const y = x.square();
        using optimizer = new SGD([x], { lr: 0.1 });
        x.grad = f32([1, 1, 1], [3]);
        optimizer.step();
        x.grad = null;
        return y;
      },
      '3',
      'square',
    ],
  ])('is told: %s', (_, f, shape, operation) => {
    const x = leaf([1, 2, 3]);
    const y = f(x).sum();
    const message = `a tensor [${shape}] that ${operation} saved was changed in place since`;
    expect(() => y.backward()).toThrow(StriateError);
    expect(x.grad).toBeNull();
    const z = f(leaf([1, 2, 3])).sum();
    expect(() => z.backward()).toThrow(message);
  });

  test('is no matter where its elements are not needed', () => {
    const x = leaf([1, 2, 3]);
    const [sum, positive] = [x.add(x), x.relu()];
    change(x);
    sum.sum().backward();
    expect(values(x.grad)).toEqual([2, 2, 2]);
    positive.sum().backward();
    expect(values(x.grad)).toEqual([3, 3, 3]);
  });

  test('before the forward pass, is what counts', () => {
    const x = leaf([1, 2, 3]);
    change(x);
    x.square().sum().backward();
    expect(values(x.grad)).toEqual([18, 18, 18]);
  });
});

describe('a chain of 10,000 operations', () => {
  const length = 10_000;

  test('is differentiated', () => {
    const x = leaf([1]);
    // (length + 1)·x
    const y = scope(() => {
      let sum: Tensor = x;
      for (let i = 0; i < length; i++) sum = sum.add(x);
      return sum;
    });
    expect(values(y)).toEqual([length + 1]);
    y.backward();
    expect(values(x.grad)).toEqual([length + 1]);
  });

  test.each([
    ['disposed at once by a scope', true],
    ['disposed first to last', false],
  ])('is dropped without: intermediate results %s', async (_, inScope) => {
    const before = await heldAtRest();
    const x = leaf([1]);
    const made: Tensor[] = [];
    const build = () => {
      let y: Tensor = x;
      for (let i = 0; i < length; i++) made.push((y = y.neg()));
      return y;
    };
    const y = inScope ? scope(build) : build();
    expect(values(y)).toEqual([1]);
    // Each operation has saved its input.
    expect((await held()).liveTensors).toBeGreaterThanOrEqual(before.liveTensors + 1 + length);
    for (const t of made) t.dispose();
    x.dispose();
    expect(await held()).toEqual(before);
  });
});

describe('memory', () => {
  test('comes back where a graph is dropped', async () => {
    const before = await heldAtRest();
    const x = noisy([5000]);
    x.requiresGrad = true;
    const withInput = await held();
    const y = scope(() => x.exp().mul(x).tanh().sum());
    const withGraph = await held();
    expect(withGraph.liveBytes).toBeGreaterThanOrEqual(withInput.liveBytes + 2 * 5000 * 4);
    y.dispose();
    expect(await held()).toEqual(withInput);
    x.dispose();
    expect(await held()).toEqual(before);
  });

  test('stays where another output needs it, and comes back with the last', async () => {
    const before = await heldAtRest();
    const x = leaf([1, 2]);
    const [y, z] = scope(() => {
      const h = x.square().exp();
      return [h.mul(h), h.sum()] as const;
    });
    y.dispose();
    const [byX] = grad(z, [x]);
    values(byX!).forEach((v, i) => expect(v).toBeCloseTo(2 * (i + 1) * Math.exp((i + 1) ** 2), 3));
    for (const t of [byX!, z, x]) t.dispose();
    expect(await held()).toEqual(before);
  });

  test('comes back with backward(), while the tensors live', async () => {
    const before = await heldAtRest();
    const x = leaf([1, 2, 3]);
    const h = x.square();
    const squares = h.mul(h);
    const y = squares.sum();
    expect((await held()).liveTensors).toBeGreaterThan(before.liveTensors + 4);
    y.backward(undefined, { retainGraph: true });
    expect((await held()).liveTensors).toBeGreaterThan(before.liveTensors + 5);
    y.backward();
    expect((await held()).liveTensors).toBe(before.liveTensors + 5);
    expect(values(x.grad)).toEqual([8, 64, 216]);
    for (const t of [x.grad!, y, squares, h, x]) t.dispose();
    expect(await held()).toEqual(before);
  });

  test('200 steps with `using` leave the sum of their gradients, and nothing else', async () => {
    const w = noisy([4, 3], 1000);
    w.requiresGrad = true;
    const weights = Array.from(w.dataSync());
    const wanted = weights.map(() => 0);
    /** L = mean (x·w)², so dL/dw = 2/15·xᵀ·(x·w). */
    const step = (i: number) => {
      using x = noisy([5, 4], i + 1);
      using product = x.matmul(w);
      using squares = product.square();
      using y = squares.mean();
      y.backward();
    };
    const stepByHand = (i: number) => {
      const x = noise(20, i + 1);
      for (let row = 0; row < 5; row++) {
        for (let column = 0; column < 3; column++) {
          let product = 0;
          for (let k = 0; k < 4; k++) product += x[row * 4 + k]! * weights[k * 3 + column]!;
          for (let k = 0; k < 4; k++) wanted[k * 3 + column]! += (2 / 15) * product * x[row * 4 + k]!;
        }
      }
    };
    step(0);
    const before = await heldAtRest();
    for (let i = 1; i < 200; i++) step(i);
    expect(await held()).toEqual(before);
    for (let i = 0; i < 200; i++) stepByHand(i);
    await expectClose(w.grad!, wanted, 1e-5);
  });
});

describe('refused', () => {
  const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);

  test.each<[string, () => Tensor, RegExp]>([
    ['another shape', () => f32([1, 1, 1, 1, 1, 1], [3, 2]), /gradient has shape \[3, 2\], wants \[2, 3\]$/],
    ['another rank', () => f32([1, 1, 1, 1, 1, 1], [6]), /gradient has shape \[6\], wants \[2, 3\]$/],
    ['a shape that would broadcast', () => f32([1], []), /gradient has shape \[\], wants \[2, 3\]$/],
    ['another dtype', () => i32([1, 1, 1, 1, 1, 1], [2, 3]) as never, /gradient is i32, wants f32$/],
    ['no tensor', () => [1, 1, 1, 1, 1, 1] as never, /gradient is .*, wants a tensor$/],
  ])('a gradient of %s, by both functions, and the graph stays', (_, make, message) => {
    const y = x.mul(2);
    expect(() => y.backward(make())).toThrow(message);
    expect(() => backward(y, make())).toThrow(/^backward: /);
    expect(() => grad(y, [x], make())).toThrow(message);
    expect(() => grad(y, [x], make())).toThrow(/^grad: /);
    expect(x.grad).toBeNull();
    expect(values(grad(y, [x], f32([1, 2, 3, 4, 5, 6], [2, 3]))[0]!)).toEqual([2, 4, 6, 8, 10, 12]);
  });

  test.each<[string, () => Tensor]>([
    ['a tensor that wants none', () => f32([1], [1])],
    ['a result of such', () => f32([1], [1]).mul(2)],
    ['one made without recording', () => noGrad(() => x.sum())],
    ['a detached one', () => x.sum().detach()],
    ['one whose way went through i32', () => x.cast('i32').sum().cast('f32')],
    ['no tensor', () => 3 as never],
  ])('nothing to differentiate: %s', (_, make) => {
    const message = /: output was not computed from a tensor with requiresGrad$/;
    expect(() => backward(make())).toThrow(StriateError);
    expect(() => backward(make())).toThrow(message);
    expect(() => grad(make(), [x])).toThrow(message);
  });

  test('an output with several elements, or none, and no gradient', () => {
    expect(() => x.mul(2).backward()).toThrow(RangeError);
    expect(() => x.mul(2).backward()).toThrow(
      'backward: output [2, 3] has 6 elements; wants 1, or a gradient',
    );
    expect(() => grad(x.sum(0), [x])).toThrow('grad: output [3] has 3 elements; wants 1, or a gradient');
    expect(() => leaf([], [0]).mul(2).backward()).toThrow('backward: output [0] has 0 elements');
    expect(x.grad).toBeNull();
    const whole = leaf([7], [1, 1]);
    whole.mul(2).backward();
    expect(whole.grad!.shape).toEqual([1, 1]);
    expect(values(whole.grad)).toEqual([2]);
  });

  test('requiresGrad for what is not f32', () => {
    const whole = i32([1], [1]);
    expect(() => (whole.requiresGrad = true)).toThrow(TypeError);
    expect(() => (whole.requiresGrad = true)).toThrow('requiresGrad: the tensor is i32, wants dtype f32');
    expect(() => (ops.ones([1], 'u8').requiresGrad = true)).toThrow(/the tensor is u8/);
    expect(whole.requiresGrad).toBe(false);
    whole.requiresGrad = false;
    expect(whole.add(whole).requiresGrad).toBe(false);
  });
});

describe('an error in a derivative', () => {
  const failing = (x: Tensor) =>
    custom(x, () => {
      throw new Error('no derivative');
    });

  test.each<[string, (y: Tensor, x: Tensor) => unknown]>([
    ['backward', (y) => y.backward()],
    ['grad', (y, x) => grad(y, [x])],
  ])('leaves %s as it was before', (_, differentiate) => {
    const x = leaf([1, 2]);
    const y = failing(x.mul(2)).mul(3).sum();
    expect(() => differentiate(y, x)).toThrow('no derivative');
    expect(gradEnabled()).toBe(true);
    expect(x.grad).toBeNull();
    x.square().sum().backward();
    expect(values(x.grad)).toEqual([2, 4]);
  });

  test('leaves the scope as it was', () => {
    const x = leaf([1, 2]);
    const y = failing(x).sum();
    let inside: Tensor | undefined;
    scope(() => {
      expect(() => y.backward()).toThrow('no derivative');
      inside = f32([1], [1]);
    });
    expect(inside!.disposed).toBe(true);
    const outside = f32([1], [1]);
    scope(() => f32([1], [1]));
    expect(outside.disposed).toBe(false);
  });

  test('leaves no tensors behind', async () => {
    const before = await heldAtRest();
    const x = leaf([1, 2]);
    const y = scope(() =>
      custom(x.mul(2), (g) => {
        g.mul(2).add(1);
        throw new Error('no derivative');
      })
        .mul(3)
        .sum(),
    );
    expect(() => y.backward()).toThrow('no derivative');
    y.dispose();
    x.dispose();
    expect(await held()).toEqual(before);
  });

  test('may come from the native side', () => {
    const x = leaf([1, 2]);
    const y = record('wrong', x.detach(), [x], [], (g) => [
      new Tensor(native.reshape(g.handle, [3]), 'f32'),
    ]).sum();
    expect(() => y.backward()).toThrow(/reshape: shape \[3\] has 3 elements/);
    expect(gradEnabled()).toBe(true);
    x.mul(4).sum().backward();
    expect(values(x.grad)).toEqual([4, 4]);
  });
});
