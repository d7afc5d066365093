import { noGrad } from '../autograd.js';
import type { Batch } from '../data/dataset.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { slice } from '../ops/movement.js';
import { scope, StriateError, type Shape } from '../tensor.js';
import { pngAddress } from './png.js';
import type { Probe } from './probe.js';
import { isImage, thumbnail } from './thumbnail.js';

/** A sample, and what the model takes it for. */
export interface Prediction {
  /** Its number in the data set. */
  index: number;
  truth: number;
  predicted: number;
  /** The probability of what was predicted. */
  confidence: number;
}

/** The same with a picture of the sample, where it is an image. */
export interface Example extends Prediction {
  image: string | null;
}

export interface Predictions {
  probe: Pick<Probe, 'of' | 'samples' | 'total'>;
  /** Names, as many as the model has outputs. */
  classes: readonly string[];
  /** Samples of class t taken for p, at t·classes + p, where there are any. */
  counts: ReadonlyMap<number, number>;
  /** Samples whose outputs were not finite; they are not in `counts`. */
  notFinite: number;
  /** The surest errors first. */
  wrong: readonly Example[];
  /** The least sure first. */
  right: readonly Example[];
}

const shownOfEach = 12;

/**
 * What a classifier takes samples for.
 *
 * @throws StriateError where targets are no labels, or outputs are no scores [N, classes]
 */
export async function predictionsOf(model: Module, probe: Probe): Promise<Predictions> {
  const all: (Prediction & { place: number })[] = [];
  let classes = 0;
  let notFinite = 0;
  let place = 0;
  for (const [x, y] of probe.batches) {
    if (y.dtype !== 'i32' || y.rank !== 1) throw new StriateError('the targets are no labels of classes');
    const { read, shape } = inEval(model, () =>
      noGrad(() =>
        scope(() => {
          const output = model.forward(x);
          return { read: output.data(), shape: output.shape };
        }),
      ),
    );
    const scores = await read;
    classes = classesOf(shape);
    const labels = await y.data();
    for (const [i, truth] of labels.entries()) {
      const { best, probability } = likeliest(scores.subarray(i * classes, (i + 1) * classes));
      const index = probe.indices[place]!;
      const labelled = truth >= 0 && truth < classes;
      if (best === null) notFinite++;
      else if (labelled) all.push({ index, truth, predicted: best, confidence: probability, place });
      place++;
    }
  }
  const counts = new Map<number, number>();
  for (const { truth, predicted } of all) {
    const cell = truth * classes + predicted;
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  const examples = (chosen: typeof all): Promise<Example[]> =>
    Promise.all(
      chosen.slice(0, shownOfEach).map(async ({ place: at, ...prediction }) => ({
        ...prediction,
        image: await imageOf(probe, at),
      })),
    );
  const wrong = all.filter((p) => p.predicted !== p.truth).sort((a, b) => b.confidence - a.confidence);
  const right = all.filter((p) => p.predicted === p.truth).sort((a, b) => a.confidence - b.confidence);
  return {
    probe: { of: probe.of, samples: probe.samples, total: probe.total },
    classes: Array.from({ length: classes }, (_, i) => probe.classes?.[i] ?? String(i)),
    counts,
    notFinite,
    wrong: await examples(wrong),
    right: await examples(right),
  };
}

function classesOf(shape: Shape): number {
  const [, classes = 0] = shape;
  if (shape.length === 2 && classes > 1) return classes;
  const given = ['N', ...shape.slice(1)].join(', ');
  throw new StriateError(`the model gives [${given}], which are no scores of classes`);
}

/**
 * The largest score and its softmax, or the score itself where all are probabilities already; null where one is not
 * finite.
 */
export function likeliest(scores: Float32Array): { best: number | null; probability: number } {
  let [best, sum, least] = [0, 0, Infinity];
  for (const [k, score] of scores.entries()) {
    if (!Number.isFinite(score)) return { best: null, probability: NaN };
    if (score > scores[best]!) best = k;
    sum += score;
    least = Math.min(least, score);
  }
  if (least >= 0 && Math.abs(sum - 1) < 1e-3) return { best, probability: scores[best]! };
  const total = scores.reduce((t, score) => t + Math.exp(score - scores[best]!), 0);
  return { best, probability: 1 / total };
}

async function imageOf(probe: Probe, place: number): Promise<string | null> {
  if (!isImage(probe.shape)) return null;
  let before = 0;
  const holds = ([x]: Batch): boolean => {
    const here = place < before + x.shape[0]!;
    if (!here) before += x.shape[0]!;
    return here;
  };
  const [x] = probe.batches.find(holds)!;
  const { values } = noGrad(() =>
    scope(() => ({ values: slice(x, [place - before], [place - before + 1]).data() })),
  );
  return pngAddress(thumbnail(await values, probe.shape));
}
