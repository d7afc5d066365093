import type { Target } from '../../data/dataset.js';
import { requireChoice } from '../../optim/options.js';
import { tensor } from '../../ops/creation.js';
import { concat, reshape } from '../../ops/movement.js';
import { argMax } from '../../ops/reduce.js';
import type { Tensor, TypedArray } from '../../tensor.js';
import { labelsOf } from './labels.js';
import type { Metric } from './metric.js';

/** The number of classes, the labels, and for each the class with the highest score. */
function measured(metric: string, output: Tensor, target: Target): Tensor<'i32'> {
  const labels = labelsOf(metric, output, target);
  const classes = tensor(Int32Array.of(output.shape.at(-1) ?? 0));
  return concat([classes, reshape(labels, [-1]), reshape(argMax(output), [-1])], 0);
}

/** Counts pairs of label and prediction, [label·K + prediction]. Labels that name no class, as ignored ones, are left out. */
function count(total: number[], measured: TypedArray): void {
  const classes = measured[0] ?? 0;
  for (let i = total.length; i < classes * classes; i++) total.push(0);
  const n = (measured.length - 1) / 2;
  for (let i = 1; i <= n; i++) {
    const label = measured[i]!;
    if (label >= 0 && label < classes) total[label * classes + measured[n + i]!]!++;
  }
}

function rowsOf(total: readonly number[]): number[][] {
  const classes = Math.sqrt(total.length);
  return Array.from({ length: classes }, (_, k) => total.slice(k * classes, (k + 1) * classes));
}

/** How many samples of each class (rows) are taken for each class (columns), as a table: `confusionMatrix`. */
export function confusionMatrix(): Metric {
  return {
    name: 'confusionMatrix',
    measure: (output, target) => measured('confusionMatrix', output, target),
    add: count,
    table: rowsOf,
  };
}

export interface AverageOptions {
  /**
   * 'macro': the mean over classes; 'micro': of all samples together, which is accuracy where each has one class; 'none': no
   * number, but a table with one for each class. Default: 'macro'.
   */
  readonly average?: 'macro' | 'micro' | 'none' | undefined;
}

/** Of a class: samples rightly taken for it, taken for it, and of it. */
type Share = (right: number, taken: number, of: number) => number;

const shares = {
  precision: (right, taken) => ratio(right, taken),
  recall: (right, _taken, of) => ratio(right, of),
  f1: (right, taken, of) => ratio(2 * right, taken + of),
  iou: (right, taken, of) => ratio(right, taken + of - right),
} satisfies Record<string, Share>;

/** 0 where there is nothing to divide by, as scikit-learn has it. */
function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** For each class: samples rightly taken for it, taken for it, and of it. */
function countsOf(total: readonly number[]): [right: number, taken: number, of: number][] {
  const rows = rowsOf(total);
  return rows.map((row, k) => {
    const taken = rows.reduce((n, other) => n + other[k]!, 0);
    const of = row.reduce((n, found) => n + found, 0);
    return [row[k]!, taken, of];
  });
}

function ofClasses(name: keyof typeof shares, { average = 'macro' }: AverageOptions): Metric {
  requireChoice(`${name}: average`, average, ['macro', 'micro', 'none']);
  const share: Share = shares[name];
  const each = (total: readonly number[]): number[] => countsOf(total).map((counts) => share(...counts));
  const micro = (total: readonly number[]): number => {
    const right = rowsOf(total).reduce((n, row, k) => n + row[k]!, 0);
    const all = total.reduce((n, found) => n + found, 0);
    return share(right, all, all);
  };
  const macro = (total: readonly number[]): number => {
    const values = each(total);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return {
    name,
    measure: (output, target) => measured(name, output, target),
    add: count,
    ...(average === 'none' ? { table: each } : { value: average === 'micro' ? micro : macro }),
  };
}

/**
 * The mean over classes of intersection over union, as `meanIoU`: of what is of a class or is taken for it, the share that is
 * both. Of a segmentation, in which samples are pixels. Classes that neither occur nor are taken for anything are left out of
 * the mean, and labels that name no class, as ignored ones, out of all; with average 'none' as a table, `iou`.
 */
export function meanIoU({ average = 'macro' }: { average?: 'macro' | 'none' | undefined } = {}): Metric {
  requireChoice('meanIoU: average', average, ['macro', 'none']);
  if (average === 'none') return ofClasses('iou', { average });
  return {
    name: 'meanIoU',
    measure: (output, target) => measured('meanIoU', output, target),
    add: count,
    value(total) {
      const found = countsOf(total).filter(([, taken, of]) => taken + of > 0);
      return ratio(
        found.reduce((sum, counts) => sum + shares.iou(...counts), 0),
        found.length,
      );
    },
  };
}

/** The share of pixels taken for what they are, as `pixelAccuracy`, without those whose label names no class, as ignored ones. */
export function pixelAccuracy(): Metric {
  return { ...ofClasses('recall', { average: 'micro' }), name: 'pixelAccuracy' };
}

/** Of the samples taken for a class, the share that is of it; 0 for a class that none is taken for. */
export function precision(options: AverageOptions = {}): Metric {
  return ofClasses('precision', options);
}

/** Of the samples of a class, the share that is taken for it; 0 for a class without samples. */
export function recall(options: AverageOptions = {}): Metric {
  return ofClasses('recall', options);
}

/** The harmonic mean of precision and recall of a class; 0 for one that neither occurs nor is found. */
export function f1(options: AverageOptions = {}): Metric {
  return ofClasses('f1', options);
}
