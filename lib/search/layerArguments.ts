import { StriateError } from '../native.js';
import * as nn from '../nn/index.js';

/** What a layer's constructor is given, as code has it. */
export type Argument =
  string | number | boolean | null | undefined | readonly Argument[] | { readonly [name: string]: Argument };

type Options = Readonly<Record<string, unknown>>;

/** The names of a module. */
export function namesOf(space: object): string[] {
  return Object.keys(space);
}

/** The options that are not as they are by default. */
function besides(options: Options, usual: Options = {}): Argument[] {
  const entries = Object.entries(options).filter(
    ([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(usual[name]),
  );
  return entries.length > 0 ? [Object.fromEntries(entries) as Record<string, Argument>] : [];
}

/** One number for several that are the same. */
function together(sizes: readonly number[]): Argument {
  return sizes.every((size) => size === sizes[0]) ? sizes[0] : sizes;
}

/** The value, where it is not as it is by default. */
function unless(usual: Argument, value: Argument): Argument[] {
  return Object.is(usual, value) ? [] : [value];
}

const biased = { bias: true };

interface Convolution {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter | null;
  readonly options: { groups?: number };
}

/** Of a convolution whose weights end in [inputs/groups, outputs], in the order that its class has. */
function convolution(
  { weight, bias, options }: Convolution,
  { transposed = false, outputsOver = 1, more = [], options: own = {} }: ConvolutionForm = {},
): Argument[] {
  const { shape } = weight;
  const { groups = 1 } = options;
  const [first = 1, second = 1] = shape.slice(-2);
  const channels = transposed ? [second, first * groups] : [first * groups, second / outputsOver];
  return [...channels, together(shape.slice(0, -2)), ...more, ...withBias(bias, { ...options, ...own })];
}

interface ConvolutionForm {
  readonly transposed?: boolean;
  readonly outputsOver?: number;
  readonly more?: readonly Argument[];
  readonly options?: Options;
}

function withBias(bias: nn.Parameter | null, options: Options = {}): Argument[] {
  return besides({ ...options, bias: bias !== null }, biased);
}

function linear({ weight, bias }: nn.Linear, outputsOver = 1): Argument[] {
  const [inputs = 1, outputs = 1] = weight.shape;
  return [inputs, outputs / outputsOver, ...withBias(bias)];
}

function pooling({ kernelSize, options }: { kernelSize: unknown; options: object }): Argument[] {
  return [kernelSize as Argument, ...besides(options as Options)];
}

function lpPooling(layer: { normType: number; kernelSize: unknown; options: object }): Argument[] {
  return [layer.normType, ...pooling(layer)];
}

function adaptive({ outputSize }: { outputSize: unknown }): Argument[] {
  return [outputSize as Argument];
}

function batchNorm({ runningMean, eps, momentum, weight }: nn.BatchNorm): Argument[] {
  const usual = { eps: 1e-5, momentum: 0.1, affine: true };
  return [runningMean.size, ...besides({ eps, momentum, affine: weight !== null }, usual)];
}

function instanceNorm(norm: nn.InstanceNorm2d | nn.InstanceNorm1d): Argument[] {
  const { features, eps, momentum, weight, runningMean } = norm;
  const usual = { eps: 1e-5, momentum: 0.1, affine: false, trackRunningStats: false };
  const own = { eps, momentum, affine: weight !== null, trackRunningStats: runningMean !== null };
  return [features, ...besides(own, usual)];
}

function layerNorm({ normalizedShape, eps, weight, bias }: nn.LayerNorm): Argument[] {
  const shape = normalizedShape.length === 1 ? normalizedShape[0] : normalizedShape;
  // Without weights there is no bias that could be left out.
  const own = { eps, elementwiseAffine: weight !== null, bias: bias !== null || weight === null };
  return [shape, ...besides(own, { eps: 1e-5, elementwiseAffine: true, bias: true })];
}

function separable({ depthwise, pointwise }: nn.SeparableConv2d): Argument[] {
  const { groups = 1, ...options } = depthwise.options;
  const depthMultiplier = depthwise.weight.shape[3]! / groups;
  const own = besides(
    { ...options, depthMultiplier, bias: pointwise.bias !== null },
    { ...biased, depthMultiplier: 1 },
  );
  return [groups, pointwise.weight.shape[3], together(depthwise.weight.shape.slice(0, 2)), ...own];
}

const none = (): Argument[] => [];

/** What each kind of layer was made with. */
const known: Readonly<Record<string, (layer: never) => Argument[]>> = {
  Linear: linear,
  DropConnectLinear: (layer: nn.DropConnectLinear) => {
    const [inputs, outputs] = linear(layer);
    return [inputs, outputs, ...besides({ p: layer.p, bias: layer.bias !== null }, { ...biased, p: 0.5 })];
  },
  MaxoutLinear: ({ linear: inside, pieces }: nn.MaxoutLinear) => {
    const [inputs, outputs, ...options] = linear(inside, pieces);
    return [inputs, outputs, pieces, ...options];
  },
  Conv1d: (layer: nn.Conv1d) => convolution(layer),
  Conv2d: (layer: nn.Conv2d) => convolution(layer),
  DropConnectConv2d: (layer: nn.DropConnectConv2d) =>
    convolution(layer, { options: layer.p === 0.5 ? {} : { p: layer.p } }),
  MaxoutConv2d: ({ conv, pieces }: nn.MaxoutConv2d) =>
    convolution(conv, { outputsOver: pieces, more: [pieces] }),
  ConvTranspose1d: (layer: nn.ConvTranspose1d) => convolution(layer, { transposed: true }),
  ConvTranspose2d: (layer: nn.ConvTranspose2d) => convolution(layer, { transposed: true }),
  SeparableConv2d: separable,
  BatchNorm1d: batchNorm,
  BatchNorm2d: batchNorm,
  InstanceNorm1d: instanceNorm,
  InstanceNorm2d: instanceNorm,
  LayerNorm: layerNorm,
  GroupNorm: ({ numGroups, numChannels, eps, weight }: nn.GroupNorm) => [
    ...[numGroups, numChannels],
    ...besides({ eps, affine: weight !== null }, { eps: 1e-5, affine: true }),
  ],
  LocalResponseNorm: ({ size, options }: nn.LocalResponseNorm) => [size, ...besides(options)],
  ...Object.fromEntries(
    ['ReLU', 'ReLU6', 'Sigmoid', 'Tanh', 'SELU', 'SiLU', 'Hardswish', 'Hardsigmoid', 'LogSigmoid', 'Softsign']
      .concat('Identity')
      .map((name) => [name, none]),
  ),
  LeakyReLU: ({ negativeSlope }: nn.LeakyReLU) => unless(0.01, negativeSlope),
  PReLU: ({ weight }: nn.PReLU) => unless(1, weight.size),
  ELU: ({ alpha }: nn.ELU) => unless(1, alpha),
  GELU: ({ approximate }: nn.GELU) => besides({ approximate }, { approximate: 'none' }),
  Softplus: ({ options }: nn.Softplus) => besides(options, { beta: 1, threshold: 20 }),
  Softmax: ({ axis }: nn.Softmax) => unless(-1, axis),
  LogSoftmax: ({ axis }: nn.LogSoftmax) => unless(-1, axis),
  Dropout: ({ p, inverted }: nn.Dropout) =>
    inverted ? unless(0.5, p) : [p, ...besides({ inverted }, { inverted: true })],
  Dropout1d: ({ p }: nn.Dropout1d) => unless(0.5, p),
  Dropout2d: ({ p }: nn.Dropout2d) => unless(0.5, p),
  AlphaDropout: ({ p }: nn.AlphaDropout) => unless(0.5, p),
  GaussianDropout: ({ p }: nn.GaussianDropout) => unless(0.5, p),
  GaussianNoise: ({ std }: nn.GaussianNoise) => [std],
  MaxPool1d: pooling,
  MaxPool2d: pooling,
  AvgPool1d: pooling,
  AvgPool2d: pooling,
  LPPool1d: lpPooling,
  LPPool2d: lpPooling,
  AdaptiveAvgPool1d: adaptive,
  AdaptiveAvgPool2d: adaptive,
  AdaptiveMaxPool1d: adaptive,
  AdaptiveMaxPool2d: adaptive,
  GlobalAvgPool2d: ({ keepDims }: nn.GlobalAvgPool2d) => besides({ keepDims }, { keepDims: false }),
  GlobalMaxPool2d: ({ keepDims }: nn.GlobalMaxPool2d) => besides({ keepDims }, { keepDims: false }),
  Flatten: ({ startAxis }: nn.Flatten) => unless(1, startAxis),
  Reshape: ({ shape }: nn.Reshape) => [shape],
  Upsample: ({ options }: nn.Upsample) => besides(options as Options),
  Embedding: ({ weight }: nn.Embedding) => [...weight.shape],
};

/**
 * What a layer of nn was made with, without what is so by default.
 *
 * @throws StriateError that begins with `place` for a kind that is not known
 */
export function argumentsOf(module: nn.Module, place: string): Argument[] {
  const { name } = module.constructor;
  const find = known[name] as ((layer: nn.Module) => Argument[]) | undefined;
  if (find) return find(module);
  throw new StriateError(`${place} is of ${name}, which cannot be written as code`);
}
