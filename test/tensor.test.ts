import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as striate from '../lib/index.js';
import { native, StriateError } from '../lib/native.js';
import * as nn from '../lib/nn/index.js';
import * as ops from '../lib/ops/index.js';
import { memory } from '../lib/system.js';
import { express, scope, synchronize, Tensor, type DType } from '../lib/tensor.js';
import { f32, i32 } from './check.js';
import { collectGarbage } from './garbage.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function u8(data: readonly number[], shape: readonly number[]): Tensor<'u8'> {
  return new Tensor(native.tensor(Uint8Array.from(data), shape), 'u8');
}

/** Calls a method that the types may not know. */
function callMethod(x: Tensor<DType>, name: string, args: readonly unknown[] = []): unknown {
  const method: unknown = Reflect.get(x, name);
  if (typeof method !== 'function') throw new Error(`there is no method ${name}`);
  return Reflect.apply(method, x, args);
}

describe('elements', () => {
  test('of f32', async () => {
    const given = [0.1, -1e-40, 3e38, Infinity, NaN, -0];
    const x = f32(given, [2, 3]);
    for (const data of [await x.data(), x.dataSync()]) {
      expect(data).toBeInstanceOf(Float32Array);
      expect(data.length).toBe(6);
      given.forEach((v, i) => expect(Object.is(data[i], Math.fround(v)), `element ${i}`).toBe(true));
    }
  });

  test('of i32', async () => {
    const given = [2 ** 31 - 1, -(2 ** 31), 0, 2 ** 24 + 1];
    const x = i32(given, [4]);
    for (const data of [await x.data(), x.dataSync()]) {
      expect(data).toBeInstanceOf(Int32Array);
      expect([...data]).toEqual(given);
    }
  });

  test('of u8', async () => {
    const x = u8([0, 1, 254, 255], [2, 2]);
    for (const data of [await x.data(), x.dataSync()]) {
      expect(data).toBeInstanceOf(Uint8Array);
      expect([...data]).toEqual([0, 1, 254, 255]);
    }
  });

  test('of none', async () => {
    const x = f32([], [3, 0]);
    expect((await x.data()).length).toBe(0);
    expect(x.dataSync().length).toBe(0);
    expect([x.size, x.rank]).toEqual([0, 2]);
  });

  test('are copies', async () => {
    const x = f32([1, 2], [2]);
    x.dataSync().fill(9);
    (await x.data()).fill(9);
    expect([...x.dataSync()]).toEqual([1, 2]);
  });

  test('are those of the time when they were asked for', async () => {
    const x = f32([1, 2], [2]);
    const before = x.data();
    x.assign(f32([3, 4], [2]));
    const after = x.data();
    x.dispose();
    expect([...(await before)]).toEqual([1, 2]);
    expect([...(await after)]).toEqual([3, 4]);
  });
});

describe('item', () => {
  test.each<[string, Tensor<DType>, number]>([
    ['f32', f32([0.1], []), Math.fround(0.1)],
    ['i32', i32([-(2 ** 31)], [1]), -(2 ** 31)],
    ['u8', u8([255], [1, 1, 1]), 255],
  ])('of %s', async (_, x, value) => {
    expect(await x.item()).toBe(value);
    expect(x.itemSync()).toBe(value);
  });

  test.each<[string, Tensor<DType>]>([
    ['tensor [2, 3] has 6 elements, wants 1', f32([1, 2, 3, 4, 5, 6], [2, 3])],
    ['tensor [0] has 0 elements, wants 1', i32([], [0])],
  ])('is refused: %s', async (message, x) => {
    expect(() => x.itemSync()).toThrow(RangeError);
    expect(() => x.itemSync()).toThrow(`itemSync: ${message}`);
    await expect(x.item()).rejects.toThrow(`item: ${message}`);
  });
});

test('assign copies the elements', () => {
  const [x, y] = [f32([1, 2], [2]), f32([3, 4], [2])];
  x.assign(y);
  y.assign(f32([5, 6], [2]));
  expect([...x.dataSync()]).toEqual([3, 4]);
  expect(() => x.assign(f32([1, 2, 3], [3]))).toThrow(/assign: source/);
  expect(() => x.assign(i32([1, 2], [2]) as never)).toThrow(/assign: source/);
  expect([...x.dataSync()]).toEqual([3, 4]);
});

describe('shape', () => {
  test('is frozen', () => {
    const given = [2, 3];
    const x = f32([1, 2, 3, 4, 5, 6], given);
    given[0] = 7;
    const shape = x.shape as number[];
    expect(Object.isFrozen(shape)).toBe(true);
    expect(() => (shape[0] = 6)).toThrow(TypeError);
    expect(() => shape.push(1)).toThrow(TypeError);
    expect(x.shape).toEqual([2, 3]);
    expect([x.rank, x.size]).toEqual([2, 6]);
  });

  test('is there after dispose', () => {
    const [asked, neverAsked] = [f32([1, 2], [2, 1]), f32([1, 2], [1, 2])];
    expect(asked.shape).toEqual([2, 1]);
    for (const x of [asked, neverAsked]) x.dispose();
    expect(asked.shape).toEqual([2, 1]);
    expect(neverAsked.shape).toEqual([1, 2]);
    expect(Object.isFrozen(neverAsked.shape)).toBe(true);
    expect([neverAsked.rank, neverAsked.size]).toEqual([2, 2]);
  });

  test('of a scalar has no axes', () => {
    const x = f32([1], []);
    expect([x.shape, x.rank, x.size]).toEqual([[], 0, 1]);
  });
});

test('toString tells dtype, shape, and whether it is disposed', () => {
  const x = i32([1, 2, 3, 4, 5, 6], [2, 3]);
  expect(x.toString()).toBe('Tensor(i32, [2, 3])');
  x.dispose();
  expect(x.toString()).toBe('Tensor(i32, [2, 3], disposed)');
  const scalar = f32([1], []);
  scalar.dispose();
  expect(String(scalar)).toBe('Tensor(f32, [], disposed)');
});

/** Methods of x = [[1, 4], [2, 8]] by operation: arguments, and the elements of the result. */
const methods: Record<string, [args: unknown[], expected: number[]]> = {
  add: [[1], [2, 5, 3, 9]],
  sub: [[1], [0, 3, 1, 7]],
  mul: [[3], [3, 12, 6, 24]],
  div: [[2], [0.5, 2, 1, 4]],
  pow: [[2], [1, 16, 4, 64]],
  maximum: [[3], [3, 4, 3, 8]],
  minimum: [[3], [1, 3, 2, 3]],
  neg: [[], [-1, -4, -2, -8]],
  exp: [[], [1, 4, 2, 8].map(Math.exp)],
  log: [[], [1, 4, 2, 8].map(Math.log)],
  sqrt: [[], [1, 2, Math.SQRT2, 2 * Math.SQRT2]],
  abs: [[], [1, 4, 2, 8]],
  sign: [[], [1, 1, 1, 1]],
  square: [[], [1, 16, 4, 64]],
  reciprocal: [[], [1, 0.25, 0.5, 0.125]],
  relu: [[], [1, 4, 2, 8]],
  sigmoid: [[], [1, 4, 2, 8].map((v) => 1 / (1 + Math.exp(-v)))],
  tanh: [[], [1, 4, 2, 8].map(Math.tanh)],
  equal: [[4], [0, 1, 0, 0]],
  notEqual: [[4], [1, 0, 1, 1]],
  less: [[4], [1, 0, 1, 0]],
  lessEqual: [[4], [1, 1, 1, 0]],
  greater: [[4], [0, 0, 0, 1]],
  greaterEqual: [[4], [0, 1, 0, 1]],
  matmul: [[f32([1, 2, 3, 4], [2, 2])], [13, 18, 26, 36]],
  reshape: [[[4]], [1, 4, 2, 8]],
  flatten: [[0], [1, 4, 2, 8]],
  squeeze: [[], [1, 4, 2, 8]],
  unsqueeze: [[0], [1, 4, 2, 8]],
  transpose: [[], [1, 2, 4, 8]],
  slice: [[[1]], [2, 8]],
  pad: [
    [
      [
        [0, 0],
        [1, 0],
      ],
    ],
    [0, 1, 4, 0, 2, 8],
  ],
  split: [[1], [1, 4]],
  broadcastTo: [[[2, 2, 2]], [1, 4, 2, 8, 1, 4, 2, 8]],
  gather: [[i32([1, 1], [2])], [2, 8, 2, 8]],
  cast: [['u8'], [1, 4, 2, 8]],
  sum: [[0], [3, 12]],
  mean: [[1], [2.5, 5]],
  variance: [[1], [4.5, 18]],
  max: [[0], [2, 8]],
  min: [[0], [1, 4]],
  argMax: [[0], [1, 1]],
  softmax: [
    [],
    [1 / (1 + Math.exp(3)), 1 / (1 + Math.exp(-3)), 1 / (1 + Math.exp(6)), 1 / (1 + Math.exp(-6))],
  ],
  logSoftmax: [
    [],
    [
      -Math.log1p(Math.exp(3)),
      -Math.log1p(Math.exp(-3)),
      -Math.log1p(Math.exp(6)),
      -Math.log1p(Math.exp(-6)),
    ],
  ],
};

/** The methods that the sources declare for Tensor beside its class. */
function declaredMethods(): string[] {
  const lib = join(root, 'lib');
  const names = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => {
      const source = readFileSync(join(lib, path), 'utf8');
      const blocks = source.matchAll(/^declare module '[^']*tensor\.js' \{\n(.*?)^\}/gms);
      return [...blocks].flatMap(([, block]) =>
        [...block!.matchAll(/^ {4}(\w+)(?:<[^>]*>)?\(/gm)].map(([, name]) => name!),
      );
    });
  // Some are declared for several types.
  return [...new Set(names)];
}

describe('methods', () => {
  const declared = declaredMethods();

  test('are found in the sources', () => {
    expect(declared).toEqual(expect.arrayContaining([...Object.keys(methods), 'backward']));
  });

  test.each(declared)('%s is there, and not among what can be enumerated', (name) => {
    const property = Object.getOwnPropertyDescriptor(striate.Tensor.prototype, name);
    expect(typeof property?.value).toBe('function');
    expect(property?.enumerable).toBe(false);
  });

  test.each(Object.entries(methods))('%s computes', (name, [args, expected]) => {
    const result = callMethod(f32([1, 4, 2, 8], [2, 2]), name, args);
    const y = (Array.isArray(result) ? result[0] : result) as Tensor<DType>;
    const actual = [...y.dataSync()];
    expect(actual.length).toBe(expected.length);
    actual.forEach((v, i) =>
      expect(Math.abs(v - expected[i]!)).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(expected[i]!))),
    );
  });
});

describe('after dispose', () => {
  const gone = (data: readonly number[], shape: readonly number[]) => {
    const x = f32(data, shape);
    x.dispose();
    return x;
  };

  test('the tensor says so', () => {
    const x = f32([1], [1]);
    expect(x.disposed).toBe(false);
    x.dispose();
    expect(x.disposed).toBe(true);
  });

  test.each(Object.entries(methods))('%s is refused by its name', (name, [args]) => {
    const call = () => callMethod(gone([1, 4, 2, 8], [2, 2]), name, args);
    expect(call).toThrow(StriateError);
    expect(call).toThrow(new RegExp(`^${name}: (a|input) has been disposed$`));
  });

  test.each<[string, unknown[]]>([
    ['data', []],
    ['dataSync', []],
    ['item', []],
    ['itemSync', []],
    ['detach', []],
    ['assign', [f32([1], [1])]],
    ['backward', []],
  ])('%s is refused by its name', async (name, args) => {
    const call = async () => callMethod(gone([1], [1]), name, args);
    await expect(call()).rejects.toThrow(StriateError);
    await expect(call()).rejects.toThrow(new RegExp(`^${name}: .*has been disposed$`));
  });

  test.each<[string, RegExp, (x: Tensor) => unknown]>([
    ['add', /^add: b has been disposed$/, (x) => f32([1], [1]).add(x)],
    ['greater', /^greater: b has been disposed$/, (x) => f32([1], [1]).greater(x)],
    ['matmul', /^matmul: b has been disposed$/, (x) => f32([1], [1, 1]).matmul(x)],
    ['assign', /^assign: source has been disposed$/, (x) => f32([1], [1]).assign(x)],
    ['where', /^where: b has been disposed$/, (x) => ops.where(u8([1], [1]), 1, x)],
  ])('the other operand of %s is named', (_, message, call) => {
    expect(() => call(gone([1], [1]))).toThrow(StriateError);
    expect(() => call(gone([1], [1]))).toThrow(message);
  });

  test('what was asked for before comes still', async () => {
    const x = f32([1, 2], [2]);
    const y = x.mul(3);
    x.dispose();
    const data = y.data();
    y.dispose();
    expect([...(await data)]).toEqual([3, 6]);
  });

  test('other tensors over the storage live on', () => {
    const x = f32([1, 2], [2]);
    const [view, detached] = [x.reshape([2, 1]), x.detach()];
    x.dispose();
    expect([...view.dataSync()]).toEqual([1, 2]);
    view.dispose();
    expect([...detached.dataSync()]).toEqual([1, 2]);
  });

  test('once more is fine, and frees nothing else', async () => {
    await collectGarbage();
    const before = memory().liveTensors;
    const [x, other] = [f32([1], [1]), f32([2], [1])];
    x.dispose();
    x.dispose();
    x[Symbol.dispose]();
    scope(() => x.dispose());
    expect(memory().liveTensors).toBe(before + 1);
    expect(other.itemSync()).toBe(2);
    other.dispose();
  });
});

describe('using', () => {
  test('disposes at the end of the block', () => {
    let x: Tensor | undefined;
    {
      using y = f32([1], [1]);
      x = y;
      expect(y.disposed).toBe(false);
    }
    expect(x.disposed).toBe(true);
  });

  test('disposes where an exception leaves it', () => {
    let x: Tensor | undefined;
    expect(() => {
      using y = f32([1], [1]);
      x = y;
      throw new Error('mine');
    }).toThrow('mine');
    expect(x!.disposed).toBe(true);
  });

  test('goes with dispose() in the block', () => {
    using x = f32([1], [1]);
    x.dispose();
    expect(x.disposed).toBe(true);
  });
});

describe('scope', () => {
  const one = () => f32([1], [1]);

  test('disposes what was created in it, and nothing else', async () => {
    const outside = one();
    const inside: Tensor[] = [];
    await collectGarbage();
    const before = memory().liveTensors;
    const result = scope(() => {
      inside.push(one(), outside.add(1));
      inside.push(inside[1]!.mul(2));
      return inside[2]!.itemSync();
    });
    expect(result).toBe(4);
    expect(inside.map((x) => x.disposed)).toEqual([true, true, true]);
    expect(outside.disposed).toBe(false);
    expect(memory().liveTensors).toBe(before);
    const after = one();
    scope(() => undefined);
    expect(after.disposed).toBe(false);
  });

  test.each<[string, (a: Tensor, b: Tensor) => unknown]>([
    ['an array', (a, b) => [a, b]],
    ['an object', (a, b) => ({ a, more: 1, b, none: null })],
    [
      'a Map',
      (a, b) =>
        new Map([
          ['a', a],
          ['b', b],
        ]),
    ],
    ['a Set', (a, b) => new Set([a, b])],
    ['a nest of them', (a, b) => [{ deep: new Map([[1, [new Set([a])]]]) }, [[b]]]],
    [
      'an object of a class',
      (a, b) =>
        new (class {
          readonly pair = [a, b];
        })(),
    ],
    [
      'an object that holds itself',
      (a, b) => {
        const self: Record<string, unknown> = { a, list: [b] };
        self['self'] = self;
        return self;
      },
    ],
  ])('leaves what it returns in %s', (_, pack) => {
    const made: Tensor[] = [];
    const packed = scope(() => {
      made.push(f32([1], [1]), f32([2], [1]), f32([3], [1]));
      return pack(made[0]!, made[1]!);
    });
    expect(packed).toBeTypeOf('object');
    expect(made.map((x) => x.disposed)).toEqual([false, false, true]);
    expect(made[0]!.itemSync() + made[1]!.itemSync()).toBe(3);
  });

  test('returns a tensor alone, and anything else as it is', () => {
    expect(scope(() => one().add(2)).itemSync()).toBe(3);
    expect(scope(() => 'text')).toBe('text');
    expect(scope(() => null)).toBeNull();
    expect(scope(() => [undefined, 2n])).toEqual([undefined, 2n]);
    const array = new Float32Array(10);
    expect(scope(() => array)).toBe(array);
  });

  test('nests: what the inner one returns belongs to the outer one', () => {
    const made: Record<string, Tensor> = {};
    const disposed = () => Object.keys(made).filter((name) => made[name]!.disposed);
    const result = scope(() => {
      made['early'] = one();
      const passed = scope(() => {
        const dropped = (made['dropped'] = one());
        return (made['passed'] = dropped.add(1));
      });
      expect(disposed()).toEqual(['dropped']);
      made['late'] = one();
      return passed.add(1);
    });
    expect(disposed().sort()).toEqual(['dropped', 'early', 'late', 'passed']);
    expect(result.itemSync()).toBe(3);
  });

  test('nests: what the outer one created, the inner one leaves', () => {
    scope(() => {
      const x = one();
      expect(scope(() => x)).toBe(x);
      scope(() => undefined);
      expect(x.disposed).toBe(false);
    });
  });

  test('leaves what keep() took out, through all scopes', () => {
    let kept: Tensor | undefined;
    scope(() => {
      scope(() => {
        const x = one();
        expect(x.kept).toBe(false);
        kept = x.keep();
        expect(kept).toBe(x);
      });
    });
    expect(kept!.kept).toBe(true);
    expect(kept!.disposed).toBe(false);
    expect(kept!.itemSync()).toBe(1);
    kept!.dispose();
    expect(kept!.disposed).toBe(true);
  });

  test('leaves parameters and gradients', () => {
    const layer = scope(() => new nn.Linear(2, 3));
    let other: nn.Linear | undefined;
    scope(() => {
      other = new nn.Linear(2, 3);
      other
        .forward(f32([1, 2], [1, 2]))
        .sum()
        .backward();
    });
    for (const parameter of [...layer.parameters(), ...other!.parameters()]) {
      expect(parameter.disposed).toBe(false);
    }
    expect([...other!.weight.grad!.dataSync()]).toEqual([1, 1, 1, 2, 2, 2]);
    layer.dispose();
    other!.dispose();
  });

  test('ends with an exception, and disposes all', () => {
    let [inner, outer, after]: (Tensor | undefined)[] = [];
    scope(() => {
      outer = one();
      expect(() =>
        scope(() => {
          inner = one();
          throw new Error('mine');
        }),
      ).toThrow('mine');
      expect([inner!.disposed, outer.disposed]).toEqual([true, false]);
      after = one();
    });
    expect([outer!.disposed, after!.disposed]).toEqual([true, true]);
    const outside = one();
    scope(() => undefined);
    expect(outside.disposed).toBe(false);
  });

  test('takes what was disposed in it already', async () => {
    await collectGarbage();
    const before = memory().liveTensors;
    scope(() => {
      one().dispose();
      using x = one();
      x.add(1);
    });
    expect(memory().liveTensors).toBe(before);
  });

  test('refuses an asynchronous function, and nobody hears of its failure', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    let [early, late]: (Tensor | undefined)[] = [];
    let failed: unknown;
    const work = async () => {
      early = one();
      await Promise.resolve();
      late = one();
      try {
        early.add(1);
      } catch (error) {
        failed = error;
        throw error;
      }
    };
    try {
      expect(() => scope(work)).toThrow(TypeError);
      expect(early!.disposed).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(failed).toBeInstanceOf(StriateError);
      expect(unhandled).toEqual([]);
      expect(late!.disposed).toBe(false);
    } finally {
      process.off('unhandledRejection', listen);
    }
    expect(() => scope(async () => 1)).toThrow('scope: the function is asynchronous, wants one that is not');
  });
});

describe('express', () => {
  /** Puts products of matrices on the queue, each of the one before, and a read of the last, which is full of ones. */
  function backlog(): Promise<void> {
    const last = scope(() => {
      const factor = ops.full([256, 256], 1 / 256);
      let product = ops.ones([256, 256]);
      for (let i = 0; i < 200; i++) product = product.matmul(factor);
      return product;
    });
    return last.data().then((data) => {
      last.dispose();
      if (!data.every((v) => v === 1)) throw new Error('the products are wrong');
    });
  }

  /** Whether a read of `x` settles before the one that is under way. */
  async function overtakes(x: Tensor, slow: Promise<void>): Promise<boolean> {
    const order: string[] = [];
    await Promise.all([slow.then(() => order.push('slow')), x.data().then(() => order.push('x'))]);
    return order[0] === 'x';
  }

  const fail = () => {
    throw new Error('mine');
  };

  test('overtakes, and returns what the function returns', async () => {
    const slow = backlog();
    const x = express(() => ops.full([2], 3).add(1));
    expect(await overtakes(x, slow)).toBe(true);
    expect([...x.dataSync()]).toEqual([4, 4]);
    expect(express(() => 'text')).toBe('text');
  });

  test('leaves the lane when the function returns', async () => {
    const slow = backlog();
    express(() => ops.full([2], 3));
    const x = ops.full([2], 3).add(1);
    expect(await overtakes(x, slow)).toBe(false);
    expect([...x.dataSync()]).toEqual([4, 4]);
  });

  test.each<[string, () => unknown, string]>([
    ['of its function', fail, 'mine'],
    ['of an operation', () => f32([1, 2], [2]).add(3).reshape([3]), 'reshape: shape [3] has 3 elements'],
  ])('leaves the lane with an exception %s', async (_, work, message) => {
    const slow = backlog();
    expect(() => express(work)).toThrow(message);
    const x = ops.full([2], 3).add(1);
    expect(await overtakes(x, slow)).toBe(false);
    expect([...x.dataSync()]).toEqual([4, 4]);
  });

  test('nests: the outer one goes on after the inner one, and after its exception', async () => {
    const slow = backlog();
    const x = express(() => {
      express(() => undefined);
      expect(() => express(fail)).toThrow('mine');
      return ops.full([2], 3).add(1);
    });
    expect(await overtakes(x, slow)).toBe(true);
    const later = backlog();
    expect(await overtakes(ops.full([2], 3), later)).toBe(false);
  });

  test('waits for what the other lane has yet to compute', async () => {
    const slow = scope(() => {
      let sum = ops.zeros([256, 256]);
      for (let i = 0; i < 200; i++) sum = sum.add(1);
      return sum;
    });
    const y = express(() => slow.mul(5));
    expect((await y.data()).every((v) => v === 1000)).toBe(true);
  });
});

describe('synchronize', () => {
  test('resolves to nothing when all that was asked for has run', async () => {
    const done: number[] = [];
    const reads = Array.from({ length: 20 }, (_, i) => {
      const x = ops.ones([64, 64]).matmul(ops.ones([64, 64]));
      return x.data().then((data) => done.push(i + data[0]!));
    });
    await expect(synchronize()).resolves.toBeUndefined();
    expect(done).toEqual(Array.from({ length: 20 }, (_, i) => i + 64));
    await Promise.all(reads);
    await Promise.all([synchronize(), synchronize()]);
  });

  test('rejects once where an update in place has failed', async () => {
    const x = f32([1, 2], [2]);
    x.assign(f32([1, 2, 3], [3]).gather(i32([0, 7], [2])));
    await expect(synchronize()).rejects.toThrow(/gather: index 7 at place 1 is not in \[0, 3\)/);
    await synchronize();
    expect([...x.dataSync()]).toEqual([1, 2]);
  });
});

/** What a Worker, or anyone, may do with a tensor that went through structuredClone, and what they are told. */
const uses: Record<string, [code: string, message: RegExp]> = {
  add: ['ops.add(x, 1)', /^TypeError: add: a is an object, wants a tensor$/],
  'add, on the right': ['ops.add(1, x)', /^TypeError: add: b is an object, wants a tensor$/],
  exp: ['ops.exp(x)', /^TypeError: exp: input is an object, wants a tensor$/],
  matmul: ['ops.matmul(x, own)', /^TypeError: matmul: a is an object, wants a tensor$/],
  sum: ['ops.sum(x)', /^TypeError: sum: input is an object, wants a tensor$/],
  softmax: ['ops.softmax(x)', /^TypeError: softmax: input is an object, wants a tensor$/],
  conv2d: ['ops.conv2d(x, own)', /^TypeError: conv2d: input is an object, wants a tensor$/],
  reshape: ['ops.reshape(x, [4])', /^TypeError: reshape: input is an object, wants a tensor$/],
  'reshape to -1': ['ops.reshape(x, [-1])', /^TypeError: reshape: input is an object, wants a tensor$/],
  flatten: ['ops.flatten(x)', /^TypeError: flatten: input is an object, wants a tensor$/],
  squeeze: ['ops.squeeze(x)', /^TypeError: squeeze: input is an object, wants a tensor$/],
  unsqueeze: ['ops.unsqueeze(x, 0)', /^TypeError: unsqueeze: input is an object, wants a tensor$/],
  split: ['ops.split(x, 1)', /^TypeError: split: input is an object, wants a tensor$/],
  transpose: ['ops.transpose(x)', /^TypeError: transpose: input is an object, wants a tensor$/],
  backward: ['striate.backward(x)', /^\w+: backward: output /],
  grad: ['striate.grad(own.sum(), [x])', /^TypeError: grad: inputs\[0\] is an object, wants a tensor$/],
  assign: ['own.assign(x)', /^TypeError: assign: source is an object, wants a tensor$/],
  'a tensor around its handle': [
    'ops.add(new striate.Tensor(x.handle, x.dtype), 1)',
    /^StriateError: add: a is a tensor of another Worker$/,
  ],
  'reading through its handle': [
    'new striate.Tensor(x.handle, x.dtype).dataSync()',
    /^StriateError: dataSync: tensor is a tensor of another Worker$/,
  ],
};

describe('a tensor posted to a Worker', () => {
  let told: Record<string, string> = {};
  const posted = f32([1, 2, 3, 4], [2, 2]);
  posted.requiresGrad = true;
  const result = posted.mul(2);

  beforeAll(async () => {
    const url = new URL('../dist/index.js', import.meta.url).href;
    const cases = Object.entries(uses).map(([name, [code]]) => `${JSON.stringify(name)}: (x) => ${code}`);
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
      const library = import(${JSON.stringify(url)});
      parentPort.once('message', async ([x, withGraph]) => {
        const striate = await library;
        const { ops } = striate;
        const own = striate.ones([2, 2]);
        own.requiresGrad = true;
        const uses = { ${cases.join(', ')} };
        const told = {};
        const trial = (use, x) => {
          try {
            use(x);
            return 'nothing';
          } catch (error) {
            return error.name + ': ' + error.message;
          }
        };
        for (const [name, use] of Object.entries(uses)) {
          const [of, ofResult] = [x, withGraph].map((tensor) => trial(use, tensor));
          told[name] = of === ofResult ? of : of + ', but of a result ' + ofResult;
        }
        told.own = [...own.add(1).dataSync()].join();
        parentPort.postMessage(told);
      });`,
      { eval: true },
    );
    try {
      told = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        worker.once('exit', (code) => reject(new Error(`the Worker ended with ${code}`)));
        worker.postMessage([posted, result]);
      });
    } finally {
      await worker.terminate();
    }
  }, 30_000);

  afterAll(() => {
    result.dispose();
    posted.dispose();
  });

  test.each(Object.entries(uses))('is refused with a clear message: %s', (name, [, message]) => {
    expect(told[name]).toMatch(message);
  });

  test('does no harm there or here', () => {
    expect(told['own']).toBe('2,2,2,2');
    expect([...posted.dataSync()]).toEqual([1, 2, 3, 4]);
    expect([...result.dataSync()]).toEqual([2, 4, 6, 8]);
  });

  test('is no tensor here either', () => {
    const clone = structuredClone(posted) as never;
    expect(clone).not.toBeInstanceOf(Tensor);
    expect(() => ops.add(clone, 1)).toThrow('add: a is an object, wants a tensor');
  });
});
