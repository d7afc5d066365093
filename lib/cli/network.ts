import * as v from 'valibot';
import type { Dataset } from '../data/dataset.js';
import { Standardize } from '../data/preprocessing/scale.js';
import { Normalize, type Step } from '../data/transforms/index.js';
import { tensor } from '../ops/creation.js';
import type { Shape } from '../tensor.js';
import {
  checkedData,
  checkedModel,
  type DataRecipe,
  type ModelRecipe,
  type Recipe,
} from './recipe/schema.js';

/** What a weights file says of the network that it is for. */
export interface Network {
  model: ModelRecipe;
  /** The shape of a sample: [H, W, C], or [features]. */
  input: Shape;
  classes: readonly string[];
  /** By which samples in [0, 1] are standardized: of each channel, one of all, or none. */
  mean: readonly number[];
  std: readonly number[];
  /** The data set that it was trained on, but for where it lay. */
  data: DataRecipe;
}

const numbers = v.array(v.pipe(v.number(), v.finite()));
const networkSchema = v.strictObject({
  model: v.unknown(),
  input: v.pipe(v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(1))), v.minLength(1)),
  classes: v.pipe(v.array(v.string()), v.minLength(1)),
  mean: numbers,
  std: v.array(v.pipe(v.number(), v.finite(), v.gtValue(0))),
  data: v.unknown(),
});

/** @throws Error that begins with the file, where that is no network */
export function checkedNetwork(value: unknown, file: string): Network {
  const result = v.safeParse(networkSchema, value);
  if (!result.success || result.output.mean.length !== result.output.std.length) {
    throw new Error(`${file}: does not say which network it is for, as files of striate train do`);
  }
  const { model, data } = result.output;
  return { ...result.output, model: checkedModel(model, file), data: checkedData(data, file) };
}

/** Mean and deviation of the training data, as the recipe wants them. */
export async function measured(
  how: NonNullable<Recipe['standardize']>,
  train: Dataset,
): Promise<Pick<Network, 'mean' | 'std'>> {
  if (how === 'none') return { mean: [], std: [] };
  using fitted = await Standardize.fit(train, { statistics: how });
  const [mean, std] = await Promise.all([fitted.mean.data(), fitted.std.data()]);
  return { mean: [...mean], std: [...std] };
}

/** What brings samples to mean 0 and deviation 1. */
export function normalization({ input, mean, std }: Network): Step[] {
  if (mean.length === 0) return [];
  const one = mean.length === 1;
  if (input.length === 3) {
    return [new Normalize(one ? mean[0]! : [...mean], one ? std[0]! : [...std])];
  }
  const step = new Standardize(one && input.at(-1) !== 1 ? undefined : mean.length);
  for (const [target, values] of [
    [step.mean, mean],
    [step.std, std],
  ] as const) {
    using source = tensor(Float32Array.from(values), target.shape);
    target.assign(source);
  }
  return [step];
}
