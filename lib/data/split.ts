import { describe } from '../describe.js';
import type { Dataset } from './dataset.js';
import { checkedClasses, labelsOf } from './labels.js';
import { permutation, seedOrDrawn } from './seed.js';
import { Subset } from './subset.js';

export interface SplitOptions {
  /** Fixes which samples come to which part. Default: one drawn from the numbers that setSeed starts. */
  seed?: number | undefined;
}

export interface FoldOptions extends SplitOptions {
  /** Whether samples are dealt in random order, or in theirs. Default: true. */
  shuffle?: boolean | undefined;
}

/** One of the rounds of cross-validation. */
export interface Fold {
  train: Subset;
  validation: Subset;
}

/**
 * Deals the samples of a dataset at random to parts, of these sizes: shares that add up to 1, or numbers of samples that
 * add up to all. What shares leave over by rounding goes to the first parts.
 *
 * ```ts
 * const [train, validation] = randomSplit(dataset, [0.9, 0.1], { seed: 1 });
 * ```
 *
 * @throws RangeError for sizes that add up to something else, and where a share is no sample at all
 */
export function randomSplit(
  dataset: Dataset,
  sizes: readonly number[],
  { seed }: SplitOptions = {},
): Subset[] {
  const counts = countsOf('randomSplit', sizes, dataset.length);
  const order = shuffled(dataset.length, seedOrDrawn('randomSplit', seed));
  let from = 0;
  return counts.map((count) => new Subset(dataset, order.subarray(from, (from += count))));
}

/**
 * As randomSplit, but each part has the same share of each class, as nearly as whole samples allow.
 *
 * @throws TypeError where the dataset knows no labels, RangeError for one class alone, or sizes as for randomSplit
 */
export async function stratifiedSplit(
  dataset: Dataset,
  sizes: readonly number[],
  { seed }: SplitOptions = {},
): Promise<Subset[]> {
  const counts = countsOf('stratifiedSplit', sizes, dataset.length);
  const labels = await labelsOf('stratifiedSplit', dataset);
  checkedClasses('stratifiedSplit', labels);
  const order = byClass(shuffled(dataset.length, seedOrDrawn('stratifiedSplit', seed)), labels);
  const parts: number[][] = counts.map(() => []);
  // Each sample goes to the part that is the furthest behind its share, so that no stretch favours one.
  for (const [i, sample] of order.entries()) {
    const behind = counts.map((count, part) => (count * (i + 1)) / order.length - parts[part]!.length);
    parts[behind.indexOf(Math.max(...behind))]!.push(sample);
  }
  return parts.map((part) => new Subset(dataset, part));
}

/**
 * The k rounds of cross-validation: each sample is in the validation part of one of them, in the training part of the
 * others. Sizes differ by one at the most.
 */
export function kFold(dataset: Dataset, k = 5, { shuffle = true, seed }: FoldOptions = {}): Fold[] {
  checkFolds('kFold', k, dataset.length, 'samples');
  const order = shuffle ? shuffled(dataset.length, seedOrDrawn('kFold', seed)) : inOrder(dataset.length);
  return dealt(dataset, order, k);
}

/**
 * As kFold, but each part has the same share of each class: counts of a class differ by one at the most, too.
 *
 * @throws TypeError where the dataset knows no labels; RangeError for one class alone, or a class of fewer than k samples
 */
export async function stratifiedKFold(
  dataset: Dataset,
  k = 5,
  { shuffle = true, seed }: FoldOptions = {},
): Promise<Fold[]> {
  const labels = await labelsOf('stratifiedKFold', dataset);
  for (const [label, count] of checkedClasses('stratifiedKFold', labels)) {
    checkFolds('stratifiedKFold', k, count, `samples of class ${dataset.classes?.[label] ?? label}`);
  }
  const order = shuffle
    ? shuffled(dataset.length, seedOrDrawn('stratifiedKFold', seed))
    : inOrder(dataset.length);
  return dealt(dataset, byClass(order, labels), k);
}

/** Deals samples like cards to the validation parts of k folds. */
function dealt(dataset: Dataset, order: Int32Array, k: number): Fold[] {
  return Array.from({ length: k }, (_, fold) => ({
    train: new Subset(
      dataset,
      order.filter((_sample, i) => i % k !== fold),
    ),
    validation: new Subset(
      dataset,
      order.filter((_sample, i) => i % k === fold),
    ),
  }));
}

function inOrder(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

function shuffled(n: number, seed: number): Int32Array {
  using order = permutation(n, seed, 0);
  return order.dataSync();
}

/** The samples of the least label first, in the order that they have. */
function byClass(order: Int32Array, labels: Int32Array): Int32Array {
  return Int32Array.from(Array.from(order).sort((a, b) => labels[a]! - labels[b]!));
}

function checkFolds(operation: string, k: number, count: number, what: string): void {
  if (!Number.isInteger(k) || k < 2) {
    throw new RangeError(`${operation}: k is ${describe(k)}, wants a whole number from 2 on`);
  }
  if (count < k)
    throw new RangeError(`${operation}: there are ${count} ${what}, wants at least ${k} for ${k} folds`);
}

function countsOf(operation: string, sizes: readonly number[], n: number): number[] {
  // As a condition of its own, which leaves the type of sizes alone.
  const isList: boolean = Array.isArray(sizes);
  if (!isList || sizes.length === 0) {
    throw new TypeError(
      `${operation}: sizes is ${describe(sizes)}, wants an array of shares or numbers of samples`,
    );
  }
  const wrong = sizes.find((size) => !(size >= 0 && size < Infinity));
  if (wrong !== undefined)
    throw new RangeError(`${operation}: a size is ${describe(wrong)}, wants a number from 0 on`);
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sizes.every(Number.isInteger) && sum === n) return [...sizes];
  if (Math.abs(sum - 1) > 1e-6) {
    throw new RangeError(
      `${operation}: sizes add up to ${sum}, wants 1, for shares, or ${n}, for numbers of samples`,
    );
  }
  const counts = sizes.map((share) => Math.floor(share * n + 1e-6));
  let left = n - counts.reduce((total, count) => total + count, 0);
  for (let i = 0; left > 0; i = (i + 1) % counts.length) {
    if (sizes[i] === 0) continue;
    counts[i]!++;
    left--;
  }
  const empty = counts.findIndex((count, i) => count === 0 && sizes[i]! > 0);
  if (empty === -1) return counts;
  throw new RangeError(`${operation}: a share of ${sizes[empty]} of ${n} samples is none`);
}
