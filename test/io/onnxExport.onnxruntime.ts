// What ONNX Runtime computes from the files that striate writes, against what striate computes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyPool, io, models, nn, noGrad, ops, Tensor, type DType, type Shape } from '../../lib/index.js';
import { f32, i32, noise, relativeError, volume } from '../check.js';
import { OnnxFile } from './onnxRuntime.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-onnx-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  emptyPool();
});

/** Statistics and slopes that are not those of the start. */
function disturb(module: nn.Module): void {
  let seed = 1;
  for (const [path, tensor] of module.stateDict()) {
    if (tensor.dtype !== 'f32') continue;
    const values = noise(tensor.size, ++seed);
    const one = /(runningVar|norm.*weight|bn\d?\.weight)$/.test(path);
    if (one)
      (tensor as Tensor).assign(
        f32(
          values.map((v) => 1 + 0.5 * v),
          tensor.shape,
        ),
      );
    else if (tensor.rank === 1)
      (tensor as Tensor).assign(
        f32(
          values.map((v) => 0.2 * v),
          tensor.shape,
        ),
      );
  }
}

interface Options {
  dtype?: DType;
  opset?: number;
  tolerance?: number;
  /** Whether samples are positive. */
  positive?: boolean;
}

let files = 0;

async function expectSame(
  model: nn.Module,
  inputShape: Shape,
  { dtype = 'f32', opset, tolerance = 1e-4, positive = false }: Options = {},
): Promise<void> {
  const file = join(folder, `${++files}.onnx`);
  disturb(model);
  await io.saveOnnx(model, file, { inputShape, dtype, opset });
  model.eval();
  await using onnx = await OnnxFile.open(file);
  for (const batch of [1, 5]) {
    const shape = [batch, ...inputShape];
    const values = noise(volume(shape), batch).map((v) => (positive ? Math.abs(v) + 0.01 : v));
    const whole = Int32Array.from(values, (v) => Math.floor(5 + 5 * v));
    using x = dtype === 'f32' ? f32(values, shape) : (i32(whole, shape) as unknown as Tensor);
    using y = noGrad(() => model.forward(x));
    const result = await onnx.run(dtype === 'f32' ? values : whole, shape);
    expect(result.shape).toEqual(y.shape);
    const wanted = await y.data();
    expect(wanted.every(Number.isFinite)).toBe(true);
    const error = relativeError(result.data, wanted);
    expect(error, `batch of ${batch}: relative error ${error}`).toBeLessThanOrEqual(tolerance);
  }
  await rm(file);
}

/** A module of a function, with the modules that it uses. */
class Computed extends nn.Module {
  readonly parts: readonly nn.Module[];
  readonly #work: (x: Tensor) => Tensor;

  constructor(work: (x: Tensor) => Tensor, parts: readonly nn.Module[]) {
    super();
    this.#work = work;
    this.parts = parts;
  }

  override forward(x: Tensor): Tensor {
    return this.#work(x);
  }
}

/** A layer and what undoes it with the same weights. */
function tied<L extends nn.Module>(decoder: (layer: L) => nn.Module, layer: L): nn.Module {
  return new Sequential(layer, decoder(layer));
}

function of<Parts extends readonly nn.Module[]>(
  work: (x: Tensor, ...parts: Parts) => Tensor,
  ...parts: Parts
): nn.Module {
  return new Computed((x) => work(x, ...parts), parts);
}

const { Sequential } = nn;
const image = [9, 7, 6];
const sequence = [11, 6];
const row = [10];

type Case = [name: string, make: () => nn.Module, inputShape: Shape, options?: Options];

const layers: Case[] = [
  ['Conv2d', () => new nn.Conv2d(6, 5, 3), image],
  ['Conv2d of a size, stride and padding each', () => new nn.Conv2d(6, 5, [3, 2], { stride: [2, 1], padding: [1, 0] }), image],
  ['Conv2d padded unequally', () => new nn.Conv2d(6, 5, 2, { padding: [1, 0, 2, 1] }), image],
  ['Conv2d to the same size', () => new nn.Conv2d(6, 5, 4, { padding: 'same', bias: false }), image],
  ['Conv2d dilated, in groups', () => new nn.Conv2d(6, 4, 3, { dilation: 2, groups: 2 }), image],
  ['Conv2d, depthwise', () => new nn.Conv2d(6, 12, 3, { groups: 6, padding: 1 }), image],
  ['SeparableConv2d', () => new Sequential(new nn.SeparableConv2d(6, 5, 3), new nn.ReLU()), image],
  ['MaxoutConv2d', () => new nn.MaxoutConv2d(6, 4, 3, 3), image],
  ['DropConnectConv2d', () => new nn.DropConnectConv2d(6, 4, 3), image],
  ['Conv2d with residual and ReLU', () => of((x, conv) => conv.forwardAddRelu(x, x), new nn.Conv2d(6, 6, 3, { padding: 1 })), image],
  ['Conv1d', () => new Sequential(new nn.Conv1d(6, 5, 3, { stride: 2, padding: 1 }), new nn.BatchNorm1d(5), new nn.ReLU(), new nn.Conv1d(5, 4, 2)), sequence],
  ['ConvTranspose2d', () => new nn.ConvTranspose2d(6, 4, 3, { stride: 2, padding: 1, outputPadding: 1 }), image],
  ['ConvTranspose2d in groups with a norm', () => new Sequential(new nn.ConvTranspose2d(6, 4, [3, 2], { groups: 2, dilation: 2 }), new nn.BatchNorm2d(4)), image],
  ['ConvTranspose1d', () => new nn.ConvTranspose1d(6, 4, 3, { stride: 2 }), sequence],
  ['Linear', () => new nn.Linear(10, 4), row],
  ['Linear on the last of several axes', () => new Sequential(new nn.Linear(6, 4), new nn.ReLU()), image],
  ['Linear of one feature', () => new Sequential(new nn.Linear(1, 1), new nn.Linear(1, 3)), [1]],
  ['MaxoutLinear', () => new nn.MaxoutLinear(10, 4, 2), row],
  ['DropConnectLinear', () => new nn.DropConnectLinear(10, 4, { bias: false }), row],
  ['TiedLinear', () => tied((layer: nn.Linear) => new nn.TiedLinear(layer), new nn.Linear(10, 4)), row],
  ['TiedConvTranspose2d', () => tied((layer: nn.Conv2d) => new nn.TiedConvTranspose2d(layer), new nn.Conv2d(6, 4, 3)), image],
  ['MaskingNoise and Sparsity', () => new Sequential(new nn.MaskingNoise(0.3), new nn.Sparsity(), new nn.Linear(10, 4)), row],
  ['Embedding', () => new nn.Embedding(10, 4), [7], { dtype: 'i32' }],
  ['Flatten and Linear', () => new Sequential(new nn.Conv2d(6, 5, 3), new nn.Flatten(), new nn.BatchNorm1d(175), new nn.PReLU(175), new nn.Linear(175, 3)), image],
  ['Flatten at the end', () => new Sequential(new nn.Conv2d(6, 5, 3), new nn.Flatten()), image],
  ['Flatten from a later axis', () => new Sequential(new nn.Conv2d(6, 5, 3), new nn.Flatten(2)), image],
  ['Reshape and a decoder', () => new Sequential(new nn.Linear(10, 48), new nn.BatchNorm1d(48), new nn.ReLU(), new nn.Reshape([4, 3, 4]), new nn.ConvTranspose2d(4, 2, 2, { stride: 2 })), row],
  ['Reshape to what does not align', () => new nn.Reshape([6, 7, 9]), image],
  ['Identity', () => new Sequential(new nn.Identity(), new nn.Conv2d(6, 2, 1)), image],
  ['BatchNorm2d alone', () => new nn.BatchNorm2d(6), image],
  ['BatchNorm2d, not affine, after ReLU', () => new Sequential(new nn.Conv2d(6, 4, 3), new nn.ReLU(), new nn.BatchNorm2d(4, { affine: false })), image],
  ['BatchNorm2d with residual and ReLU', () => of((x, norm) => norm.forwardAddRelu(x, x), new nn.BatchNorm2d(6)), image],
  ['BatchNorm1d of rows', () => new Sequential(new nn.Linear(10, 4), new nn.BatchNorm1d(4), new nn.ReLU(), new nn.BatchNorm1d(4)), row],
  ['BatchNorm1d of sequences', () => new nn.BatchNorm1d(6), sequence],
  ['a result that two norms use', () => of((x, conv, a, b) => { const y = conv.forward(x); return ops.add(a.forward(y), b.forward(y)); }, new nn.Conv2d(6, 4, 3), new nn.BatchNorm2d(4), new nn.BatchNorm2d(4)), image],
  ['LayerNorm of channels', () => new nn.LayerNorm(6), image],
  ['LayerNorm of images', () => new nn.LayerNorm(image), image],
  ['LayerNorm of rows', () => new nn.LayerNorm(10), row],
  ['LayerNorm without weights', () => new nn.LayerNorm(10, { elementwiseAffine: false }), row],
  ['GroupNorm', () => new nn.GroupNorm(3, 6), image],
  ['GroupNorm of rows', () => new nn.GroupNorm(2, 10, { affine: false }), row],
  ['GroupNorm of sequences', () => new Sequential(new nn.GroupNorm(2, 6), new nn.ReLU()), sequence],
  ['InstanceNorm2d', () => new nn.InstanceNorm2d(6, { affine: true }), image],
  ['InstanceNorm2d with running statistics', () => new nn.InstanceNorm2d(6, { trackRunningStats: true }), image],
  ['InstanceNorm1d', () => new nn.InstanceNorm1d(6), sequence],
  ['LocalResponseNorm', () => new nn.LocalResponseNorm(5, { alpha: 0.5, k: 2 }), image],
  ['LocalResponseNorm of an even size', () => new nn.LocalResponseNorm(4, { alpha: 0.5, beta: 0.6 }), image],
  ['LocalResponseNorm of rows', () => new nn.LocalResponseNorm(3, { alpha: 0.5 }), row],
  ['LocalResponseNorm of sequences', () => new nn.LocalResponseNorm(2, { alpha: 0.5 }), sequence],
  ['MaxPool2d', () => new nn.MaxPool2d(2), image],
  ['MaxPool2d dilated, padded', () => new nn.MaxPool2d(3, { stride: 2, padding: 1, dilation: 2 }), image],
  ['MaxPool2d rounded up', () => new nn.MaxPool2d(3, { stride: 2, ceilMode: true, padding: [0, 1] }), [8, 7, 6]],
  ['MaxPool1d', () => new nn.MaxPool1d(3, { stride: 2, ceilMode: true }), sequence],
  ['MaxUnpool2d', () => of((x, pool, unpool) => { const { output, indices } = pool.forwardWithIndices(x); return unpool.forward(output, indices, [9, 7]); }, new nn.MaxPool2d(2), new nn.MaxUnpool2d(2)), image],
  ['MaxUnpool1d', () => of((x, pool, unpool) => { const { output, indices } = pool.forwardWithIndices(x); return unpool.forward(output, indices, 11); }, new nn.MaxPool1d(2), new nn.MaxUnpool1d(2)), sequence],
  ['AvgPool2d', () => new nn.AvgPool2d(3, { stride: 2, padding: 1 }), image],
  ['AvgPool2d without padding in its means', () => new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }), image],
  ['AvgPool2d rounded up', () => new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true }), [8, 6, 6]],
  ['AvgPool2d rounded up, without padding in its means', () => new nn.AvgPool2d([3, 2], { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }), [8, 7, 6]],
  ['AvgPool1d', () => new nn.AvgPool1d(3, { padding: 1 }), sequence],
  ['LPPool2d', () => new nn.LPPool2d(2, 2, { ceilMode: true }), image],
  ['LPPool2d of another power', () => new nn.LPPool2d(3, 2), image, { positive: true }],
  ['LPPool1d', () => new nn.LPPool1d(1, 2), sequence],
  ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d([4, 3]), image],
  ['AdaptiveAvgPool2d of even windows', () => new nn.AdaptiveAvgPool2d([3, 7]), image],
  ['AdaptiveMaxPool2d', () => new nn.AdaptiveMaxPool2d([4, 3]), image],
  ['AdaptiveMaxPool2d of even windows', () => new nn.AdaptiveMaxPool2d([3, 1]), image],
  ['AdaptiveAvgPool1d', () => new nn.AdaptiveAvgPool1d(4), sequence],
  ['AdaptiveMaxPool1d', () => new nn.AdaptiveMaxPool1d(4), sequence],
  ['GlobalAvgPool2d', () => new nn.GlobalAvgPool2d(), image],
  ['GlobalMaxPool2d', () => new nn.GlobalMaxPool2d({ keepDims: true }), image],
  ['Upsample, nearest', () => new nn.Upsample({ scaleFactor: 2 }), image],
  ['Upsample, nearest, of other factors', () => new nn.Upsample({ size: [14, 5] }), image],
  ['Upsample, bilinear', () => new nn.Upsample({ size: [14, 16], mode: 'bilinear' }), image],
  ['Upsample, bilinear, corners aligned', () => new nn.Upsample({ size: [14, 5], mode: 'bilinear', alignCorners: true }), image],
  ['Upsample of sequences', () => new nn.Upsample({ scaleFactor: 1.5, mode: 'linear' }), sequence],
  ['Softmax', () => new nn.Softmax(), row],
  ['Softmax along height', () => new nn.Softmax(1), image],
  ['LogSoftmax', () => new nn.LogSoftmax(), image],
  ['Parallel', () => new nn.Parallel(new nn.Conv2d(6, 2, 1), new nn.Conv2d(6, 3, 3, { padding: 1 }), new nn.Identity()), image],
  ['Residual', () => new nn.Residual(new nn.Conv2d(6, 6, 1), new nn.Conv2d(6, 6, 1)), image],
  ['Dropouts', () => new Sequential(new nn.Dropout(0.5, { inverted: false }), new nn.Dropout2d(), new nn.GaussianDropout(), new nn.GaussianNoise(1), new nn.AlphaDropout(), new nn.Dropout(), new nn.Conv2d(6, 2, 1)), image],
  ['Dropout1d', () => new Sequential(new nn.Dropout1d(), new nn.Conv1d(6, 2, 1)), sequence],
  ...([
    ['ReLU', () => new nn.ReLU()],
    ['Sigmoid', () => new nn.Sigmoid()],
    ['Tanh', () => new nn.Tanh()],
    ['LeakyReLU', () => new nn.LeakyReLU(0.2)],
    ['PReLU', () => new nn.PReLU()],
    ['PReLU of channels', () => new nn.PReLU(6)],
    ['ReLU6', () => new nn.ReLU6()],
    ['ELU', () => new nn.ELU(0.7)],
    ['SELU', () => new nn.SELU()],
    ['GELU', () => new nn.GELU()],
    ['GELU by tanh', () => new nn.GELU({ approximate: 'tanh' })],
    ['SiLU', () => new nn.SiLU()],
    ['Hardswish', () => new nn.Hardswish()],
    ['Hardsigmoid', () => new nn.Hardsigmoid()],
    ['Mish', () => new nn.Mish()],
    ['Softplus', () => new nn.Softplus()],
    ['Softplus, bent, with a near threshold', () => new nn.Softplus({ beta: 2, threshold: 1 })],
    ['LogSigmoid', () => new nn.LogSigmoid()],
    ['Softsign', () => new nn.Softsign()],
  ] as [string, () => nn.Module][]).map(([name, make]): Case => [name, () => new Sequential(new nn.BatchNorm2d(6), make()), image]),
]; // prettier-ignore

const squeezed = (x: Tensor, conv: nn.Module): Tensor => {
  const scores = conv.forward(ops.mean(x, [1, 2], true));
  return ops.mul(x, ops.sigmoid(scores));
};

const operations: Case[] = [
  ['squeeze and excitation', () => of((x, conv) => squeezed(x, conv), new nn.Conv2d(6, 6, 1)), image],
  ['arithmetic with numbers', () => of((x) => ops.div(ops.sub(1, ops.mul(ops.pow(ops.abs(x), 1.5), 0.5)), 3)), image],
  ['functions', () => of((x) => ops.add(ops.exp(ops.neg(ops.square(x))), ops.log(ops.add(ops.sqrt(ops.abs(x)), ops.reciprocal(ops.add(ops.abs(ops.erf(x)), 1)))))), image],
  ['comparisons', () => of((x) => ops.where(ops.greater(x, 0.2), ops.maximum(x, 0.5), ops.where(ops.lessEqual(x, -0.2), ops.sign(x), ops.minimum(x, 0)))), image],
  ['more comparisons', () => of((x) => ops.add(ops.cast(ops.notEqual(x, ops.relu(x)), 'f32'), ops.cast(ops.greaterEqual(x, 0), 'f32'))), image],
  ['what broadcasts along features and rows', () => of((x) => ops.add(ops.mul(x, ops.mean(x, 3, true)), ops.mean(x, [0], false).mean([2], true))), [4, 3, 5]],
  ['neither of which has the result\'s shape', () => of((x) => ops.add(ops.sum(x, 1, true), ops.max(x, 2, true))), image],
  ['reductions of all sorts', () => of((x) => ops.concat([ops.mean(x, [1, 2]), ops.min(x, [2, 1]), ops.variance(x, [1, 2])], 1)), image],
  ['reductions that leave an image\'s axes', () => of((x) => ops.max(x, 1)), image],
  ['a sum over the features', () => of((x) => ops.sum(x, -1)), image],
  ['the largest feature', () => of((x) => ops.cast(ops.argMax(x), 'f32')), image],
  ['transposed', () => of((x) => ops.transpose(x, [0, 2, 1, 3])), image],
  ['transposed, then a layer', () => of((x, layer) => layer.forward(ops.transpose(x, [0, 3, 2, 1])), new nn.Linear(9, 4)), image],
  ['attention over places', () => of((x, q, k) => { const n = x.shape[0]!; const [a, b] = [q, k].map((layer) => ops.reshape(layer.forward(x), [n, 63, 4])); return ops.matmul(ops.softmax(ops.matmul(a!, b!, { transposeB: true })), b!); }, new nn.Conv2d(6, 4, 1), new nn.Conv2d(6, 4, 1)), image],
  ['tied weights', () => of((x, layer) => ops.matmul(layer.forwardRelu(x), layer.weight, { transposeB: true }), new nn.Linear(10, 4)), row],
  ['parts', () => of((x) => ops.concat([ops.slice(x, [0, 1, 0, 2], [Infinity, 6, Infinity, 5], [1, 2]), ops.slice(x, [0, -3, 0, -3])], 3)), image],
  ['parts from behind', () => of((x) => ops.concat([ops.slice(x, [0, 6, 0, -1], [Infinity, 1, Infinity, 1], [1, -2, 1, -1]), ops.slice(x, [0, 0, 0, 5], [Infinity, 3], [1, 1, 1, -2])], 3)), image],
  ['chosen features', () => of((x) => ops.gather(x, ops.tensor(new Int32Array([4, 0, 4])), -1)), image],
  ['bounded', () => of((x) => ops.add(ops.clamp(x, -0.3, 0.5), ops.add(ops.clamp(x, 0.1), ops.hardsigmoid(x.clamp(-Infinity, 0.4), { alpha: 0.4, beta: 0.3 })))), image],
  ['whole numbers', () => of((x) => { const y = ops.mul(x, 4.3); const n = ops.cast(ops.round(y), 'i32'); const q = ops.where(ops.greater(y, 1), ops.div(n, 2, { roundingMode: 'trunc' }), -7); return ops.add(ops.cast(q, 'f32'), ops.sub(ops.floor(y), ops.ceil(y))); }), image],
  ['tiled', () => of((x) => ops.tile(x, [1, 2, 1, 3])), image],
  ['split', () => of((x) => { const [a, b] = ops.split(x, 3, -1); return ops.sub(a!, b!); }), image],
  ['padded', () => of((x) => ops.pad(x, [[0, 0], [1, 2], [0, 3], [2, 1]], 0.5)), image],
  ['stacked', () => of((x) => ops.stack([x, ops.neg(x)], 2)), sequence],
  ['squeezed and unsqueezed', () => of((x) => ops.squeeze(ops.unsqueeze(ops.mean(x, [1], true), 1), [2])), image],
  ['shuffled channels', () => of((x) => ops.reshape(ops.transpose(ops.reshape(x, [x.shape[0]!, 9, 7, 2, 3]), [0, 1, 2, 4, 3]), x.shape)), image],
  ['samples and rows as one axis', () => of((x, layer) => ops.reshape(layer.forward(ops.reshape(x, [-1, 6])), [x.shape[0]!, 11, 4]), new nn.Linear(6, 4)), sequence],
  ['zeros for each sample', () => of((x) => ops.concat([x, ops.zeros([x.shape[0]!, 2, 6])], 1)), sequence],
  ['broadcast', () => of((x) => ops.broadcastTo(ops.mean(x, [1], true), x.shape)), image],
  ['a whole batch', () => of((x) => ops.sub(x, ops.mean(x, 0, true))), image],
]; // prettier-ignore

describe('layers', () => {
  test.each(layers)('%s', (_, make, inputShape, options) => expectSame(make(), inputShape, options));

  test('every layer of nn is among them', () => {
    const seen = new Set<unknown>();
    for (const [, make] of layers) for (const [, module] of make().modules()) seen.add(module.constructor);
    const all = Object.values(nn).filter(
      (value) => typeof value === 'function' && value.prototype instanceof nn.Module,
    );
    const without = new Set<unknown>([nn.ModuleList, nn.Parameter]);
    const missing = all.filter((value) => !seen.has(value) && !without.has(value)).map(({ name }) => name);
    expect(missing).toEqual([]);
  });
});

describe('operations', () => {
  test.each(operations)('%s', (_, make, inputShape, options) => expectSame(make(), inputShape, options));
});

describe('versions of ONNX operators', () => {
  test.each([17, 18, 19, 20, 21])('%i', async (opset) => {
    const model = new Sequential(
      new nn.Conv2d(6, 8, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(8),
      new nn.GELU(),
      new nn.AvgPool2d(3, { stride: 2, ceilMode: true }),
      new nn.GroupNorm(2, 8),
      new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }),
      new nn.LayerNorm(8),
      of((x) => ops.mean(ops.max(x, 1), 1)),
      new nn.Linear(8, 4),
      new nn.Softmax(),
    );
    await expectSame(model, image, { opset });
  });
});

/**
 * How networks are made small, and what they take; of others samples are [64, 64, 3]. What follows the features of the
 * older ones is a hundred million weights, and layers that LeNet-5 has, too.
 */
const networks: Record<string, [make: () => nn.Module, inputShape: Shape]> = {
  autoencoder: [() => models.autoencoder([49, 16, 5]), [49]],
  convAutoencoder: [() => models.convAutoencoder(), [28, 28, 1]],
  lenet5: [() => models.lenet5({ form: '1998' }), [28, 28, 1]],
  mlp: [() => models.mlp(784, { widths: [32, 32] }), [28, 28, 1]],
  resnet18: [() => models.resnet18({ classes: 7, smallImages: true }), [32, 32, 3]],
  cifarResnet: [() => models.cifarResnet(8), [32, 32, 3]],
  vgg16: [() => models.vgg16({ batchNorm: true }).at(0), [32, 32, 3]],
  // Its blocks; ResNet-18 has the rest.
  resnet50: [
    () => new nn.Sequential(new models.Bottleneck(64, 32), new models.Bottleneck(128, 64, 2)),
    [16, 15, 64],
  ],
  zfnet: [() => models.zfnet().at(0), [63, 63, 3]],
  alexnet: [() => models.alexnet().at(0), [63, 63, 3]],
  alexnet2012: [() => models.alexnet2012().at(0), [63, 63, 3]],
  unet: [() => models.unet({ width: 4, depth: 2, upsampling: 'bilinear', batchNorm: true }), [22, 19, 1]],
  fcn8s: [() => models.fcn8s({ classes: 3, hidden: 16 }), [45, 37, 3]],
  fcnResnet50: [() => new models.FCNResNet([1, 2, 1, 1], { classes: 3, auxLoss: true }), [33, 40, 3]],
  mobilenet: [() => models.mobilenet({ width: 0.5, classes: 7 }), [64, 64, 3]],
};
/** What is no network, and those that have more or fewer of the blocks of others. */
const leftOut = new Set([
  ...['vgg', 'auxiliaryLoss'],
  ...['vgg11', 'vgg13', 'vgg19', 'resnet34', 'resnet101', 'resnet152', 'fcn16s', 'fcn32s', 'fcnResnet101'],
]);

describe('networks', () => {
  const names = Object.keys(models).filter((name) => /^[a-z]/.test(name) && !leftOut.has(name));
  test.each(names)('%s', async (name) => {
    const all = models as unknown as Record<string, (options: object) => nn.Module>;
    const [make, inputShape] = networks[name] ?? [() => all[name]!({ classes: 7 }), [64, 64, 3]];
    await expectSame(make(), inputShape);
  });
});
