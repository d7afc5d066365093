import { expect, test } from 'vitest';
import { noGrad } from '../../../lib/autograd.js';
import { loadOnnx, type OnnxModule } from '../../../lib/io/index.js';
import { native } from '../../../lib/native.js';
import { full } from '../../../lib/ops/creation.js';
import { synchronize, type DType, type Tensor } from '../../../lib/tensor.js';
import { collectGarbage } from '../../garbage.js';
import { bytesOf, fixture, info, model, node, weight, whole } from './models.js';

const files = 50_000;
/** A file may make memory grow by ten times its size, and by this. */
const allowance = 128 * 2 ** 20;
const slowest = 1000;

/** Random whole numbers below n, of a generator of their own (xorshift). */
function generator(seed: number): (n: number) => number {
  let state = seed | 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

/** Numbers that break what counts. */
const evil = [0, 1, 2, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x12, 0x22, 0x3a];

function mutated(original: Uint8Array, random: (n: number) => number): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let changes = 1 + random(3); changes > 0 && bytes.length > 0; changes--) {
    const at = random(bytes.length);
    switch (random(7)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = evil[random(evil.length)]!;
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3: {
        // A number of up to ten bytes.
        const end = Math.min(bytes.length, at + 1 + random(10));
        bytes.fill(0xff, at, end);
        bytes[end - 1]! &= 0x7f;
        break;
      }
      case 4: {
        const [from, length] = [random(bytes.length), 1 + random(64)];
        bytes.set(bytes.slice(from, from + Math.min(length, bytes.length - at)), at);
        break;
      }
      case 5:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(32))]);
        break;
      default:
        bytes = Uint8Array.from([
          ...bytes.subarray(0, at),
          ...bytes.subarray(random(bytes.length), random(bytes.length)).subarray(0, 64),
          ...bytes.subarray(at),
        ]);
    }
  }
  return bytes;
}

/** A file with the operators that make large things of small ones. */
function growing(): Uint8Array {
  const nodes = [
    node('Pad', ['x', 'p'], ['a']),
    node('Resize', ['a', '', 's'], ['b']),
    node('ConvTranspose', ['b', 'w'], ['c'], { strides: [2, 2] }),
    node('DepthToSpace', ['c'], ['d'], { blocksize: 2 }),
    node('AveragePool', ['d'], ['e'], { kernel_shape: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }),
    node('Shape', ['e'], ['f']),
    node('Concat', ['f', 'one'], ['g'], { axis: 0 }),
    node('Reshape', ['e', 'g'], ['h']),
    node('Transpose', ['h'], ['i'], { perm: [0, 2, 3, 1, 4] }),
    node('Concat', ['i', 'i'], ['y'], { axis: 1 }),
  ];
  const constants = [
    weight('w', [2, 4, 2, 2]),
    weight('s', [4], [1, 1, 2, 2]),
    whole('p', [0, 0, 1, 1, 0, 0, 1, 1]),
    whole('one', [1]),
  ];
  return bytesOf(model(nodes, constants, [info('x', [1, 2, 4, 4])], [info('y', undefined)]));
}

/** Runs a network on a tiny input, where it takes one. */
async function tried(network: OnnxModule): Promise<void> {
  const made = network.inputs.map(({ name, shape, dtype }) => ({
    name,
    dtype,
    shape: shape.map((extent) => extent ?? 2),
  }));
  if (made.reduce((n, { shape }) => n + shape.reduce((m, extent) => m * extent, 1), 0) > 10_000) return;
  const inputs = made.map(({ name, shape, dtype }): [string, Tensor<DType>] => [name, full(shape, 1, dtype)]);
  try {
    const outputs = Object.values(noGrad(() => network.run(Object.fromEntries(inputs))));
    await Promise.all(outputs.map((output) => output.data()));
    for (const output of outputs) output.dispose();
  } finally {
    for (const [, x] of inputs) x.dispose();
    await synchronize().catch(() => undefined);
  }
}

test(
  `${files} damaged files are read or refused, at once and in little memory`,
  { timeout: 300_000 },
  async () => {
    const originals = [...['residual', 'shapes', 'sequence'].map((name) => fixture(name).bytes), growing()];
    for (const bytes of originals) (await loadOnnx(bytes)).dispose();
    await collectGarbage();
    const before = native.memory().liveTensors;
    const random = generator(20261121);
    const counts = { refused: 0, read: 0, ran: 0, failed: 0 };
    for (let i = 0; i < files; i++) {
      const bytes = mutated(originals[i % originals.length]!, random);
      native.resetPeak();
      const held = native.memory().liveBytes;
      const start = performance.now();
      try {
        using network = await loadOnnx(bytes);
        counts.read++;
        if (random(8) === 0) {
          try {
            await tried(network);
            counts.ran++;
          } catch (error) {
            expect(error, String(error)).toBeInstanceOf(Error);
            counts.failed++;
          }
        }
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('loadOnnx: the model: '))) throw error;
        counts.refused++;
      }
      const time = performance.now() - start;
      const grown = native.memory().peakBytes - held;
      if (time > slowest || grown > 10 * bytes.length + allowance) {
        expect.fail(`file ${i} took ${time} ms and ${grown} bytes: ${Buffer.from(bytes).toString('base64')}`);
      }
    }
    expect(counts.refused + counts.read).toBe(files);
    expect(Math.min(counts.refused, counts.read, counts.ran)).toBeGreaterThan(files / 100);
    await collectGarbage();
    expect(native.memory().liveTensors).toBe(before);
  },
);
