import { digits } from '../data/digits.js';
import { mnist, type Split } from '../data/mnist.js';
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

export function build({ side }: Recipe): Module {
  return lenet5({ side });
}

export async function save(model: Module, recipe: Recipe, file: string): Promise<void> {
  await saveSafetensors(model, file, { model: recipe.model, side: String(recipe.side) });
}

/** The network of a weights file that `striate train --save` wrote. */
export async function load(file: string): Promise<{ model: Module; recipe: Recipe }> {
  const { tensors, metadata } = await readSafetensors(file);
  const side = Number(metadata.side);
  const name = modelNames.find((known) => known === metadata.model);
  if (!name || (side !== 28 && side !== 32)) {
    throw new Error(`${file}: does not say which network it is for, as files of striate train --save do`);
  }
  const recipe = { model: name, side } as const;
  const model = build(recipe);
  model.loadStateDict(tensors);
  for (const tensor of tensors.values()) tensor.dispose();
  return { model, recipe };
}
