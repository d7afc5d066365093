import { tensor } from '../ops/creation.js';
import type { Tensor } from '../tensor.js';
import type { Dataset } from './dataset.js';

/** The labels of all samples. Throws TypeError where the dataset knows none. */
export async function labelsOf(operation: string, dataset: Dataset): Promise<Int32Array> {
  if (!dataset.labels) {
    throw new TypeError(
      `${operation}: the dataset knows no labels, wants one that has labels(), as TensorDataset`,
    );
  }
  return dataset.labels();
}

/** How many samples each label has. Throws RangeError where there is one label alone, or none. */
export function checkedClasses(operation: string, labels: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (counts.size >= 2) return counts;
  const given =
    counts.size === 0 ? 'the dataset is empty' : `all ${labels.length} samples are of class ${labels[0]}`;
  throw new RangeError(`${operation}: ${given}, wants two classes or more`);
}

/**
 * Weights that make classes count the same, however many samples they have: f32 [K], n/(K·n of the class) for n samples of
 * K classes (King and Zeng, "Logistic regression in rare events data", 2001), for `classWeights` of a loss.
 *
 * ```ts
 * const weights = await classWeights(train);
 * const balanced = (output, labels) => loss.crossEntropy(output, labels, { classWeights: weights });
 * ```
 *
 * @throws TypeError where the dataset knows no labels; RangeError for one class alone, and for a class without samples
 */
export async function classWeights(dataset: Dataset): Promise<Tensor> {
  const labels = await labelsOf('classWeights', dataset);
  const counts = checkedClasses('classWeights', labels);
  const k = dataset.classes?.length ?? Math.max(...counts.keys()) + 1;
  const weights = Float32Array.from({ length: k }, (_, label) => {
    const count = counts.get(label);
    if (count !== undefined) return labels.length / (k * count);
    throw new RangeError(`classWeights: class ${dataset.classes?.[label] ?? label} has no samples`);
  });
  return tensor(weights);
}
