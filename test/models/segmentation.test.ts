import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  data,
  emptyPool,
  loss,
  metrics,
  models,
  nn,
  noGrad,
  ops,
  optim,
  Trainer,
  type Tensor,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { expectClose, f32, i32, noisy } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';
import { collectGarbage } from '../garbage.js';
import { setParameters } from './parameters.js';

afterAll(emptyPool);

interface Case {
  name: string;
  shape: number[];
  outputs: { shape: number[]; values: number[] }[];
}

const one = (network: nn.Module) => ({ network, scores: (x: Tensor) => [network.forward(x)] });
const networks: Record<string, () => { network: nn.Module; scores: (x: Tensor) => Tensor[] }> = {
  unet: () => one(models.unet({ classes: 3, channels: 2, depth: 2, width: 4 })),
  'unet-valid': () => one(models.unet({ depth: 2, width: 4, batchNorm: true, padding: 'valid' })),
  'unet-bilinear': () =>
    one(models.unet({ channels: 3, depth: 3, width: 2, batchNorm: true, upsampling: 'bilinear' })),
  fcn32s: () => one(models.fcn32s({ classes: 3, hidden: 8 })),
  fcn8s: () => one(models.fcn8s({ classes: 3, hidden: 8 })),
  fcnResnet50: () => {
    const network = models.fcnResnet50({ classes: 2, auxLoss: true });
    return {
      network,
      scores: (x) => {
        const { out, aux } = network.allScores(x);
        return [out, aux];
      },
    };
  },
  googlenet: () => {
    const network = models.googlenet({ classes: 5, form: 'torchvision', auxLogits: true });
    return {
      network,
      scores: (x) => {
        const { logits, aux1, aux2 } = network.allScores(x);
        return [logits, aux1, aux2];
      },
    };
  },
};

test.each(vectors<Case>('segmentation'))("$name agrees with PyTorch's", async (c) => {
  const { network, scores } = networks[c.name]!();
  setParameters(network);
  for (const [, module] of network.modules()) if (module instanceof nn.Dropout) module.training = false;
  const found = noGrad(() => scores(f32(pattern(c.shape, 1), c.shape)));
  expect(found.map(({ shape }) => shape)).toEqual(c.outputs.map(({ shape }) => shape));
  for (const [i, { values }] of c.outputs.entries()) await expectClose(found[i]!, values, 5e-4);
  network.dispose();
});

const trained: [name: string, shape: number[], make: () => nn.Module][] = [
  ['unet', [2, 17, 14, 1], () => models.unet({ classes: 3, depth: 2, width: 3 })],
  [
    'unet, valid',
    [1, 44, 46, 2],
    () => models.unet({ classes: 3, channels: 2, depth: 2, width: 3, padding: 'valid' }),
  ],
  [
    'unet, bilinear',
    [2, 16, 18, 1],
    () => models.unet({ classes: 3, depth: 2, width: 2, batchNorm: true, upsampling: 'bilinear' }),
  ],
  ['fcn8s', [1, 33, 40, 1], () => models.fcn8s({ classes: 3, channels: 1, hidden: 8 })],
  ['fcnResnet50', [1, 33, 32, 2], () => models.fcnResnet50({ classes: 3, channels: 2, auxLoss: true })],
];

describe.each(trained)('%s', (_, shape, make) => {
  beforeEach(collectGarbage);

  test('gives each pixel scores, and its gradient reaches every parameter', async () => {
    using network = make();
    // Those that start at 0 let no gradient through.
    for (const parameter of network.parameters()) {
      if ((await parameter.data()).every((v) => v === 0)) parameter.assign(noisy(parameter.shape, 5));
    }
    using x = noisy(shape);
    using y = network.forward(x);
    const labels = i32(
      Array.from({ length: y.size / 3 }, (__, i) => (i % 5 === 4 ? 255 : i % 3)),
      y.shape.slice(0, -1),
    );
    const withAux = models.auxiliaryLoss((output: Tensor, target: Tensor<'i32'>) =>
      loss.crossEntropy(output, target, { ignoreIndex: 255 }),
    );
    using l = withAux(y, labels);
    l.backward();
    for (const [name, { grad }] of network.namedParameters()) {
      expect(grad, name).not.toBeNull();
      using squares = ops.square(grad!);
      expect(await squares.sum().item(), name).toBeGreaterThan(0);
    }
    network.zeroGrad();
    network.eval();
    const [a, b] = noGrad(() => [network.forward(x), network.forward(x)]);
    expect(await a.data()).toEqual(await b.data());
    const fused = noGrad(() => nn.fuseForInference(network).forward(x));
    await expectClose(fused, await a.data(), 1e-3);
  });

  test('leaves nothing but its result, recorded or not', () => {
    using network = make();
    const x = noisy(shape);
    const recorded = () => {
      const y = network.forward(x);
      models
        .auxiliaryLoss((output: Tensor) => ops.sum(output))(y, null)
        .dispose();
      return y;
    };
    for (const forward of [recorded, () => network.eval().forward(x)]) {
      forward().dispose();
      const before = native.memory().liveTensors;
      forward().dispose();
      expect(native.memory().liveTensors).toBe(before);
    }
  });
});

test('an image of the paper gives what the paper says', () => {
  using network = models.unet({ width: 1, padding: 'valid' });
  expect(network.inputShape).toEqual([572, 572, 1]);
  expect(noGrad(() => network.forward(noisy([1, 572, 572, 1]))).shape).toEqual([1, 388, 388, 2]);
});

test('transposed convolutions enlarge scores bilinearly at first', async () => {
  using network = models.fcn32s({ classes: 2, hidden: 4 });
  const upscore = [...network.children()].find(([name]) => name === 'upscore')![1];
  const x = noisy([1, 5, 4, 2]);
  const [inner, wanted] = noGrad(() =>
    [upscore.forward(x), ops.interpolate(x, { scaleFactor: 32, mode: 'bilinear' })].map((y) =>
      ops.slice(y, [0, 16, 16], [1, 144, 112]),
    ),
  );
  await expectClose(inner!, await wanted!.data(), 1e-6);
});

test('a Trainer counts auxiliary classifiers in training, and not where it measures', async () => {
  const model = models.googlenet({ classes: 3, channels: 1, auxLogits: true, smallImages: true });
  const seen: number[] = [];
  const counted = (output: Tensor, target: data.Target) => {
    seen.push(output.shape[1]!);
    return loss.crossEntropy(output, target);
  };
  const trainer = new Trainer(model, {
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
    loss: models.auxiliaryLoss(counted),
    metrics: ['accuracy'],
  });
  const set = new data.TensorDataset(noisy([4, 32, 32, 1]), i32([0, 1, 2, 0], [4]));
  await trainer.fit(set, { epochs: 1, batchSize: 4, progress: false });
  expect(seen).toEqual([3, 3, 3]);
  expect(model.parameters().every(({ grad }) => grad !== null)).toBe(true);
  await trainer.evaluate(set);
  expect(seen).toHaveLength(4);

  using x = noisy([2, 32, 32, 1]);
  const labels = i32([1, 2], [2]);
  using y = model.train().forward(x);
  const parts: Tensor[] = [];
  const total = models.auxiliaryLoss((output, target: Tensor<'i32'>) => {
    parts.push(loss.crossEntropy(output, target));
    return ops.mul(parts.at(-1)!, 1);
  }, 0.5)(y, labels);
  const [main, one1, two2] = await Promise.all(parts.map((part) => part.item()));
  expect(await total.item()).toBeCloseTo(main! + 0.5 * (one1! + two2!), 5);
  expect(() => models.auxiliaryLoss(loss.crossEntropy)(y, labels)).toThrow(/disposed/);
});

test('a network for 3 classes is measured pixel by pixel', async () => {
  const model = models.unet({ classes: 3, depth: 1, width: 2 });
  const trainer = new Trainer(model, {
    optimizer: new optim.SGD(model.parameters()),
    loss: loss.crossEntropy,
    metrics: [metrics.pixelAccuracy(), metrics.meanIoU(), metrics.meanIoU({ average: 'none' })],
  });
  Object.defineProperty(model, 'forward', { value: (x: Tensor) => ops.mul(x, 1), enumerable: false });
  const scores = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]; // prettier-ignore
  const set = new data.TensorDataset(
    f32(scores.flat(), [2, 2, 2, 3]),
    i32([0, 1, 0, 0, 1, 1, -100, -100], [2, 2, 2]),
  );
  const { metrics: found, tables } = await trainer.evaluate(set, { batchSize: 1 });
  // Class 0: 2 right, 3 taken, 3 of it; class 1: 2, 3, 3; class 2 does not occur.
  expect(found.pixelAccuracy).toBeCloseTo(4 / 6, 12);
  expect(found.meanIoU).toBeCloseTo(0.5, 12);
  expect(tables).toEqual({ iou: [0.5, 0.5, 0] });
});

test.each<[string, () => unknown, string]>([
  ['padding', () => models.unet({ padding: 'none' as never }), "unet: padding is 'none', wants 'same' or 'valid'"],
  ['upsampling', () => models.unet({ upsampling: 2 as never }), "unet: upsampling is 2, wants 'transposed' or"],
  ['depth', () => models.unet({ depth: 0 }), 'unet: depth is 0, wants a whole number from 1 on'],
  ['width', () => models.unet({ width: 1.5 }), 'unet: width is 1.5, wants a whole number'],
  ['batchNorm', () => models.unet({ batchNorm: 1 as never }), 'unet: batchNorm is 1, wants true or false'],
  ['form', () => models.googlenet({ form: 'x' as never }), "googlenet: form is 'x', wants 'paper' or 'torchvision'"],
  ['weight', () => models.auxiliaryLoss(loss.crossEntropy, NaN), 'auxiliaryLoss: weight is NaN, wants a finite'],
  [
    'call for three scores',
    () => models.googlenet({ classes: 2 }).allScores(noisy([1, 32, 32, 3])),
    'GoogLeNet: there are no auxiliary classifiers; make it with auxLogits: true',
  ],
  [
    'average',
    () => metrics.meanIoU({ average: 'micro' as never }),
    "meanIoU: average is 'micro', wants",
  ],
])('a %s that is none is told', (_, make, message) => {
  expect(make).toThrow(message);
}); // prettier-ignore
