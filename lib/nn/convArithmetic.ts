import { describe } from '../describe.js';
import type { Pair } from '../ops/pair.js';
import type { Shape } from '../tensor.js';

/** How a window moves along one axis of an image. */
export interface Window {
  kernelSize: number;
  /** Default: 1. */
  stride?: number;
  /** Places added on each side. Default: 0. */
  padding?: number;
  /** Distance between the window's places. Default: 1. */
  dilation?: number;
}

export interface TransposedWindow extends Window {
  /** Places added at the end. Default: 0. */
  outputPadding?: number;
}

/** The sizes that count a convolution's weights. */
export interface ConvSize {
  inChannels: number;
  outChannels: number;
  /** Of each axis: [KH, KW], or [K] of a sequence. */
  kernelSize: readonly number[];
  /** Default: 1. */
  groups?: number;
  /** Default: true. */
  bias?: boolean;
}

/** What one place of a chain's result sees of its input, along one axis. */
export interface ReceptiveField {
  /** Places of the input from the first to the last that it sees. */
  size: number;
  /** Places of the input between what neighbours see: the product of the strides. */
  jump: number;
  /** The centre of what the first place sees, where that of the input's first place is 0. */
  start: number;
}

function requireWhole(operation: string, sizes: Record<string, unknown>, least: number): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) continue;
    throw new RangeError(
      `${operation}: ${name} is ${describe(value)}, wants a whole number from ${least} on`,
    );
  }
}

function checked(operation: string, { kernelSize, stride = 1, padding = 0, dilation = 1 }: Window) {
  requireWhole(operation, { kernelSize, stride, dilation }, 1);
  requireWhole(operation, { padding }, 0);
  return { kernelSize, stride, padding, dilation };
}

/**
 * Places of a convolution's or a pooling's result along an axis:
 * ⌊(size + 2·padding − dilation·(kernelSize − 1) − 1) / stride⌋ + 1; with ceilMode, which pooling has, rounded up where
 * that window starts inside the input or the padding before it.
 *
 * @throws RangeError for sizes that are none, and a window larger than the padded input
 */
export function convOutputSize(size: number, window: Window & { ceilMode?: boolean }): number {
  const { kernelSize, stride, padding, dilation } = checked('convOutputSize', window);
  requireWhole('convOutputSize', { size }, 0);
  const reach = dilation * (kernelSize - 1) + 1;
  const room = size + 2 * padding - reach;
  if (room < 0) {
    throw new RangeError(
      `convOutputSize: the window reaches over ${reach} places, wants at most the ${size + 2 * padding} of the padded input`,
    );
  }
  if (!window.ceilMode) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  return (count - 1) * stride >= size + padding ? count - 1 : count;
}

/**
 * Places of a transposed convolution's result along an axis:
 * (size − 1)·stride − 2·padding + dilation·(kernelSize − 1) + outputPadding + 1.
 *
 * @throws RangeError for sizes that are none, and where nothing is left
 */
export function convTransposeOutputSize(size: number, window: TransposedWindow): number {
  const { kernelSize, stride, padding, dilation } = checked('convTransposeOutputSize', window);
  const { outputPadding = 0 } = window;
  requireWhole('convTransposeOutputSize', { size }, 1);
  requireWhole('convTransposeOutputSize', { outputPadding }, 0);
  const places = (size - 1) * stride - 2 * padding + dilation * (kernelSize - 1) + outputPadding + 1;
  if (places < 1) {
    throw new RangeError(
      `convTransposeOutputSize: padding ${padding} leaves ${places} places, wants at least 1`,
    );
  }
  return places;
}

/**
 * Weights and biases of a convolution: Π kernelSize·(inChannels/groups)·outChannels, and outChannels with a bias. A fully
 * connected layer is a convolution with kernelSize [].
 *
 * @throws RangeError for sizes that are none, and groups that do not divide the channels
 */
export function convParameters({
  inChannels,
  outChannels,
  kernelSize,
  groups = 1,
  bias = true,
}: ConvSize): number {
  requireWhole('convParameters', { inChannels, outChannels, groups }, 1);
  requireWhole('convParameters', Object.fromEntries(kernelSize.map((k, i) => [`kernelSize[${i}]`, k])), 1);
  for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
    if (channels % groups === 0) continue;
    throw new RangeError(`convParameters: ${name} is ${channels}, wants a multiple of groups, ${groups}`);
  }
  const taps = kernelSize.reduce((n, k) => n * k, 1);
  return (taps * inChannels * outChannels) / groups + (bias ? outChannels : 0);
}

/**
 * Multiply-adds of a convolution for one sample: as many as it has weights for each place of its result.
 *
 * @param outputSize of each axis: [OH, OW]
 * @throws RangeError as convParameters
 */
export function convMultiplyAdds(size: ConvSize, outputSize: readonly number[]): number {
  requireWhole('convMultiplyAdds', Object.fromEntries(outputSize.map((o, i) => [`outputSize[${i}]`, o])), 0);
  return convParameters({ ...size, bias: false }) * outputSize.reduce((n, o) => n * o, 1);
}

/** The windows along the axes of an image, of options that may give one number for both; what is not given is 1. */
export function windowsOf(
  kernelSize: readonly number[],
  { stride = 1, dilation = 1 }: { stride?: Pair | undefined; dilation?: Pair | undefined },
): Window[] {
  const along = (size: Pair, axis: number): number => (typeof size === 'number' ? size : size[axis]!);
  return [0, 1].map((axis) => ({
    kernelSize: kernelSize[axis]!,
    stride: along(stride, axis),
    dilation: along(dilation, axis),
  }));
}

/** The window of a transposed convolution as seen from its result, which has `stride` places for one of the input. */
export function transposed({ kernelSize, stride = 1, dilation = 1 }: Window): Window {
  return { kernelSize: Math.ceil((dilation * (kernelSize - 1) + 1) / stride), stride: 1 / stride };
}

/** Elements of one feature: those along all axes but the last. */
export function placesOf(shape: Shape): number {
  return shape.slice(0, -1).reduce((n, extent) => n * extent, 1);
}

/** What a place of the input itself sees. */
export const itself: ReceptiveField = Object.freeze({ size: 1, jump: 1, start: 0 });

/** What a place sees through a further window, whose stride may be a fraction: of upsampling. */
export function through(field: ReceptiveField, window: Window): ReceptiveField {
  const { kernelSize, stride = 1, padding = 0, dilation = 1 } = window;
  const reach = dilation * (kernelSize - 1);
  return {
    size: field.size + reach * field.jump,
    jump: field.jump * stride,
    start: field.start + (reach / 2 - padding) * field.jump,
  };
}

/**
 * What a place of the result of a chain of convolutions and poolings sees of the input, along one axis: with reach
 * rᵢ = dilationᵢ·(kernelSizeᵢ − 1), size 1 + Σᵢ rᵢ·Π_{j<i} strideⱼ (Araujo, Norris and Sim, Computing Receptive Fields of
 * Convolutional Neural Networks, 2019). A chain of m windows of l places with stride 1 sees (l − 1)·m + 1.
 *
 * @param chain from the first window on
 * @throws RangeError for sizes that are none
 */
export function receptiveField(chain: readonly Window[]): ReceptiveField {
  return chain.reduce((field, window) => through(field, checked('receptiveField', window)), itself);
}
