// Calls every function of the binding with arguments that are right, nearly right, and nonsense; see hostile.test.ts. What
// is called is written to a file first, for the case that this process does not live to tell.
import { Buffer } from 'node:buffer';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { inspect } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { native, StriateError } from '../../../dist/native.js';
import { membersOf } from './members.mjs';

const [logPath, seed, runs, memory, onlyNames = ''] = process.argv.slice(2);
const limited = memory === 'limited';
const declarations = readFileSync(new URL('../../../binding.d.ts', import.meta.url), 'utf8');
const members = membersOf(declarations);
const declared = Object.keys(members).sort();
const exported = Object.keys(native).sort();
if (declared.join() !== exported.join()) {
  throw new Error(`binding.d.ts declares ${declared.join()}\nthe addon exports ${exported.join()}`);
}

const log = openSync(logPath, 'w');
function note(text) {
  ftruncateSync(log, 0);
  writeSync(log, text, 0);
}

/** Handles that are no tensors of this environment: of another, long gone, or made up. */
const makeProbe = () => native.tensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
let probe = makeProbe();
const disposed = native.tensor(Float32Array.of(1), [1]);
native.dispose(disposed);
const foreign = await new Promise((resolve) => {
  const code = `const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(new URL('../../../dist/native.js', import.meta.url).href)}).then(({ native }) => {
      parentPort.postMessage(native.tensor(Float32Array.of(1, 2), [2]));
      setInterval(() => undefined, 1 << 30);
    });`;
  const worker = new Worker(code, { eval: true });
  worker.unref();
  worker.once('message', resolve);
});

/** Arrays that do something when they are read. */
const traps = new WeakSet();

const dtypes = ['f32', 'i32', 'u8'];
const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };

function fail(message) {
  throw new Error(message);
}

/** One property's arguments; `g` draws from fast-check. */
class Maker {
  /** Handles to dispose afterwards. */
  mine = [];

  constructor(g) {
    this.g = g;
  }

  int(min, max) {
    return this.g(fc.integer, { min, max });
  }

  pick(list) {
    return list[this.int(0, list.length - 1)];
  }

  chance(percent) {
    return this.int(1, 100) <= percent;
  }

  flag() {
    return this.chance(50);
  }

  list(length, make) {
    return Array.from({ length }, make);
  }

  shape(rank = this.int(0, 4)) {
    // No elements, and enormous sides.
    if (rank > 1 && this.chance(3)) return this.hollowShape(rank);
    return this.list(rank, () => this.pick([1, 1, 2, 2, 3, 3, 4, 5, 8, 17, 0]));
  }

  tensor(dtype = 'f32', wanted = this.shape(), most = 3) {
    const sides = wanted.reduce((n, extent) => n * (extent || 1), 1);
    const shape = sides > 2 ** 48 ? wanted.map((extent) => Math.min(extent, 3)) : wanted;
    const size = shape.reduce((n, extent) => n * extent, 1);
    if (size > 1e6) return this.remember(native.full(shape, 1, dtype));
    const data = new arrays[dtype](size);
    const salt = this.int(0, 1000);
    for (let i = 0; i < size; i++) data[i] = (i * 7 + salt) % (dtype === 'f32' ? 11 : most);
    const handle = native.tensor(data, shape);
    this.mine.push(handle);
    return handle;
  }

  /** A tensor without elements that has an enormous side. */
  hollow(dtype = 'f32') {
    return this.remember(native.tensor(new arrays[dtype](0), this.hollowShape(this.int(2, 4))));
  }

  hollowShape(rank) {
    const empty = this.int(0, rank - 1);
    const bits = this.int(40, 46);
    const others = () => this.list(rank, () => this.pick([1, 2 ** Math.floor(bits / (rank - 1))]));
    const one = () => this.list(rank, () => 1).with((empty + this.int(1, rank - 1)) % rank, 2 ** bits);
    return (this.flag() ? one() : others()).with(empty, 0);
  }

  /** A tensor for which there is no memory. */
  poisoned() {
    return this.remember(native.full(this.pick([[2 ** 42], [2, 2 ** 40], [1, 2 ** 40, 2, 3]]), 1, 'f32'));
  }

  remember(handle) {
    this.mine.push(handle);
    return handle;
  }

  /** Sizes that are small, or beyond all memory; those between, only where memory is limited: they would take long. */
  odd() {
    const beyond = [2 ** 40, 2 ** 48, 2 ** 53 - 1, 2 ** 53, 2 ** 64, 1e300, Infinity];
    const small = [0, -0, -1, 1, 2, 3, 7, 64, 65, 0.5, NaN, 1e-320, -(2 ** 31), -(2 ** 53), -Infinity];
    const between = limited ? [2 ** 31 - 1, 2 ** 31, 2 ** 32] : [];
    return this.pick([...small, ...beyond, ...between]);
  }

  /** Anything, for a place where `type` is wanted. */
  junk(type, depth = 0) {
    // A handle would be a great number there.
    const tensors = type.includes('Handle');
    const lists = [
      () => this.list(this.int(0, 5), () => (depth < 2 ? this.junk(type, depth + 1) : 0)),
      () => this.list(this.int(0, 5), () => this.odd()),
      () => this.trap(new Array(this.pick([1, 5, 65, 70_000, 2 ** 32 - 1]))),
      () => Object.assign(new Array(4), { 1: this.int(0, 3), 3: 1 }),
      () => Object.assign([2, 2], { length: this.int(0, 9) }),
      () => this.trapped([2, 2, 2]),
      () => this.trapped(tensors ? [probe, probe] : [3, 3]),
      () => this.growing(tensors ? probe : 2),
      () => this.trap(new Proxy([2, 2], {})),
      () => this.trap(new Proxy([2, 2], { get: () => fail('trap') })),
      () => {
        const { proxy, revoke } = Proxy.revocable([], {});
        revoke();
        return this.trap(proxy);
      },
      () => Object.create(Array.prototype),
      () => new (class extends Array {})(2, 2),
    ];
    const handles = [
      () => disposed,
      () => foreign,
      () => probe + 0.5,
      () => -probe,
      () => probe + this.int(1, 3),
      () => probe + 4096 * this.int(1, 2 ** 30),
      () => this.tensor(this.pick(dtypes)),
      () => this.tensor(this.pick(dtypes), this.shape(this.int(5, 8))),
      () => this.hollow(this.pick(dtypes)),
      () => this.poisoned(),
      () => probe,
    ];
    const memories = [
      () => new Float32Array(this.int(0, 9)),
      () => new Float32Array(new SharedArrayBuffer(16)),
      () => new Float32Array(new ArrayBuffer(16, { maxByteLength: 64 })),
      () => this.detached(),
      () => this.shrunk(),
      () => new Float32Array(new ArrayBuffer(32), 4, 4),
      () => new Float64Array(4),
      () => new BigInt64Array(4),
      () => new Uint8ClampedArray(4),
      () => new DataView(new ArrayBuffer(4)),
      () => new ArrayBuffer(4),
      () => Buffer.from('four'),
      () => new Proxy(new Float32Array(4), {}),
    ];
    const rest = [
      () => this.odd(),
      () => undefined,
      () => null,
      () => this.flag(),
      () => this.pick(['', 'f32', 'f64', 'toString', 'x'.repeat(100_000), '\ud800', '1']),
      () => Symbol('s'),
      () => 10n ** 30n,
      () => () => 1,
      () => class extends Error {},
      () => () => fail('called'),
      () => ({}),
      () => Object.create(null),
      () => ({ valueOf: () => fail('valueOf'), toString: () => fail('toString') }),
      () => Object.defineProperty({}, 'length', { get: () => fail('length') }),
      () => new Number(probe),
      () => new String('f32'),
      () => new Date(0),
      () => /x/,
      () => new Map([[1, 2]]),
      () => Promise.resolve(probe),
      () => globalThis,
      () => new Proxy(() => 1, {}),
    ];
    return this.call(this.pick([lists, tensors ? handles : rest, memories, rest]));
  }

  call(makers) {
    return this.pick(makers)();
  }

  trap(value) {
    traps.add(value);
    return value;
  }

  /** An array whose elements dispose tensors, or throw, while they are read. */
  trapped(values) {
    const array = this.trap([...values]);
    const at = this.int(0, array.length - 1);
    const how = this.int(0, 3);
    Object.defineProperty(array, at, {
      get: () => {
        if (how === 0) throw new RangeError('getter');
        if (how === 1) for (const handle of this.mine) native.dispose(handle);
        if (how === 2) array.length = 0;
        if (how === 3) native.dataSync(probe);
        return values[at];
      },
    });
    return array;
  }

  /** An array that gets longer while it is read. */
  growing(value) {
    const array = this.trap([]);
    const grow = (i) => {
      Object.defineProperty(array, i, {
        configurable: true,
        get() {
          if (i < 1000) grow(i + 1);
          return value;
        },
      });
    };
    grow(0);
    return array;
  }

  detached() {
    const array = Float32Array.of(1, 2, 3, 4);
    new MessageChannel().port1.postMessage(null, [array.buffer]);
    return array;
  }

  shrunk() {
    const buffer = new ArrayBuffer(64, { maxByteLength: 64 });
    const array = this.flag() ? new Float32Array(buffer, 16, 4) : new Float32Array(buffer);
    buffer.resize(this.pick([0, 20, 30]));
    return array;
  }
}

const normShapes = (m, least) => [...m.list(m.int(least, 3), () => m.int(2, 5)), m.int(1, 20)];
const divisor = (m, n) => m.pick([1, n, ...[2, 3, 5].filter((k) => n % k === 0)]);

function layer(m) {
  const shape = m.shape(m.int(1, 4));
  const normalized = shape.slice(m.int(0, shape.length - 1));
  return { shape, normalized, optional: () => (m.flag() ? m.tensor('f32', normalized) : null) };
}

function norm(m, least = 1) {
  const shape = normShapes(m, least);
  const channels = () => m.tensor('f32', shape.slice(-1));
  const residual = () => (m.flag() ? m.tensor('f32', shape) : null);
  return { shape, channels, residual, optional: () => (m.flag() ? channels() : null) };
}

function window(m) {
  const images = m.int(0, 3);
  const [height, width] = [m.int(3, 9), m.int(3, 9)];
  const kernel = [m.int(1, 3), m.int(1, 3)];
  const stride = [m.int(1, 3), m.int(1, 3)];
  const dilation = m.chance(70) ? [1, 1] : [m.int(1, 2), 1];
  const padding = kernel.flatMap((k) => [m.int(0, k >> 1), m.int(0, k >> 1)]);
  const out = [height, width].map((extent, i) => {
    const reach = dilation[i] * (kernel[i] - 1) + 1;
    return Math.floor((extent + padding[2 * i] + padding[2 * i + 1] - reach) / stride[i]) + 1;
  });
  const enough = out.every((extent) => extent > 0);
  return { images, height, width, kernel, stride, dilation, padding, out: enough ? out : [1, 1] };
}

function conv(m) {
  const w = window(m);
  const groups = m.pick([1, 1, 2, 3]);
  const [channels, outputs] = [groups * m.int(0, 4), groups * m.int(0, 20)];
  // Enormous, where there is nothing to compute.
  if (m.chance(5)) w.images = 2 ** 31 - 1;
  if (m.chance(5)) {
    w.kernel = m.pick([
      [2 ** 24, 2 ** 24],
      [2 ** 12, 1],
      [1, 2 ** 30],
    ]);
    const [top, left] = w.kernel;
    w.padding = [top, 0, left, 0];
    w.out = [w.height, w.width].map((extent, i) => Math.floor((extent - 1) / w.stride[i]) + 1);
  }
  const input = [w.images, w.height, w.width, channels];
  const weight = [...w.kernel, channels / groups, outputs];
  return { ...w, groups, input, weight, gradient: [w.images, ...w.out, outputs] };
}

/** A convolution that may be one pass with its pooling. */
function narrow(m) {
  const padding = m.list(4, () => m.int(0, 2));
  const [height, width] = [m.int(4, 20), m.int(4, 20)];
  const [images, channels, outputs] = [m.int(0, 3), m.int(0, 3), m.int(1, 20)];
  const kernel = [m.int(1, 3), m.int(1, 3)];
  const out = [height + padding[0] + padding[1] - kernel[0] + 1, width + padding[2] + padding[3] - kernel[1] + 1];
  const [input, weight] = [
    [images, height, width, channels],
    [...kernel, channels, outputs],
  ];
  return { input, weight, gradient: [images, ...out, outputs], stride: [1, 1], padding, dilation: [1, 1] };
}

function steps(m, states) {
  const shapes = m.list(m.int(0, 4), () => m.shape());
  const lists = m.list(2 + states, () => shapes.map((shape) => m.tensor('f32', shape)));
  const fraction = () => m.pick([0, 0.1, 0.9, 1e-8]);
  const taken = shapes.map(() => m.int(1, 1000));
  const totalNorm = m.chance(70) ? null : m.tensor('f32', []);
  const clipping = [...m.list(3, () => m.pick([Infinity, Infinity, 1, 1e-3])), totalNorm];
  return { lists, taken, fraction, clipping };
}

const softmaxLike = (m) => {
  const shape = m.shape(m.int(1, 4));
  return { shape, axis: m.int(-shape.length, shape.length - 1) };
};
const seeds = (m) => [m.int(0, 1e6), m.pick([0, 1, 2 ** 53 - 1])];
const pair = (dtype) => (m) => {
  const shape = m.shape();
  if (m.chance(10)) {
    // What is broadcast along an enormous side, into nothing.
    const hollow = m.hollowShape(m.int(2, 4));
    const small = hollow.map((extent) => (extent === 1 ? m.int(1, 4) : 1));
    return [m.tensor(dtype(m), hollow), m.tensor(dtype(m), small)];
  }
  const narrow = () => shape.map((extent) => (m.chance(25) ? 1 : extent));
  return [m.tensor(dtype(m), narrow()), m.tensor(dtype(m), narrow().slice(m.pick([0, 0, 1, 2])))];
};
const reduction = (m) => {
  const shape = m.shape();
  const axes = shape.map((_, axis) => axis).filter(() => m.flag());
  return [m.tensor(m.pick(['f32', 'f32', 'i32']), shape), m.chance(30) ? null : axes, m.flag()];
};
const labelled = (m) => {
  const shape = m.shape(m.int(1, 3));
  return { shape, labels: m.tensor('i32', shape.slice(0, -1), m.pick([1, 2, 30])) };
};
const reductions = ['mean', 'sum', 'none'];
const leading = (m, shape) => (m.flag() ? m.tensor('f32', shape.slice(0, m.int(0, shape.length))) : null);
/** What losses of classes take between the scores and their own options. */
const weighted = (m, name) => {
  const { shape, labels } = labelled(m);
  const target = name === 'crossEntropy' && m.flag() ? m.tensor('f32', shape) : labels;
  const classWeights = m.flag() ? m.tensor('f32', shape.slice(-1)) : null;
  return { shape, given: [target, classWeights, leading(m, shape.slice(0, -1)), m.pick(reductions)] };
};
/** What losses of elements take before their own options. */
const compared = (m) => {
  const shape = m.shape();
  return {
    shape,
    given: [m.tensor('f32', shape), m.tensor('f32', shape), leading(m, shape), m.pick(reductions)],
  };
};
const pooled = (m, w) => m.tensor('f32', [w.images, w.height, w.width, w.channels]);
const withChannels = (m) => ({ ...window(m), channels: m.int(0, 20) });

const interpolations = ['nearest', 'bilinear', 'bilinear, corners aligned'];

/** Images, and how many numbers each kind of list has for one of them. */
function imageBatch(m, channels = m.int(1, 5)) {
  const [samples, height, width] = [m.int(0, 4), m.int(1, 9), m.int(1, 9)];
  const shape = [samples, height, width, channels];
  const perSample = (dtype, ...rest) => m.tensor(dtype, [samples, ...rest]);
  const perChannel = () => m.tensor('f32', [channels]);
  return { samples, height, width, channels, shape, perSample, perChannel, size: [m.int(1, 9), m.int(1, 9)] };
}

/** Functions of single elements, and how many numbers they are given; each has one that goes backward. */
const activations = {
  ...Object.fromEntries(
    ['sigmoid', 'tanh', 'erf', 'relu6', 'selu', 'gelu', 'geluTanh', 'silu', 'hardswish', 'mish'].map((name) => [
      name,
      0,
    ]),
  ),
  ...{ hardsigmoid: 2, clamp: 2, logSigmoid: 0, softsign: 0, leakyRelu: 1, elu: 1, softplus: 2 },
};

/** Arguments that pass, or nearly; of other functions they are made by the types that binding.d.ts declares. */
const recipes = {
  tensor(m) {
    const [dtype, shape] = [m.pick(dtypes), m.shape()];
    const size = shape.reduce((n, extent) => n * extent, 1);
    return [new arrays[dtype](Math.min(size, 1e6)), shape];
  },
  reshape(m) {
    const shape = m.shape();
    return [m.tensor(m.pick(dtypes), shape), m.flag() ? [...shape, 1] : [...shape].reverse()];
  },
  assign(m) {
    const [dtype, shape] = [m.pick(dtypes), m.shape()];
    return [m.tensor(dtype, shape), m.tensor(dtype, shape)];
  },
  where(m) {
    const shape = m.shape();
    const dtype = m.pick(dtypes);
    return [m.tensor('u8', shape, 2), m.tensor(dtype, shape), m.tensor(dtype, shape)];
  },
  ...Object.fromEntries(
    ['add', 'sub', 'mul', 'maximum', 'minimum', 'equal', 'notEqual', 'less', 'lessEqual'].map((name) => [
      name,
      (m) => {
        const dtype = m.pick(dtypes);
        return pair(() => dtype)(m);
      },
    ]),
  ),
  ...Object.fromEntries(['div', 'pow'].map((name) => [name, pair(() => 'f32')])),
  divTruncated: pair(() => 'i32'),
  reluBackward(m) {
    const shape = m.shape();
    return [m.tensor('f32', shape), m.tensor('f32', shape)];
  },
  reluBiasBackward(m) {
    const shape = m.shape();
    return [m.tensor('f32', shape), m.tensor('f32', shape)];
  },
  ...Object.fromEntries(
    Object.entries(activations).flatMap(([name, count]) => [
      [name, (m) => [m.tensor(), ...m.list(count, () => m.int(0, 3))]],
      [
        `${name}Backward`,
        (m) => {
          const shape = m.shape();
          return [m.tensor('f32', shape), m.tensor('f32', shape), ...m.list(count, () => m.int(0, 3))];
        },
      ],
    ]),
  ),
  prelu(m) {
    const shape = m.shape();
    return [m.tensor('f32', shape), m.tensor('f32', m.flag() ? [1] : shape.slice(-1))];
  },
  preluBackward(m) {
    const shape = m.shape();
    return [m.tensor('f32', shape), m.tensor('f32', shape), m.tensor('f32', m.flag() ? [1] : shape.slice(-1))];
  },
  maxout(m) {
    const pieces = m.int(1, 5);
    return [m.tensor('f32', [...m.shape(m.int(0, 3)), pieces * m.int(0, 20)]), pieces, m.flag()];
  },
  maxoutBackward(m) {
    const shape = m.shape(m.int(1, 4));
    return [m.tensor('f32', shape), m.tensor('u8', shape, m.pick([2, 255])), m.int(1, 5)];
  },
  addUp(m) {
    const shape = m.shape();
    const list = m.list(m.int(1, 5), () => m.tensor('f32', shape));
    return [m.flag() ? list : [...list, list[0]]];
  },
  full: (m) => [m.shape(), m.int(0, 255), m.pick(dtypes)],
  arange: (m) => [m.int(-5, 5), m.int(0, 100), m.pick([1, 2, 3]), m.pick(['f32', 'i32', 'f32', 'u8'])],
  oneHot: (m) => [m.tensor('i32', m.shape(), m.int(1, 5)), m.int(3, 6)],
  uniform: (m) => [m.shape(), m.int(-9, 0), m.int(0, 9), ...seeds(m)],
  normal: (m) => [m.shape(), m.int(-9, 9), m.int(0, 9), ...seeds(m)],
  truncatedNormal: (m) => [m.shape(), m.int(-3, 3), m.int(1, 3), m.int(-9, -4), m.int(-3, 9), ...seeds(m)],
  orthogonal: (m) => [m.int(0, 40), m.int(0, 40), m.int(-2, 2), ...seeds(m)],
  measurePeak: (m) => [m.int(1, 3), m.int(1, 1000)],
  permutation: (m) => [m.int(0, 5000), ...seeds(m)],
  dropout: (m) => [m.tensor(), m.pick([0, 0.5, 1, 0.1]), m.flag(), m.flag(), ...seeds(m)],
  bernoulli: (m) => [m.tensor(), ...seeds(m)],
  philox: (m) => [m.list(4, () => m.int(0, 99)), m.list(2, () => m.int(0, 99))],
  transpose(m) {
    const shape = m.shape();
    const axes = shape.map((_, axis) => axis);
    for (let i = axes.length - 1; i > 0; i--) {
      const j = m.int(0, i);
      [axes[i], axes[j]] = [axes[j], axes[i]];
    }
    return [m.tensor(m.pick(dtypes), shape), axes];
  },
  slice(m) {
    const shape = m.shape();
    const some = (least) => m.list(m.int(0, shape.length), () => m.int(least, 6));
    return [m.tensor(m.pick(dtypes), shape), some(-6), some(-6), some(m.pick([1, 1, -3]))];
  },
  sliceBackward(m) {
    const shape = m.shape();
    const step = shape.map(() => m.pick([1, 1, 2, 3, -1, -2]));
    const gradient = shape.map((extent, i) => Math.ceil(extent / Math.abs(step[i])));
    return [m.tensor('f32', gradient), shape, [], step];
  },
  pad(m) {
    const shape = m.shape();
    const some = () => shape.map(() => m.int(0, 3));
    return [m.tensor(m.pick(dtypes), shape), some(), some(), m.int(0, 5)];
  },
  concat(m) {
    const shape = m.shape(m.int(1, 4));
    const axis = m.int(0, shape.length - 1);
    const dtype = m.pick(dtypes);
    return [m.list(m.int(1, 5), () => m.tensor(dtype, shape.with(axis, m.int(0, 4)))), axis];
  },
  split(m) {
    const sizes = m.list(m.int(1, 5), () => m.int(0, 4));
    const shape = m.shape(m.int(1, 4));
    const axis = m.int(0, shape.length - 1);
    const whole = shape.with(axis, sizes.reduce((sum, size) => sum + size, 0)); // prettier-ignore
    return [m.tensor(m.pick(dtypes), whole), sizes, axis];
  },
  broadcastTo(m) {
    const shape = m.shape();
    const wide = shape.map((extent) => (extent === 1 ? m.int(0, 9) : extent));
    return [m.tensor(m.pick(dtypes), shape), [...m.shape(m.int(0, 3)), ...wide]];
  },
  gather(m) {
    const [front, back] = [m.shape(m.int(0, 2)), m.shape(m.int(0, 2))];
    const x = m.tensor(m.pick(dtypes), [...front, m.int(1, 5), ...back]);
    return [x, m.tensor('i32', m.shape(), 2), m.pick([front.length, -1 - back.length])];
  },
  gatherBackward(m) {
    const [front, indices, back] = m.list(3, () => m.shape(m.int(0, 2)));
    const gradient = m.tensor('f32', [...front, ...indices, ...back]);
    return [gradient, m.tensor('i32', indices), m.int(2, 5), front.length];
  },
  sum: reduction,
  mean: reduction,
  max: reduction,
  min: reduction,
  argMax(m) {
    const { shape, axis } = softmaxLike(m);
    return [m.tensor(m.pick(['f32', 'i32']), shape), axis, m.flag()];
  },
  ...Object.fromEntries(
    ['softmax', 'logSoftmax'].flatMap((name) => [
      [
        name,
        (m) => {
          const { shape, axis } = softmaxLike(m);
          return [m.tensor('f32', shape), axis];
        },
      ],
      [
        `${name}Backward`,
        (m) => {
          const { shape, axis } = softmaxLike(m);
          return [m.tensor('f32', shape), m.tensor('f32', shape), axis];
        },
      ],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      crossEntropy: (m) => [m.pick([-100, 0, 1]), m.pick([0, 0, 0.1, 1])],
      nll: (m) => [m.pick([-100, 0, 1])],
      multiMargin: (m) => [m.int(1, 2), m.pick([0, 1, 0.5])],
    }).flatMap(([name, rest]) => [
      [
        name,
        (m) => {
          const { shape, given } = weighted(m, name);
          return [m.tensor('f32', shape), ...given, ...rest(m)];
        },
      ],
      [
        `${name}Backward`,
        (m) => {
          const { shape, given } = weighted(m, name);
          const gradient = m.tensor('f32', given.at(-1) === 'none' ? shape.slice(0, -1) : []);
          const scores = name === 'nll' ? shape : m.tensor('f32', shape);
          return [gradient, scores, ...given, ...rest(m)];
        },
      ],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      mse: () => [],
      l1: () => [],
      huber: (m) => [m.pick([1, 0.5, 1e-3])],
      smoothL1: (m) => [m.pick([1, 0.5, 0])],
      binaryCrossEntropy: () => [],
      binaryCrossEntropyWithLogits: (m, shape) => [m.flag() ? m.tensor('f32', [shape.at(-1) ?? 1]) : null],
      klDiv: (m) => [m.flag()],
      hinge: (m) => [m.flag()],
    }).flatMap(([name, rest]) => [
      [
        name,
        (m) => {
          const { shape, given } = compared(m);
          return [...given, ...rest(m, shape)];
        },
      ],
      [
        `${name}Backward`,
        (m) => {
          const { shape, given } = compared(m);
          return [m.tensor('f32', given.at(-1) === 'none' ? shape : []), ...given, ...rest(m, shape)];
        },
      ],
    ]),
  ),
  matmul(m) {
    const [a, b, transposeA, transposeB] = [m.shape(2), m.int(0, 70), m.flag(), m.flag()];
    const batch = m.shape(m.int(0, 2));
    const right = transposeB ? [b, a[1]] : [a[1], b];
    return [
      m.tensor('f32', [...batch, ...(transposeA ? [...a].reverse() : a)]),
      m.tensor('f32', m.flag() ? right : [...batch, ...right]),
      transposeA,
      transposeB,
    ];
  },
  linear(m) {
    const [inputs, outputs] = [m.int(0, 40), m.int(0, 70)];
    const bias = m.flag() ? m.tensor('f32', [outputs]) : null;
    return [m.tensor('f32', [...m.shape(m.int(0, 3)), inputs]), m.tensor('f32', [inputs, outputs]), bias, m.flag()];
  },
  conv2d(m) {
    const c = conv(m);
    const bias = m.flag() ? m.tensor('f32', c.weight.slice(-1)) : null;
    const tensors = [m.tensor('f32', c.input), m.tensor('f32', c.weight), bias];
    return [...tensors, c.stride, c.padding, c.dilation, c.groups, m.flag()];
  },
  conv2dByInput(m) {
    const c = conv(m);
    const tensors = [m.tensor('f32', c.gradient), m.tensor('f32', c.weight)];
    return [...tensors, c.input, c.stride, c.padding, c.dilation, c.groups];
  },
  conv2dByWeight(m) {
    const c = conv(m);
    const tensors = [m.tensor('f32', c.gradient), m.tensor('f32', c.input)];
    return [...tensors, c.weight, c.stride, c.padding, c.dilation, c.groups];
  },
  conv2dMaxPool2d(m) {
    const c = narrow(m);
    const bias = m.flag() ? m.tensor('f32', c.weight.slice(-1)) : null;
    const tensors = [m.tensor('f32', c.input), m.tensor('f32', c.weight), bias];
    return [...tensors, c.stride, c.padding, c.dilation, 1, m.flag(), 'auto', m.pick([[2, 2], [1, 3]]), m.flag()];
  },
  conv2dMaxPool2dByWeight(m) {
    const c = narrow(m);
    const pooled = c.gradient.map((extent, axis) => (axis === 1 || axis === 2 ? extent >> 1 : extent));
    const tensors = [m.tensor('f32', pooled), m.tensor('u8', pooled, m.pick([1, 4, 255])), m.tensor('f32', c.input)];
    return [...tensors, c.weight, c.stride, c.padding, c.dilation, 1, [2, 2]];
  },
  convTranspose2d(m) {
    const c = conv(m);
    const bias = m.flag() ? m.tensor('f32', [c.input[3]]) : null;
    const more = c.stride.map((step) => m.int(0, step - 1));
    const tensors = [m.tensor('f32', c.gradient), m.tensor('f32', c.weight), bias];
    return [...tensors, c.stride, c.padding, c.dilation, more, c.groups, m.flag()];
  },
  maxPool2d(m) {
    const w = withChannels(m);
    return [pooled(m, w), w.kernel, w.stride, w.padding, w.dilation, m.flag(), m.flag()];
  },
  maxPool2dBackward(m) {
    const w = withChannels(m);
    const out = [w.images, ...w.out, w.channels];
    const shape = [w.images, w.height, w.width, w.channels];
    const indices = m.tensor('u8', out, m.pick([1, 4, 255]));
    return [m.tensor('f32', out), indices, shape, w.kernel, w.stride, w.padding, w.dilation];
  },
  avgPool2d(m) {
    const w = withChannels(m);
    return [pooled(m, w), w.kernel, w.stride, w.padding, m.flag(), m.flag()];
  },
  avgPool2dBackward(m) {
    const w = { ...withChannels(m), dilation: [1, 1] };
    const out = [w.images, ...w.out, w.channels];
    return [m.tensor('f32', out), [w.images, w.height, w.width, w.channels], w.kernel, w.stride, w.padding, m.flag()];
  },
  adaptiveAvgPool2d: (m) => [pooled(m, withChannels(m)), [m.int(1, 9), m.int(1, 9)]],
  adaptiveAvgPool2dBackward(m) {
    const w = withChannels(m);
    const shape = [w.images, w.height, w.width, w.channels];
    return [m.tensor('f32', [w.images, m.int(1, 9), m.int(1, 9), w.channels]), shape];
  },
  adaptiveMaxPool2d: (m) => [pooled(m, withChannels(m)), [m.int(1, 9), m.int(1, 9)]],
  adaptiveMaxPool2dBackward(m) {
    const w = withChannels(m);
    const out = [w.images, m.int(1, 9), m.int(1, 9), w.channels];
    const places = m.tensor('i32', out, m.pick([1, 9, 2 ** 31]));
    return [m.tensor('f32', out), places, [w.images, w.height, w.width, w.channels]];
  },
  upsample2d: (m) => [pooled(m, withChannels(m)), [m.int(1, 20), m.int(1, 20)], m.pick(interpolations)],
  cropFlip(m) {
    const { shape, channels, samples, size, perChannel } = imageBatch(m);
    const indices = m.flag() ? m.tensor('i32', [m.int(0, 5)], 2) : null;
    const windows = m.tensor('i32', [indices ? native.shape(indices)[0] : samples, 4], m.pick([2, 9, 2 ** 31]));
    const scale = m.flag() ? [perChannel(), perChannel()] : [null, null];
    const mode = m.pick(['constant', 'edge', 'reflect', 'symmetric']);
    return [m.tensor(m.pick(['u8', 'f32']), [...shape.slice(0, 3), channels]), indices, windows, size, mode, perChannel(), ...scale];
  },
  affine(m) {
    const { shape, size, perSample, perChannel } = imageBatch(m);
    return [m.tensor('f32', shape), perSample('f32', 2, 3), size, m.flag(), m.flag() ? perChannel() : null];
  },
  resizedCrop(m) {
    const { shape, size, perSample } = imageBatch(m);
    const how = m.pick(['nearest', 'bilinear', 'bilinear, antialiased']);
    return [m.tensor('f32', shape), m.flag() ? perSample('i32', 4) : null, size, how];
  },
  blur(m) {
    const { shape, perSample } = imageBatch(m);
    return [m.tensor('f32', shape), perSample('f32', m.pick([1, 1, 3, 5])), perSample('f32', m.pick([1, 1, 3]))];
  },
  eraseBoxes(m) {
    const { shape, perSample, perChannel } = imageBatch(m);
    return [m.tensor('f32', shape), perSample('i32', 4), perChannel()];
  },
  pasteBoxes(m) {
    const { shape, perSample } = imageBatch(m);
    const other = m.tensor('f32', [m.int(1, 4), ...shape.slice(1)]);
    return [m.tensor('f32', shape), other, perSample('i32', 4), perSample('i32')];
  },
  rgbToHsv: (m) => [m.tensor('f32', [...m.shape(m.int(0, 3)), 3])],
  hsvToRgb: (m) => [m.tensor('f32', [...m.shape(m.int(0, 3)), 3])],
  adjustColors(m) {
    const { shape, perSample } = imageBatch(m, m.pick([1, 3]));
    return [m.tensor('f32', shape), perSample('f32', 4), m.tensor('i32', [shape[0], 4], m.pick([5, 6]))];
  },
  mix(m) {
    const shape = m.shape(m.int(1, 4));
    return [m.tensor('f32', shape), m.tensor('i32', shape.slice(0, 1)), m.tensor('f32', shape.slice(0, 1))];
  },
  sameClassPartners(m) {
    const n = m.int(0, 20);
    return [m.tensor('i32', [n]), m.tensor('f32', [n])];
  },
  sampleNoise(m) {
    const shape = m.shape(m.int(1, 4));
    const numbers = m.tensor('i32', shape.slice(0, 1), 2 ** 31);
    return [m.tensor('f32', shape), numbers, m.int(-1, 1), m.int(0, 2), m.flag(), ...seeds(m).with(1, 7), m.int(0, 9)];
  },
  checkFinite(m) {
    const shape = m.shape(m.int(1, 4));
    return [m.tensor('f32', shape), m.tensor('i32', shape.slice(0, 1))];
  },
  eigh(m) {
    const n = m.int(0, 20);
    return [m.tensor('f32', [n, n])];
  },
  upsample2dBackward(m) {
    const w = withChannels(m);
    const gradient = m.tensor('f32', [w.images, m.int(1, 20), m.int(1, 20), w.channels]);
    return [gradient, [w.images, w.height, w.width, w.channels], m.pick(interpolations)];
  },
  batchNorm(m) {
    const { shape, channels, optional, residual } = norm(m);
    const running = m.flag() ? [channels(), channels()] : [null, null];
    const added = residual();
    const relu = m.flag();
    const masked = added !== null && relu && m.flag();
    return [m.tensor('f32', shape), optional(), optional(), ...running, added, 0.1, 1e-5, relu, masked];
  },
  batchNormInference(m) {
    const { shape, channels, optional, residual } = norm(m);
    const given = [m.tensor('f32', shape), optional(), optional(), channels(), channels()];
    return [...given, residual(), 1e-5, m.flag(), m.chance(10)];
  },
  batchNormBackward(m) {
    const { shape, optional } = norm(m);
    const statistics = m.tensor('f32', [3, ...shape.slice(-1)]);
    const gradients = m.list(m.pick([1, 1, 2, 2, 3]), () => m.tensor('f32', shape));
    const given = [gradients, m.tensor('f32', shape), optional(), optional(), statistics];
    const made = native.batchNorm(given[1], null, null, null, null, given[1], 0.1, 1e-5, true, true);
    for (const handle of made) m.remember(handle);
    const mask = m.flag() ? m.pick([made[2], made[2], m.tensor('u8')]) : null;
    return [...given, mask, mask !== null || m.flag(), m.flag()];
  },
  maxPool2dPlaces(m) {
    const w = withChannels(m);
    const indices = m.tensor('u8', [w.images, ...w.out, w.channels], m.pick([1, 4, 255]));
    const shape = [w.images, w.height, w.width, w.channels];
    return [indices, shape, w.kernel, w.stride, w.padding, w.dilation, false];
  },
  maxUnpool2d(m) {
    const shape = m.shape(4);
    const places = m.tensor('i32', shape, m.pick([1, 3, 9]));
    return [m.tensor('f32', shape), places, [m.int(1, 9), m.int(1, 9)]];
  },
  maxUnpool2dBackward(m) {
    const [images, channels] = [m.int(0, 3), m.int(0, 20)];
    const places = m.tensor('i32', [images, m.int(0, 4), m.int(0, 4), channels], m.pick([1, 3, 9]));
    return [m.tensor('f32', [images, m.int(1, 9), m.int(1, 9), channels]), places];
  },
  layerNorm(m) {
    const { shape, normalized, optional } = layer(m);
    return [m.tensor('f32', shape), optional(), optional(), normalized, 1e-5];
  },
  layerNormBackward(m) {
    const { shape, normalized, optional } = layer(m);
    const rows = shape.slice(0, shape.length - normalized.length).reduce((n, extent) => n * extent, 1);
    const given = [m.tensor('f32', shape), m.tensor('f32', shape), optional()];
    return [...given, m.tensor('f32', [4, rows]), normalized, m.flag()];
  },
  groupNorm(m) {
    const { shape, optional } = norm(m);
    return [m.tensor('f32', shape), optional(), optional(), divisor(m, shape.at(-1)), 1e-5];
  },
  groupNormBackward(m) {
    const { shape, optional } = norm(m);
    const groups = divisor(m, shape.at(-1));
    const statistics = m.tensor('f32', [4, shape[0] * groups]);
    return [m.tensor('f32', shape), m.tensor('f32', shape), optional(), statistics, groups, m.flag()];
  },
  instanceNorm(m) {
    const { shape, channels, optional } = norm(m, 2);
    const running = m.flag() ? [channels(), channels()] : [null, null];
    return [m.tensor('f32', shape), optional(), optional(), ...running, 0.1, 1e-5];
  },
  localResponseNorm: (m) => [m.tensor(), m.int(1, 9), 0.1, m.pick([0.75, 0.5]), 1],
  localResponseNormBackward(m) {
    const shape = m.shape();
    return [m.tensor('f32', shape), m.tensor('f32', shape), m.int(1, 9), 0.1, m.pick([0.75, 1]), 2];
  },
  sgd(m) {
    const { lists, taken, fraction, clipping } = steps(m, 1);
    const [p, g, v] = lists;
    const rates = [fraction(), fraction(), fraction(), fraction()];
    return [p, g, m.flag() ? v : [], taken, ...rates, m.chance(20), ...clipping];
  },
  adam(m) {
    const { lists, taken, fraction, clipping } = steps(m, 3);
    const [p, g, mean, variance, highest] = lists;
    const rates = [fraction(), fraction(), fraction(), fraction(), fraction()];
    const optional = m.flag() ? highest : [];
    return [p, g, mean, variance, optional, taken, ...rates, m.flag(), m.flag(), ...clipping];
  },
  nadam(m) {
    const { lists, taken, fraction, clipping } = steps(m, 2);
    const rates = [fraction(), fraction(), fraction(), fraction(), fraction()];
    return [...lists, taken, ...rates, m.flag(), fraction(), ...clipping];
  },
  adadelta(m) {
    const { lists, fraction, clipping } = steps(m, 2);
    return [...lists, fraction(), fraction(), fraction(), fraction(), ...clipping];
  },
  lion(m) {
    const { lists, fraction, clipping } = steps(m, 1);
    return [...lists, fraction(), fraction(), fraction(), fraction(), ...clipping];
  },
  movingAverage(m) {
    const { lists, fraction } = steps(m, 0);
    return [...lists, fraction()];
  },
  whenFinite(m) {
    const one = () => m.tensor('f32', m.pick([[], [1], [1, 1]]));
    return [one(), m.int(-3, 3), m.flag() ? one() : null];
  },
  dot(m) {
    const shape = m.shape(1);
    return [m.tensor('f32', shape), m.tensor('f32', shape)];
  },
  lbfgsDirection(m) {
    const shape = m.shape(1);
    const pairs = m.int(0, 4);
    const vectors = () => m.list(pairs, () => m.tensor('f32', shape));
    return [m.tensor('f32', shape), vectors(), vectors()];
  },
  adagrad(m) {
    const { lists, taken, fraction, clipping } = steps(m, 1);
    return [...lists, taken, fraction(), fraction(), fraction(), fraction(), ...clipping];
  },
  ...Object.fromEntries(
    ['l1Penalty', 'l2Penalty', 'clipGradValue', 'clipMaxNorm'].map((name) => [
      name,
      (m) => [m.list(m.int(0, 4), () => m.tensor()), m.pick([0, 1, 1e-3, Infinity])],
    ]),
  ),
  ...Object.fromEntries(
    ['l1PenaltyBackward', 'l2PenaltyBackward'].map((name) => [
      name,
      (m) => [m.tensor('f32', []), m.tensor(), m.pick([0, 1, 1e-3])],
    ]),
  ),
  rmsProp(m) {
    const { lists, fraction, clipping } = steps(m, 3);
    const [p, g, s, ...others] = lists;
    const rates = [fraction(), fraction(), fraction(), fraction(), fraction()];
    return [p, g, s, ...others.map((list) => (m.flag() ? list : [])), ...rates, ...clipping];
  },
};

/** A value of a type as binding.d.ts names it. */
function ofType(m, type) {
  if (type.endsWith(' | null') && m.flag()) return null;
  switch (type.replace(' | null', '')) {
    case 'Handle':
      return m.tensor(m.pick(['f32', 'f32', 'i32', 'u8']));
    case 'readonly Handle[]':
      return m.list(m.int(0, 4), () => m.tensor());
    case 'readonly number[]':
      return m.shape();
    case 'number':
      return m.int(0, 4);
    case 'boolean':
      return m.flag();
    case 'DType':
      return m.pick(dtypes);
    case 'TypedArray':
      return new Float32Array(m.int(0, 9));
    default:
      return StriateError;
  }
}

/** The same, a little wrong. */
function bent(m, value, type) {
  if (!traps.has(value) && Array.isArray(value) && m.chance(70)) {
    const array = [...value];
    const at = m.int(0, array.length);
    const handles = type.includes('Handle');
    const other = handles ? m.call([() => m.tensor(), () => m.tensor('i32'), () => disposed, () => array[0]]) : m.odd();
    const how = m.int(0, 3);
    if (how === 0) array.splice(at, 1);
    else if (how === 1) array.splice(at, 0, other);
    else if (how === 2 && array.length > 0) return m.trapped(array);
    else array[Math.min(at, Math.max(0, array.length - 1))] = other;
    return array;
  }
  if (type.startsWith('Handle') && m.chance(60)) {
    const again = () => m.pick(m.mine.length > 0 ? m.mine : [probe]);
    return m.call([() => m.tensor(), () => m.tensor('i32'), () => m.hollow(), () => m.poisoned(), again]);
  }
  if (type === 'number' && m.chance(70)) return m.odd();
  return m.chance(40) ? ofType(m, type) : m.junk(type);
}

function argumentsFor(m, name) {
  const types = members[name];
  const args = m.chance(90) && recipes[name] ? recipes[name](m) : types.map((type) => ofType(m, type));
  if (m.chance(35)) return args;
  const wrong = m.chance(75) ? 1 : args.length;
  for (let i = 0; i < wrong && args.length > 0; i++) {
    const at = m.int(0, args.length - 1);
    args[at] = m.chance(70) ? bent(m, args[at], types[at] ?? '') : m.junk(types[at] ?? '');
  }
  if (m.chance(5)) args.pop();
  if (m.chance(5)) args.push(m.junk(''));
  return args;
}

function describe(value) {
  try {
    if (typeof value === 'number') {
      try {
        return `${native.dtype(value)} [${native.shape(value)}]`;
      } catch {
        return String(value);
      }
    }
    if (traps.has(value)) return 'a trap';
    if (Array.isArray(value) && value.length > 20) return `an array of ${value.length}`;
    if (typeof value === 'string' && value.length > 50) return `a string of ${value.length}`;
    return Array.isArray(value) && value.every((item) => typeof item === 'number' && item > 4096)
      ? `[${value.map(describe)}]`
      : inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 20, showProxy: true });
  } catch (error) {
    return `something (${error.message})`;
  }
}

/** Functions that dispose what they are given. */
const disposing = [
  'dispose',
  'collect',
  'addUp',
  'reluBackward',
  'reluBiasBackward',
  'batchNormBackward',
  'layerNormBackward',
  'groupNormBackward',
  'preluBackward',
  ...Object.keys(activations).map((name) => `${name}Backward`),
];

let passed = 0;
let total = 0;

function handlesIn(result) {
  const list = Array.isArray(result) ? result : [result];
  return list.filter((item) => typeof item === 'number' && item >= 4096);
}

function attempt(name, g) {
  const m = new Maker(g);
  const args = argumentsFor(m, name);
  note(`${name}(${args.map(describe).join(', ')})`);
  let result;
  total++;
  try {
    result = native[name](...args);
    passed++;
    if (result instanceof Promise) result.catch(() => undefined);
  } catch (error) {
    checkError(name, error);
  }
  const given = name === 'tensor' || !['shape', 'philox', 'memory'].includes(name) ? handlesIn(result) : [];
  for (const handle of given) {
    try {
      if (native.shape(handle).reduce((n, extent) => n * extent, 1) < 1e6) native.dataSync(handle);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  for (const handle of [...given, ...m.mine]) if (handle !== probe) native.dispose(handle);
  // What the call may have changed.
  native.initialize(StriateError);
  native.setExpress(false);
  native.setThreads(2);
  // All has run, an error of an update is told and forgotten, and the right answer is still given.
  for (let i = 0; i < 2; i++) {
    try {
      native.dataSync(probe);
      break;
    } catch (error) {
      if (i === 0 && disposing.includes(name)) probe = makeProbe();
      else if (i > 0) throw error;
    }
  }
  if (total % 16 === 0) checkAnswer();
}

/** Errors are of the right class, and name the operation; but those that came out of an argument. */
function checkError(name, error) {
  const { message = '' } = error ?? {};
  const [first] = message.split(':');
  // A tensor that failed earlier tells of its own operation.
  const named = first === name || (error instanceof StriateError && first in members);
  if (named && [TypeError, RangeError, StriateError].includes(error.constructor)) return;
  if (error instanceof Error && ['getter', 'trap', 'length', 'valueOf', 'called'].includes(message)) return;
  throw new Error(`${name} threw an error that does not name it`, { cause: error });
}

function checkAnswer() {
  const values = native.tensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const product = native.matmul(values, values, false, false);
  const answer = native.dataSync(product).join();
  for (const handle of [values, product]) native.dispose(handle);
  if (answer !== '7,10,15,22') throw new Error(`[1 2; 3 4]² is ${answer}`);
}

const names = declared.filter((name) => onlyNames === '' || onlyNames.split(',').includes(name));
for (const name of names) {
  const start = performance.now();
  const passedBefore = passed;
  fc.assert(
    fc.property(fc.gen(), (g) => attempt(name, g)),
    // Nothing is shrunk: a crash cannot be, and the call is short enough.
    { numRuns: Number(runs), seed: Number(seed), endOnFailure: true },
  );
  checkAnswer();
  if (onlyNames !== '') console.log(name, passed - passedBefore, (performance.now() - start).toFixed(), 'ms');
}
closeSync(log);
console.log(JSON.stringify({ functions: names.length, total, passed }));
process.exit();
