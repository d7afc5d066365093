import { Module } from '../../nn/module.js';
import { ones, tensor, zeros } from '../../ops/creation.js';
import { add, div, mul, sub } from '../../ops/elementwise.js';
import { scope, type Shape, type Tensor } from '../../tensor.js';
import type { Dataset } from '../dataset.js';
import { extremesOf, momentsOf, statisticsShape, type FitOptions } from './statistics.js';

// A preprocessing is a Module: as a step of a TransformedDataset it is applied to the inputs, as the first layer of a
// Sequential it goes with the model. What was measured is buffers, which are saved and loaded with the rest.

function assign(target: Tensor, values: ArrayLike<number>): void {
  using source = tensor(Float32Array.from(values), target.shape);
  target.assign(source);
}

/** [C] of statistics of channels, [] of one of all values. */
function shapeOf(values: ArrayLike<number>, { statistics = 'channel' }: FitOptions): Shape {
  return statistics === 'whole' ? [] : [values.length];
}

/** x − mean, so that the mean over the training data is 0. */
export class ZeroCenter extends Module {
  readonly mean: Tensor;

  /** With a mean of 0, to load one that was saved: of so many channels, or, without a number, of all values. */
  constructor(channels?: number) {
    super();
    this.mean = zeros(statisticsShape('ZeroCenter', channels)).keep();
  }

  /** With the mean of a data set, of each channel or, with { statistics: 'whole' }, of all values. */
  static async fit(dataset: Dataset, options: FitOptions = {}): Promise<ZeroCenter> {
    const { mean } = await momentsOf('ZeroCenter', dataset, options);
    const fitted = new ZeroCenter(shapeOf(mean, options)[0]);
    assign(fitted.mean, mean);
    return fitted;
  }

  override forward(x: Tensor): Tensor {
    return sub(x, this.mean);
  }
}

/**
 * (x − mean)/std, so that over the training data the mean is 0 and the standard deviation 1; the population's, divided by
 * the number of values. What does not vary is only centred.
 */
export class Standardize extends Module {
  readonly mean: Tensor;
  readonly std: Tensor;

  /** With a mean of 0 and a deviation of 1, to load those that were saved; see ZeroCenter. */
  constructor(channels?: number) {
    super();
    const shape = statisticsShape('Standardize', channels);
    this.mean = zeros(shape).keep();
    this.std = ones(shape).keep();
  }

  /** With mean and deviation of a data set, of each channel or, with { statistics: 'whole' }, of all values. */
  static async fit(dataset: Dataset, options: FitOptions = {}): Promise<Standardize> {
    const { mean, variance } = await momentsOf('Standardize', dataset, options);
    const fitted = new Standardize(shapeOf(mean, options)[0]);
    assign(fitted.mean, mean);
    assign(
      fitted.std,
      variance.map((value) => Math.sqrt(value) || 1),
    );
    return fitted;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => div(sub(x, this.mean), this.std));
  }
}

/** low + (x − min)·scale, so that the training data lie in [a, b]; what does not vary becomes a. */
export class MinMax extends Module {
  readonly min: Tensor;
  /** (b − a)/(max − min) */
  readonly scale: Tensor;
  /** a */
  readonly low: Tensor;

  /** With a minimum of 0, a scale of 1 and a = 0, to load those that were saved; see ZeroCenter. */
  constructor(channels?: number) {
    super();
    const shape = statisticsShape('MinMax', channels);
    this.min = zeros(shape).keep();
    this.scale = ones(shape).keep();
    this.low = zeros([]).keep();
  }

  /**
   * With minimum and maximum of a data set, of each channel or, with { statistics: 'whole' }, of all values.
   *
   * @param range [a, b]. Default: [0, 1].
   */
  static async fit(
    dataset: Dataset,
    { range = [0, 1], ...options }: FitOptions & { range?: readonly [number, number] | undefined } = {},
  ): Promise<MinMax> {
    const [a, b] = range;
    if (!Number.isFinite(a) || !Number.isFinite(b) || a >= b) {
      throw new RangeError(`MinMax: range is [${a}, ${b}], wants finite numbers, the second above the first`);
    }
    const { least, most } = await extremesOf('MinMax', dataset, options);
    const fitted = new MinMax(shapeOf(least, options)[0]);
    // What does not vary has a scale of 0.
    const scale = least.map((value, i) => (most[i]! > value ? (b - a) / (most[i]! - value) : 0));
    assign(fitted.min, least);
    assign(fitted.scale, scale);
    assign(fitted.low, [a]);
    return fitted;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => add(mul(sub(x, this.min), this.scale), this.low));
  }
}
