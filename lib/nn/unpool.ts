import { describe } from '../describe.js';
import { pair, type Pair } from '../ops/pair.js';
import { alone } from '../ops/sequences.js';
import { maxUnpool1d, maxUnpool2d } from '../ops/unpool.js';
import { requireLive, type Tensor } from '../tensor.js';
import { transposed, type Window } from './convArithmetic.js';
import { Module } from './module.js';

/** @inline */
export interface MaxUnpoolOptions<Sizes> {
  /** Steps from window to window of the pooling. Default: the kernel's size. */
  stride?: Sizes;
  /** What the pooling added on both sides. Default: 0. */
  padding?: Sizes;
}

/** Windows along an axis, as the pooling to be undone had them. */
interface Windows {
  kernel: number;
  stride: number;
  padding: number;
}

function requireWindows(layer: string, { kernel, stride, padding }: Windows): void {
  for (const [argument, value, least] of [
    ['kernelSize', kernel, 1],
    ['stride', stride, 1],
    ['padding', padding, 0],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`${layer}: ${argument} is ${value}, wants a whole number from ${least} on`);
    }
  }
}

/** The size that was pooled: the one given, where pooling it leads here, else that which the windows fill. */
function unpooled(
  layer: string,
  pooled: number,
  { kernel, stride, padding }: Windows,
  given?: number,
): number {
  const size = (pooled - 1) * stride + kernel - 2 * padding;
  if (given === undefined) return size;
  if (Number.isInteger(given) && Math.abs(given - size) < stride) return given;
  throw new RangeError(
    `${layer}: outputSize is ${given}, wants a whole number between ${size - stride} and ${size + stride}`,
  );
}

function seenFromResult({ kernel, stride }: Windows): Window {
  return transposed({ kernelSize: kernel, stride });
}

/** @throws where forward() was not given what pooling found */
function requireIndices(layer: string, indices: Tensor<'i32'> | undefined): Tensor<'i32'> {
  if (indices !== undefined) return indices;
  throw new TypeError(
    `${layer}: indices is ${describe(indices)}, wants what the pooling's forwardWithIndices gave`,
  );
}

/** The partial inverse of MaxPool2d with the same kernel, stride and padding; see {@link ops.maxUnpool2d}. */
export class MaxUnpool2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;

  constructor(kernelSize: Pair, { stride = kernelSize, padding = 0 }: MaxUnpoolOptions<Pair> = {}) {
    super();
    this.kernelSize = kernelSize;
    this.stride = stride;
    this.padding = padding;
    for (const axis of [0, 1] as const) requireWindows('MaxUnpool2d', this.#windows(axis));
  }

  /**
   * The values in the places that they had before pooling, and 0 elsewhere.
   *
   * @param indices what forwardWithIndices of the pooling gave
   * @param outputSize the size that was pooled, [H, W] or one number, where it is not (OH − 1)·stride + kernelSize −
   *   2·padding
   */
  override forward(x: Tensor, indices?: Tensor<'i32'>, outputSize?: Pair): Tensor {
    const { shape } = requireLive('MaxUnpool2d', 'input', x);
    const places = requireIndices('MaxUnpool2d', indices);
    const given = outputSize === undefined ? undefined : pair('MaxUnpool2d', 'outputSize', outputSize);
    const size = (axis: 0 | 1) =>
      unpooled('MaxUnpool2d', shape[axis + 1] ?? 1, this.#windows(axis), given?.[axis]);
    return maxUnpool2d(x, places, [size(0), size(1)]);
  }

  override windows(): Window[] {
    return ([0, 1] as const).map((axis) => seenFromResult(this.#windows(axis)));
  }

  #windows(axis: 0 | 1): Windows {
    return {
      kernel: pair('MaxUnpool2d', 'kernelSize', this.kernelSize)[axis],
      stride: pair('MaxUnpool2d', 'stride', this.stride)[axis],
      padding: pair('MaxUnpool2d', 'padding', this.padding)[axis],
    };
  }
}

/** The partial inverse of MaxPool1d with the same kernel, stride and padding; see {@link ops.maxUnpool1d}. */
export class MaxUnpool1d extends Module {
  readonly kernelSize: number;
  readonly stride: number;
  readonly padding: number;

  constructor(kernelSize: number, { stride = kernelSize, padding = 0 }: MaxUnpoolOptions<number> = {}) {
    super();
    this.kernelSize = alone('MaxUnpool1d', 'kernelSize', kernelSize);
    this.stride = alone('MaxUnpool1d', 'stride', stride);
    this.padding = alone('MaxUnpool1d', 'padding', padding);
    requireWindows('MaxUnpool1d', { kernel: kernelSize, stride, padding });
  }

  /**
   * The values in the places that they had before pooling, and 0 elsewhere.
   *
   * @param indices what forwardWithIndices of the pooling gave
   * @param outputSize the length that was pooled, where it is not (OL − 1)·stride + kernelSize − 2·padding
   */
  override forward(x: Tensor, indices?: Tensor<'i32'>, outputSize?: number): Tensor {
    const { shape } = requireLive('MaxUnpool1d', 'input', x);
    const { kernelSize: kernel, stride, padding } = this;
    const places = requireIndices('MaxUnpool1d', indices);
    const length = unpooled('MaxUnpool1d', shape[1] ?? 1, { kernel, stride, padding }, outputSize);
    return maxUnpool1d(x, places, length);
  }

  override windows(): Window[] {
    const { kernelSize: kernel, stride, padding } = this;
    return [seenFromResult({ kernel, stride, padding })];
  }
}
