import { describe } from '../../describe.js';
import { square, sub } from '../../ops/elementwise.js';
import { max, mean, min } from '../../ops/reduce.js';
import { scope, type Shape, type Tensor } from '../../tensor.js';
import type { Dataset } from '../dataset.js';
import { DataLoader } from '../loader.js';

/** What statistics are of: each channel (the last axis), or all values together. */
export type Statistics = 'channel' | 'whole';

export interface FitOptions {
  /** Default: 'channel'. */
  statistics?: Statistics | undefined;
  /** Samples that are measured at once. Default: 1024. */
  batchSize?: number | undefined;
}

/** The shape of numbers that are one for each channel, or of one for all of them. */
export function statisticsShape(preprocessing: string, channels: number | undefined): Shape {
  if (channels === undefined) return [];
  if (Number.isSafeInteger(channels) && channels >= 1) return [channels];
  throw new RangeError(
    `${preprocessing}: channels is ${describe(channels)}, wants a whole number from 1 on, or nothing for all together`,
  );
}

/** Axes that are measured together. */
function axesOf(preprocessing: string, statistics: Statistics, x: Tensor): number[] {
  if (statistics !== 'channel' && statistics !== 'whole') {
    throw new TypeError(
      `${preprocessing}: statistics is ${describe(statistics)}, wants 'channel' or 'whole'`,
    );
  }
  return Array.from({ length: statistics === 'whole' ? x.rank : x.rank - 1 }, (_, axis) => axis);
}

/** Inputs of a data set, batch by batch in their order; refuses one without samples. */
export async function* inputsOf(
  preprocessing: string,
  dataset: Dataset,
  batchSize = 1024,
): AsyncGenerator<Tensor> {
  if (!(dataset.length > 0)) {
    throw new RangeError(`${preprocessing}: the data set has ${dataset.length} samples, wants some`);
  }
  for await (const [x] of new DataLoader(dataset, { batchSize })) yield x;
}

export interface Moments {
  mean: Float64Array;
  /** Of the whole population: divided by the number of values. */
  variance: Float64Array;
}

/**
 * Mean and variance over a data set, each batch's put together in double precision (Chan, Golub and LeVeque, "Updating
 * formulae and a pairwise algorithm for computing sample variances", 1979).
 */
export async function momentsOf(
  preprocessing: string,
  dataset: Dataset,
  { statistics = 'channel', batchSize }: FitOptions,
): Promise<Moments> {
  let count = 0;
  let total: Moments = { mean: new Float64Array(0), variance: new Float64Array(0) };
  for await (const x of inputsOf(preprocessing, dataset, batchSize)) {
    const reads = scope(() => {
      const axes = axesOf(preprocessing, statistics, x);
      const average = mean(x, axes);
      return { mean: average.data(), variance: mean(square(sub(x, average)), axes).data() };
    });
    const [means, variances] = await Promise.all([reads.mean, reads.variance]);
    const mine = x.size / means.length;
    const before = count / (count + mine);
    const share = mine / (count + mine);
    if (count === 0) {
      total = { mean: Float64Array.from(means), variance: Float64Array.from(variances) };
    } else {
      const change = total.mean.map((value, i) => means[i]! - value);
      total = {
        mean: total.mean.map((value, i) => value + share * change[i]!),
        variance: total.variance.map(
          (value, i) => before * value + share * variances[i]! + before * share * change[i]! ** 2,
        ),
      };
    }
    count += mine;
  }
  requireFinite(preprocessing, total.mean);
  return total;
}

/** The least and the largest value over a data set. */
export async function extremesOf(
  preprocessing: string,
  dataset: Dataset,
  { statistics = 'channel', batchSize }: FitOptions,
): Promise<{ least: Float32Array; most: Float32Array }> {
  let extremes: { least: Float32Array; most: Float32Array } | undefined;
  for await (const x of inputsOf(preprocessing, dataset, batchSize)) {
    const reads = scope(() => {
      const axes = axesOf(preprocessing, statistics, x);
      return { least: min(x, axes).data(), most: max(x, axes).data() };
    });
    const [least, most] = await Promise.all([reads.least, reads.most]);
    extremes = {
      least: extremes ? extremes.least.map((value, i) => Math.min(value, least[i]!)) : least,
      most: extremes ? extremes.most.map((value, i) => Math.max(value, most[i]!)) : most,
    };
  }
  const { least, most } = extremes!;
  requireFinite(preprocessing, least);
  requireFinite(preprocessing, most);
  return { least, most };
}

/** Refuses statistics of data that have NaN or infinities. */
export function requireFinite(preprocessing: string, values: Float32Array | Float64Array): void {
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong === -1) return;
  throw new RangeError(
    `${preprocessing}: the data set has values that are not finite, in channel ${wrong}; transforms.CheckFinite tells where`,
  );
}
