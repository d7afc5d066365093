import { readFile } from 'node:fs/promises';
import { checkedRecipe, type Recipe } from './schema.js';

/** @throws Error that names the file, and what in it is no recipe */
export async function readRecipe(file: string): Promise<Recipe> {
  const bytes = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`cannot read the recipe ${file}: ${reasonOf(cause)}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(bytes);
  } catch (cause) {
    throw new Error(`${file}: is not JSON: ${reasonOf(cause)}`, { cause });
  }
  return checkedRecipe(value, file);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
