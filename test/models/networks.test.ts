import { afterAll, describe, expect, test } from 'vitest';
import { emptyPool, loss, models, nn, noGrad, ops } from '../../lib/index.js';
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
  'lenet5-1998': () => models.lenet5({ classes, form: '1998' }),
  alexnet: () => models.alexnet({ classes }),
  alexnet2012: () => models.alexnet2012({ classes }),
  zfnet: () => models.zfnet({ classes }),
  'vgg11-bn': () => models.vgg11({ classes, batchNorm: true }),
  vgg16: () => models.vgg16({ classes }),
  googlenet: () => models.googlenet({ classes }),
  resnet18: () => models.resnet18({ classes }),
  'resnet18-cifar': () => models.resnet18({ smallImages: true, classes }),
  resnet34: () => models.resnet34({ classes }),
  resnet50: () => models.resnet50({ classes }),
  resnet20: () => models.resnet20({ classes }),
  mobilenet: () => models.mobilenet({ classes }),
  mobilenetV2: () => models.mobilenetV2({ classes }),
  'squeezenet1.0': () => models.squeezenet({ classes, version: '1.0' }),
  'squeezenet1.1': () => models.squeezenet({ classes }),
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
  for (const [, module] of network.modules()) if (module instanceof nn.Dropout) module.training = false;
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

/**
 * Numbers of torchvision's models, but for GoogLeNet's, which has 3×3 convolutions for the 5×5 ones. Of what torchvision
 * has not: AlexNet's, MobileNet's and the CIFAR ResNets' as the papers count them (60 million, 4.2, 0.27, 0.85), ZFNet's
 * by its layers.
 */
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
  {
    name: 'resnet101',
    make: () => models.resnet101(),
    parameters: 44_549_160,
    tensors: 314,
    names: ['layer3.22.conv3.weight'],
  },
  {
    name: 'resnet152',
    make: () => models.resnet152(),
    parameters: 60_192_808,
    tensors: 467,
    names: ['layer2.7.bn3.bias', 'layer3.35.conv3.weight'],
  },
  {
    name: 'resnet20',
    make: () => models.resnet20(),
    parameters: 269_722,
    tensors: 59,
    names: ['conv1.weight', 'layer3.2.bn2.bias'],
  },
  {
    name: 'resnet56',
    make: () => models.resnet56(),
    parameters: 853_018,
    tensors: 167,
    names: ['layer2.8.conv2.weight'],
  },
  {
    name: 'alexnet2012',
    make: () => models.alexnet2012(),
    parameters: 60_965_224,
    tensors: 16,
    names: ['features.12.bias'],
  },
  {
    name: 'zfnet',
    make: () => models.zfnet(),
    parameters: 62_357_608,
    tensors: 16,
    names: ['features.12.bias'],
  },
  {
    name: 'mobilenet',
    make: () => models.mobilenet(),
    parameters: 4_231_976,
    tensors: 83,
    names: ['features.78.weight', 'fc.bias'],
  },
  {
    name: 'mobilenetV2',
    make: () => models.mobilenetV2(),
    parameters: 3_504_872,
    tensors: 158,
    names: [
      'features.0.0.weight',
      'features.1.conv.0.0.weight',
      'features.2.conv.1.1.bias',
      'features.17.conv.2.weight',
      'features.18.1.weight',
      'classifier.1.bias',
    ],
  },
  {
    name: 'squeezenet 1.0',
    make: () => models.squeezenet({ version: '1.0' }),
    parameters: 1_248_424,
    tensors: 52,
    names: [
      'features.0.weight',
      'features.3.squeeze.weight',
      'features.12.expand3x3.bias',
      'classifier.1.weight',
    ],
  },
  {
    name: 'squeezenet 1.1',
    make: () => models.squeezenet(),
    parameters: 1_235_496,
    tensors: 52,
    names: ['features.12.expand1x1.weight'],
  },
  ...(
    [
      [11, 132_868_840, 38],
      [13, 133_053_736, 46],
      [16, 138_365_992, 58],
      [19, 143_678_248, 70],
    ] as const
  ).map(([layers, parameters, tensors]) => ({
    name: `vgg${layers} with batch normalization`,
    make: () => models.vgg(layers, { batchNorm: true }),
    ...{ parameters, tensors, names: ['features.0.weight', 'features.1.bias', 'classifier.6.bias'] },
  })),
];

test.each(published)('$name has the published parameters, and their names', (c) => {
  using network = c.make();
  const parameters = new Map(network.namedParameters());
  expect([...parameters.values()].reduce((n, p) => n + p.size, 0)).toBe(c.parameters);
  expect(parameters.size).toBe(c.tensors);
  expect([...parameters.keys()]).toEqual(expect.arrayContaining(c.names));
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
  ['resnet20', [2, 17, 16, 2], () => models.resnet20({ classes: 3, channels: 2 })],
  ['alexnet2012', [1, 67, 63, 1], () => models.alexnet2012({ classes: 3, channels: 1 })],
  ['zfnet', [1, 67, 63, 1], () => models.zfnet({ classes: 3, channels: 1 })],
  ['mobilenet', [4, 65, 64, 2], () => models.mobilenet({ classes: 3, channels: 2, width: 0.5 })],
  ['mobilenetV2', [4, 65, 64, 2], () => models.mobilenetV2({ classes: 3, channels: 2, width: 0.5 })],
  ['squeezenet', [1, 65, 64, 2], () => models.squeezenet({ classes: 3, channels: 2 })],
];

describe.each(trained)('%s', (_, shape, make) => {
  test('gives scores, and its gradient reaches every parameter', async () => {
    using network = make();
    using x = noisy(shape);
    using y = network.forward(x);
    expect(y.shape).toEqual([shape[0], 3]);
    using l = loss.crossEntropy(y, i32([1, 2, 0, 1].slice(0, shape[0]), [shape[0]!]));
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

test.each<[string, () => unknown, string]>([
  ['layers', () => models.cifarResnet(18), 'cifarResnet: layers is 18, wants 8, 14, 20, …: 6n + 2'],
  ['width', () => models.mobilenet({ width: 0 }), 'mobilenet: width is 0, wants a number above 0, up to 16'],
  ['width', () => models.mobilenetV2({ width: NaN }), 'mobilenetV2: width is NaN, wants a number above 0'],
  [
    'version',
    () => models.squeezenet({ version: '2' as never }),
    "squeezenet: version is '2', wants '1.0' or",
  ],
  ['form', () => models.lenet5({ form: 'x' as never }), "lenet5: form is 'x', wants 'relu' or '1998'"],
])('a %s that is none is told', (_, make, message) => {
  expect(make).toThrow(message);
});

test('vgg refuses other numbers of layers', () => {
  expect(() => models.vgg(12 as never)).toThrow(RangeError);
  expect(() => models.vgg(12 as never)).toThrow('vgg: layers is 12, wants 11, 13, 16 or 19');
});
