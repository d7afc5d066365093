import type { Histogram } from '../io/eventFile.js';

const buckets = 30;

/** Values that are looked at before the event loop has its turn. */
const piece = 2 ** 16;

/** The distribution of the finite ones of some values, in buckets of equal width. */
export async function histogramOf(values: Float32Array): Promise<Histogram> {
  let [min, max, count, sum, sumSquares] = [Infinity, -Infinity, 0, 0, 0];
  await inPieces(values, (value) => {
    if (value < min) min = value;
    if (value > max) max = value;
    count++;
    sum += value;
    sumSquares += value * value;
  });
  if (count === 0) return { min: 0, max: 0, count, sum, sumSquares, bucketLimits: [0], buckets: [0] };
  const width = (max - min) / buckets || 1;
  const found = new Array<number>(buckets).fill(0);
  await inPieces(values, (value) => {
    found[Math.min(buckets - 1, Math.floor((value - min) / width))]!++;
  });
  const bucketLimits = found.map((_, i) => min + (i + 1) * width);
  return { min, max, count, sum, sumSquares, bucketLimits, buckets: found };
}

async function inPieces(values: Float32Array, work: (value: number) => void): Promise<void> {
  for (let from = 0; from < values.length; from += piece) {
    for (const value of values.subarray(from, from + piece)) if (Number.isFinite(value)) work(value);
    await new Promise(setImmediate);
  }
}
