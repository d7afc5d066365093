import { afterAll, describe, expect, test } from 'vitest';
import { emptyPool, loss, models, noGrad, ops, type nn } from '../../lib/index.js';
import { expectClose, f32, i32, noisy } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

afterAll(emptyPool);

interface Case {
  name: string;
  shape: number[];
  outputShape: number[];
  y: number[];
}

const classes = 5;
const networks: Record<string, () => nn.Sequential> = {
  alexnet: () => models.alexnet({ classes }),
  vgg16: () => models.vgg16({ classes }),
  googlenet: () => models.googlenet({ classes }),
  resnet18: () => models.resnet18({ classes }),
  'resnet18-cifar': () => models.resnet18({ smallImages: true, classes }),
  resnet34: () => models.resnet34({ classes }),
  resnet50: () => models.resnet50({ classes }),
};

/** As test/fixtures/networks.py sets them. */
function setParameters(module: nn.Module): void {
  for (const [i, parameter] of module.parameters().entries()) {
    const { shape } = parameter;
    const scale = Math.sqrt(6 / shape.slice(0, -1).reduce((n, extent) => n * extent, 1));
    const values = pattern(shape, i + 2).map((v) => (shape.length === 1 ? 0.5 + 0.25 * v : v * scale));
    parameter.assign(f32(values, shape));
  }
}

test.each(vectors<Case>('networks'))("$name agrees with PyTorch's", async (c) => {
  using network = networks[c.name]!();
  const first = network.at(0);
  // Those with large layers behind their features are compared up to these.
  const compared = c.outputShape.length === 4 ? first : network;
  setParameters(compared);
  for (const [path, module] of network.modules()) if (path === 'dropout') module.training = false;
  const y = noGrad(() => compared.forward(f32(pattern(c.shape, 1), c.shape)));
  expect(y.shape).toEqual(c.outputShape);
  // Batch norm over few values makes the rounding errors of the convolutions before it larger.
  await expectClose(y, c.y, 5e-4);
});

interface Published {
  name: string;
  make: () => nn.Sequential;
  parameters: number;
  tensors: number;
  names: string[];
}

/** Numbers of torchvision's models, but for GoogLeNet's, which has 3×3 convolutions for the 5×5 ones. */
const published: Published[] = [
  {
    name: 'alexnet',
    make: () => models.alexnet(),
    parameters: 61_100_840,
    tensors: 16,
    names: ['features.0.weight', 'features.10.bias', 'classifier.1.weight', 'classifier.6.bias'],
  },
  {
    name: 'vgg11',
    make: () => models.vgg11(),
    parameters: 132_863_336,
    tensors: 22,
    names: ['features.18.bias'],
  },
  {
    name: 'vgg13',
    make: () => models.vgg13(),
    parameters: 133_047_848,
    tensors: 26,
    names: ['features.22.bias'],
  },
  {
    name: 'vgg16',
    make: () => models.vgg16(),
    parameters: 138_357_544,
    tensors: 32,
    names: ['features.0.weight', 'features.28.bias', 'classifier.0.weight', 'classifier.6.bias'],
  },
  {
    name: 'vgg19',
    make: () => models.vgg19(),
    parameters: 143_667_240,
    tensors: 38,
    names: ['features.34.bias'],
  },
  {
    name: 'googlenet',
    make: () => models.googlenet(),
    parameters: 6_624_904 + (25 - 9) * 23_808,
    tensors: 173,
    names: [
      'conv1.conv.weight',
      'conv3.bn.bias',
      'inception3a.branch1.conv.weight',
      'inception4c.branch2.0.bn.weight',
      'inception4e.branch3.1.conv.weight',
      'inception5b.branch4.1.bn.bias',
      'fc.weight',
    ],
  },
  {
    name: 'resnet18',
    make: () => models.resnet18(),
    parameters: 11_689_512,
    tensors: 62,
    names: ['conv1.weight', 'bn1.bias', 'layer1.0.conv1.weight', 'layer2.0.downsample.0.weight', 'fc.bias'],
  },
  {
    name: 'resnet34',
    make: () => models.resnet34(),
    parameters: 21_797_672,
    tensors: 110,
    names: ['layer3.5.bn2.weight', 'layer4.0.downsample.1.bias'],
  },
  {
    name: 'resnet50',
    make: () => models.resnet50(),
    parameters: 25_557_032,
    tensors: 161,
    names: ['layer1.0.downsample.0.weight', 'layer3.5.conv3.weight', 'layer4.2.bn3.bias', 'fc.weight'],
  },
];

test.each(published)('$name has the published parameters, and their names', (c) => {
  using network = c.make();
  const parameters = new Map(network.namedParameters());
  expect([...parameters.values()].reduce((n, p) => n + p.size, 0)).toBe(c.parameters);
  expect(parameters.size).toBe(c.tensors);
  expect([...parameters.keys()]).toEqual(expect.arrayContaining(c.names));
  const norms = [...network.stateDict().keys()].filter((name) => name.endsWith('runningMean'));
  expect(norms.every((name) => /bn\d?\.|downsample\.1\./.test(name))).toBe(true);
});

test('resnet18 for small images has no pooling before its blocks, and a 3×3 stem', () => {
  using network = models.resnet18({ smallImages: true, classes: 10 });
  expect(network.parameters().reduce((n, p) => n + p.size, 0)).toBe(11_173_962);
  const state = network.stateDict();
  expect(state.get('conv1.weight')?.shape).toEqual([3, 3, 3, 64]);
  expect(network.at(3).forward(network.at(0).forward(noisy([1, 8, 8, 3]))).shape).toEqual([1, 8, 8, 64]);
});

const trained: [name: string, shape: number[], make: () => nn.Sequential][] = [
  ['alexnet', [1, 67, 63, 1], () => models.alexnet({ classes: 3, channels: 1 })],
  ['googlenet', [2, 64, 64, 2], () => models.googlenet({ classes: 3, channels: 2 })],
  ['resnet18', [2, 33, 32, 4], () => models.resnet18({ classes: 3, channels: 4 })],
  ['resnet50', [2, 33, 32, 3], () => models.resnet50({ classes: 3 })],
];

describe.each(trained)('%s', (_, shape, make) => {
  test('gives scores, and its gradient reaches every parameter', async () => {
    using network = make();
    using x = noisy(shape);
    using y = network.forward(x);
    expect(y.shape).toEqual([shape[0], 3]);
    using l = loss.crossEntropy(y, i32([1, 2].slice(0, shape[0]), [shape[0]!]));
    l.backward();
    for (const [name, { grad }] of network.namedParameters()) {
      expect(grad, name).not.toBeNull();
      using squares = ops.square(grad!);
      const sum = await squares.sum().item();
      // A channel may be dead behind its ReLU; a whole tensor is not.
      expect(sum, name).toBeGreaterThan(0);
    }
    network.zeroGrad();
    network.eval();
    const [a, b] = noGrad(() => [network.forward(x), network.forward(x)]);
    expect(await a.data()).toEqual(await b.data());
    expect((await a.data()).every(Number.isFinite)).toBe(true);
  });
});

test('vgg refuses other numbers of layers', () => {
  expect(() => models.vgg(12 as never)).toThrow(RangeError);
  expect(() => models.vgg(12 as never)).toThrow('vgg: layers is 12, wants 11, 13, 16 or 19');
});
