import { describe } from '../describe.js';
import { tensor } from '../ops/creation.js';
import { stack } from '../ops/movement.js';
import { requireLive, scope, Tensor, type DType } from '../tensor.js';
import type { Batch, Dataset, Randomness, Sample, Target } from './dataset.js';

/** The samples of these numbers: as the dataset's batch() gives them, or what its get() gives, stacked. */
export async function batchOf(
  dataset: Dataset,
  indices: Int32Array,
  randomness?: Randomness,
): Promise<Batch> {
  if (dataset.batch) return checkedBatch(await dataset.batch(indices, randomness), indices.length);
  const taken = await Promise.allSettled(Array.from(indices, async (i) => dataset.get(i, randomness)));
  const samples = taken.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = taken.find((result) => result.status === 'rejected');
  if (failed) {
    for (const sample of samples) disposeTaken(sample);
    throw failed.reason;
  }
  return stackSamples(samples, (i) => `sample ${indices[i]}`);
}

/** Stacks samples, and disposes them. `nameOf` is what an error calls one of them. */
export function stackSamples(samples: readonly Sample[], nameOf: (i: number) => string): Batch {
  try {
    for (const [i, sample] of samples.entries()) checkSample(sample, samples[0]!, nameOf(i), nameOf(0));
    return scope(() => [stack(samples.map(([x]) => x)), stackTargets(samples.map(([, y]) => y))]);
  } finally {
    for (const sample of samples) disposeTaken(sample);
  }
}

/** Disposes what was taken from a dataset, but for tensors that are kept. */
export function disposeTaken(taken: Sample | Batch): void {
  if (!Array.isArray(taken)) return;
  for (const part of taken) if (part instanceof Tensor && !part.kept) part.dispose();
}

function stackTargets(targets: readonly (number | Target)[]): Target {
  return typeof targets[0] === 'number'
    ? tensor(Int32Array.from(targets as readonly number[]))
    : (stack<DType>(targets as readonly Target[]) as Target);
}

function checkSample(sample: Sample, first: Sample, name: string, firstName: string): void {
  if (!Array.isArray(sample) || sample.length !== 2) {
    throw new TypeError(`${name} is ${describe(sample)}, wants [x, y]`);
  }
  const [x, y] = sample;
  if (requireLive(name, 'x', x).dtype !== 'f32') {
    throw new TypeError(`${name}: x is ${(x as Tensor<DType>).dtype}, wants f32`);
  }
  if (typeof y === 'number') {
    if (!Number.isInteger(y) || Math.abs(y) >= 2 ** 31) {
      throw new RangeError(`${name}: y is ${y}, wants a label, a whole number; values come as tensors`);
    }
  } else if ((requireLive(name, 'y', y).dtype as DType) === 'u8') {
    throw new TypeError(`${name}: y is u8, wants a label, or a tensor of i32 or f32`);
  }
  for (const [part, mine, others] of [
    ['x', x, first[0]],
    ['y', y, first[1]],
  ] as const) {
    if (kindOf(mine) !== kindOf(others)) {
      throw new RangeError(
        `${name}: ${part} is ${kindOf(mine)}, ${firstName}: ${part} is ${kindOf(others)}; a batch wants one shape`,
      );
    }
  }
}

function kindOf(part: number | Tensor<DType>): string {
  return part instanceof Tensor ? `${part.dtype} [${part.shape.join(', ')}]` : 'a number';
}

function checkedBatch(batch: Batch, samples: number): Batch {
  if (!Array.isArray(batch) || batch.length !== 2) {
    throw new TypeError(`batch: the dataset gave ${describe(batch)}, wants [x, y]`);
  }
  for (const [name, part] of [
    ['x', batch[0]],
    ['y', batch[1]],
  ] as const) {
    if (requireLive('batch', name, part as Tensor).shape[0] === samples) continue;
    const given = part.shape.join(', ');
    disposeTaken(batch);
    throw new RangeError(`batch: the dataset gave ${name} [${given}] for ${samples} samples, wants as many`);
  }
  return batch;
}
