import { afterAll, describe, expect, test } from 'vitest';
import { emptyPool, loss, models, nn, noGrad, ops } from '../../lib/index.js';
import { expectClose, f32, i32, noisy } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';
import { setParameters } from './parameters.js';

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

test('resnet18 for small images has no pooling before its blocks, and a 3×3 stem', () => {
  using network = models.resnet18({ smallImages: true, classes: 10 });
  expect(network.parameters().reduce((n, p) => n + p.size, 0)).toBe(11_173_962);
  const state = network.stateDict();
  expect(state.get('conv1.weight')?.shape).toEqual([3, 3, 3, 64]);
  expect(network.at(3).forward(network.at(0).forward(noisy([1, 8, 8, 3]))).shape).toEqual([1, 8, 8, 64]);
});

test.each<[string, () => nn.Sequential, string, number[]]>([
  ['googlenet', () => models.googlenet({ smallImages: true, classes: 10 }), 'inception5b', [1, 8, 8, 1024]],
  ['mobilenet', () => models.mobilenet({ smallImages: true, classes: 10 }), 'features', [1, 4, 4, 1024]],
  ['mobilenetV2', () => models.mobilenetV2({ smallImages: true, classes: 10 }), 'features', [1, 4, 4, 1280]],
  ['squeezenet', () => models.squeezenet({ smallImages: true, classes: 10 }), 'features', [1, 4, 4, 512]],
])('%s for small images halves them less often', (_, make, path, shape) => {
  using network = make();
  expect(network.inputShape).toEqual([32, 32, 3]);
  const { layers } = nn.summary(network, [32, 32, 3]);
  expect(layers.findLast((layer) => layer.path.startsWith(path))?.outputShape.slice(0, 3)).toEqual(
    shape.slice(0, 3),
  );
  expect(layers.at(-1)?.outputShape.at(-1)).toBe(10);
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
