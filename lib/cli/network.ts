import { digits } from '../data/digits.js';
import { mnist, type Split } from '../data/mnist.js';
import type { Scale } from '../data/standardize.js';
import { readSafetensors, saveSafetensors } from '../io/safetensors.js';
import { lenet5 } from '../models/lenet.js';
import type { Module } from '../nn/module.js';

export const modelNames = ['lenet5'] as const;
export const dataNames = ['digits', 'mnist'] as const;
export type DataName = (typeof dataNames)[number];

/** What a weights file says of the network that it is for. */
export interface Recipe {
  model: (typeof modelNames)[number];
  /** Height and width of its images. */
  side: 28 | 32;
  /** Of the images that it was trained on, by which those it is given are standardized. */
  scale: Scale;
}

/** The data set of this name, and the side of its images as the network takes them. */
export async function loadData(
  name: DataName,
  folder: string | undefined,
): Promise<Split & { side: 28 | 32 }> {
  if (name === 'digits') return { ...(await digits({ side: 32 })), side: 32 };
  if (folder === undefined)
    throw new Error(`--data ${name} wants --data-dir, the folder of its four IDX files`);
  return { ...(await mnist(folder)), side: 28 };
}

export function build({ side }: Pick<Recipe, 'side'>): Module {
  return lenet5({ side });
}

export async function save(model: Module, recipe: Recipe, file: string): Promise<void> {
  const { mean, deviation } = recipe.scale;
  const metadata = {
    model: recipe.model,
    side: String(recipe.side),
    mean: String(mean),
    deviation: String(deviation),
  };
  await saveSafetensors(model, file, metadata);
}

/** The network of a weights file that `striate train --save` wrote. */
export async function load(file: string): Promise<{ model: Module; recipe: Recipe }> {
  const { tensors, metadata } = await readSafetensors(file);
  const [side, mean, deviation] = [metadata.side, metadata.mean, metadata.deviation].map(Number);
  const name = modelNames.find((known) => known === metadata.model);
  if (!name || (side !== 28 && side !== 32) || !Number.isFinite(mean) || !(Number(deviation) > 0)) {
    throw new Error(`${file}: does not say which network it is for, as files of striate train --save do`);
  }
  const recipe: Recipe = { model: name, side, scale: { mean: Number(mean), deviation: Number(deviation) } };
  const model = build(recipe);
  model.loadStateDict(tensors);
  for (const tensor of tensors.values()) tensor.dispose();
  return { model, recipe };
}
