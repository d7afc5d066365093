import { noGrad } from '../autograd.js';
import { activationStatistics, type LayerActivations } from '../nn/activationStatistics.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { summary, type Summary } from '../nn/summary.js';
import { slice } from '../ops/movement.js';
import { scope } from '../tensor.js';
import { filters } from '../visual/layers.js';
import { pngAddress } from './png.js';
import { predictionsOf, type Predictions } from './predictions.js';
import type { Probe } from './probe.js';

/** What could be had, or why not. */
export type Part<T> = { value: T } | { missing: string };

/** The model as it was after an epoch, so far as it can be seen. */
export interface Snapshot {
  epoch: number;
  predictions: Part<Predictions>;
  filters: Part<FilterPictures>;
  activations: Part<readonly LayerActivations[]>;
}

export interface FilterPictures {
  /** The parameter that they are. */
  path: string;
  kernel: readonly [height: number, width: number];
  filters: number;
  /** Those in the picture. */
  shown: number;
  /** Of a filter in colour, or of a channel of one in grey. */
  images: readonly string[];
}

/** Looks at the model as it is now; it must not be trained on until that is done. */
export async function takeSnapshot(model: Module, probe: Part<Probe>, epoch: number): Promise<Snapshot> {
  const ofProbe = <T>(work: (probe: Probe) => Promise<T>): Promise<Part<T>> =>
    'missing' in probe ? Promise.resolve(probe) : attempt(() => work(probe.value));
  return {
    epoch,
    predictions: await ofProbe((samples) => predictionsOf(model, samples)),
    filters: await attempt(() => filtersOf(model)),
    activations: await ofProbe(async ({ batches }) =>
      // The layers run before anything is awaited.
      inEval(model, () => activationStatistics(model, batches[0]![0])),
    ),
  };
}

export function summaryOf(model: Module, probe: Part<Probe>): Promise<Part<Summary>> {
  if ('missing' in probe) return Promise.resolve(probe);
  return attempt(async () => summary(model, probe.value.shape));
}

/** A picture that cannot be had is no reason to end training: it is told in its place. */
export async function attempt<T>(work: () => Promise<T>): Promise<Part<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Pictures of filters, at the most: each in colour, or each channel of each in grey. */
const mostPictures = 256;

async function filtersOf(model: Module): Promise<FilterPictures> {
  for (const [path, weight] of model.namedParameters()) {
    const [rows = 0, columns = 0, channels = 0, count = 0] = weight.shape;
    if (weight.rank !== 4 || rows * columns === 1) continue;
    const pictures = channels === 3 ? 1 : channels;
    const shown = Math.max(1, Math.min(count, Math.floor(mostPictures / pictures)));
    const shownChannels = Math.min(channels, mostPictures);
    using part = noGrad(() =>
      scope(() => slice(weight, [0, 0, 0, 0], [rows, columns, shownChannels, shown])),
    );
    // All below each other, so that each is a piece of the whole.
    const { channels: depth, data } = await filters(part, { columns: 1, gap: 0 });
    const bytes = rows * columns * depth;
    const images = Array.from({ length: data.length / bytes }, (_, i) =>
      pngAddress({
        width: columns,
        height: rows,
        channels: depth,
        data: data.subarray(i * bytes, (i + 1) * bytes),
      }),
    );
    return { path, kernel: [rows, columns], filters: count, shown, images: await Promise.all(images) };
  }
  throw new Error('no layer has filters of rows and columns');
}
