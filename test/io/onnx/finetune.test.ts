import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { data, io, loss, nn, optim, setSeed, Trainer, type Tensor } from '../../../lib/index.js';
import { noGrad } from '../../../lib/autograd.js';
import { transpose } from '../../../lib/ops/movement.js';
import { relativeError, f32, i32, noise, noisy } from '../../check.js';
import { bytesOf, fixture, info, model, node, weight } from './models.js';

/** A network of every kind of layer that training treats in its own way. */
function builtIn(): nn.Sequential {
  setSeed(3);
  const network = new nn.Sequential({
    conv: new nn.Conv2d(3, 8, 3, { padding: 1, bias: false }),
    bn: new nn.BatchNorm2d(8),
    relu: new nn.ReLU(),
    pool: new nn.MaxPool2d(2),
    flatten: new nn.Flatten(),
    fc1: new nn.Linear(8 * 9, 12),
    relu1: new nn.ReLU(),
    fc2: new nn.Linear(12, 4),
  });
  const bn = network.stateDict().get('bn.weight') as nn.Parameter;
  bn.assign(
    f32(
      noise(8).map((v) => 1 + v / 2),
      [8],
    ),
  );
  return network;
}

/** The same network as a file, with ONNX's layouts. */
async function asFile(network: nn.Sequential): Promise<Uint8Array> {
  const state = network.stateDict();
  const stored = async (
    name: string,
    order: readonly number[],
    shape?: readonly number[],
    after?: readonly number[],
  ) => {
    const values = state.get(name) as Tensor;
    const laid = transpose(shape ? values.reshape(shape) : values, order);
    return weight(name, after ?? laid.shape, await laid.data());
  };
  const constants = await Promise.all([
    stored('conv.weight', [3, 2, 0, 1]),
    ...['weight', 'bias', 'runningMean', 'runningVar'].map((name) => stored(`bn.${name}`, [0])),
    stored('fc1.weight', [3, 2, 0, 1], [3, 3, 8, 12], [12, 72]),
    stored('fc1.bias', [0]),
    stored('fc2.weight', [0, 1]),
    stored('fc2.bias', [0]),
  ]);
  const nodes = [
    node('Conv', ['x', 'conv.weight'], ['a'], { pads: [1, 1, 1, 1] }),
    node('BatchNormalization', ['a', 'bn.weight', 'bn.bias', 'bn.runningMean', 'bn.runningVar'], ['b']),
    node('Relu', ['b'], ['c']),
    node('MaxPool', ['c'], ['d'], { kernel_shape: [2, 2], strides: [2, 2] }),
    node('Flatten', ['d'], ['e']),
    node('Gemm', ['e', 'fc1.weight', 'fc1.bias'], ['f'], { transB: 1 }),
    node('Relu', ['f'], ['g']),
    node('MatMul', ['g', 'fc2.weight'], ['h']),
    node('Add', ['h', 'fc2.bias'], ['y']),
  ];
  return bytesOf(model(nodes, constants, [info('x', ['N', 3, 6, 6])], [info('y', ['N', 4])]));
}

describe('a network of ONNX is trained', () => {
  test('as the same network of our own: outputs, gradients, running statistics', async () => {
    const own = builtIn();
    using read = await io.loadOnnx(await asFile(own));
    using x = noisy([5, 6, 6, 3]);
    using labels = i32([0, 1, 2, 3, 0], [5]);
    for (const training of [false, true]) {
      own.train(training);
      read.train(training);
      own.zeroGrad();
      read.zeroGrad();
      const [mine, its] = [own.forward(x), read.forward(x)];
      expect(relativeError(await its.data(), await mine.data())).toBeLessThan(1e-6);
      loss.crossEntropy(mine, labels).backward();
      loss.crossEntropy(its, labels).backward();
      const gradients = new Map(read.namedParameters());
      expect([...gradients.keys()].sort()).toEqual([...own.namedParameters()].map(([name]) => name).sort());
      for (const [name, { grad }] of own.namedParameters()) {
        const error = relativeError(await gradients.get(name)!.grad!.data(), await grad!.data());
        expect(error, name).toBeLessThan(1e-5);
      }
    }
    for (const name of ['bn.runningMean', 'bn.runningVar']) {
      const [a, b] = [own, read].map((network) => network.stateDict().get(name) as Tensor);
      expect(relativeError(await b!.data(), await a!.data())).toBeLessThan(1e-6);
    }
  });

  test('dropout drops in training alone', async () => {
    const file = model([node('Dropout', ['x'], ['y'])], [], [info('x', [1000])], [info('y', [1000])]);
    using network = await io.loadOnnx(bytesOf(file));
    using x = f32(new Float32Array(1000).fill(1), [1000]);
    expect((await network.forward(x).data()).every((v) => v === 1)).toBe(true);
    const dropped = await network.train().forward(x).data();
    expect(dropped.filter((v) => v === 0).length).toBeGreaterThan(300);
    expect(dropped.every((v) => v === 0 || v === 2)).toBe(true);
  });

  test('by a Trainer, with another head on what is frozen, and saved', async () => {
    setSeed(5);
    const features = await io.loadOnnx(fixture('residual').bytes, { outputs: ['/Flatten_output_0'] });
    features.freeze();
    const before = Float32Array.from(await features.parameters()[0]!.data());
    using network = new nn.Sequential({ features, fc: new nn.Linear(16, 3) });
    const labels = Int32Array.from({ length: 48 }, (_, i) => i % 3);
    const images = noise(48 * 9 * 9 * 3, 4).map((v, i) => v / 4 + labels[Math.floor(i / 243)]! - 1);
    const set = new data.TensorDataset(f32(images, [48, 9, 9, 3]), i32(labels, [48]));
    const train = async (lr: number) => {
      const parameters = network.parameters().filter(({ requiresGrad }) => requiresGrad);
      const trainer = new Trainer(network, {
        optimizer: new optim.Adam(parameters, { lr }),
        loss: loss.crossEntropy,
      });
      const { epochs } = await trainer.fit(set, { epochs: 6, batchSize: 16, progress: false });
      return [epochs[0]!.loss, epochs.at(-1)!.loss] as const;
    };
    const [first, last] = await train(0.02);
    expect(last).toBeLessThan(first / 2);
    expect(relativeError(await features.parameters()[0]!.data(), before)).toBe(0);
    features.unfreeze();
    const [again, best] = await train(0.005);
    expect(best).toBeLessThan(again);
    expect(relativeError(await features.parameters()[0]!.data(), before)).toBeGreaterThan(0);

    const folder = mkdtempSync(join(tmpdir(), 'striate-onnx-'));
    try {
      await io.saveSafetensors(network, join(folder, 'tuned.safetensors'));
      const fresh = await io.loadOnnx(fixture('residual').bytes, { outputs: ['/Flatten_output_0'] });
      using copy = new nn.Sequential({ features: fresh, fc: new nn.Linear(16, 3) });
      await io.loadSafetensors(copy, join(folder, 'tuned.safetensors'));
      using x = noisy([2, 9, 9, 3]);
      network.eval();
      copy.eval();
      const [mine, its] = noGrad(() => [network.forward(x), copy.forward(x)] as const);
      expect(relativeError(await its.data(), await mine.data())).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
