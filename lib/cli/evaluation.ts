import type { Dataset } from '../data/dataset.js';
import { crossEntropy } from '../loss/index.js';
import type { Module } from '../nn/module.js';
import { SGD } from '../optim/index.js';
import { confusionMatrix } from '../train/metrics/confusion.js';
import { Trainer } from '../train/trainer.js';

/** What is measured of one class. */
export interface ClassResult {
  class: string;
  /** Of those that the network takes for this class, the share that are; null where it takes none for it. */
  precision: number | null;
  /** Of those that are of this class, the share that the network takes for it; null where there are none. */
  recall: number | null;
  f1: number | null;
  samples: number;
}

export interface Result {
  loss: number;
  accuracy: number;
  samples: number;
  /** How many samples of each class (row) the network takes for each class (column). */
  confusion: number[][];
}

/** A network's loss, accuracy and confusion on a data set. */
export async function measure(model: Module, dataset: Dataset): Promise<Result> {
  const optimizer = new SGD(model.parameters(), { lr: 0 });
  const trainer = new Trainer(model, { optimizer, loss: crossEntropy, metrics: [confusionMatrix()] });
  const { loss, samples, tables } = await trainer.evaluate(dataset);
  const confusion = (tables?.confusionMatrix ?? []) as number[][];
  const right = confusion.reduce((n, row, label) => n + row[label]!, 0);
  return { loss, accuracy: right / samples, samples, confusion };
}

/** Precision, recall and F1 of each class. */
export function byClass(confusion: readonly (readonly number[])[], names: readonly string[]): ClassResult[] {
  return names.map((name, label) => {
    const right = confusion[label]?.[label] ?? 0;
    const samples = confusion[label]?.reduce((n, count) => n + count, 0) ?? 0;
    const taken = confusion.reduce((n, row) => n + (row[label] ?? 0), 0);
    const share = (of: number) => (of === 0 ? null : right / of);
    const f1 = samples + taken === 0 ? null : (2 * right) / (samples + taken);
    return { class: name, precision: share(taken), recall: share(samples), f1, samples };
  });
}
