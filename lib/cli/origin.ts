import type { Callback } from '../train/callback.js';
import type { ReadCheckpoint } from '../train/checkpointFile.js';
import { checkedNetwork, type Network } from './network.js';
import { completed, type FullRecipe } from './recipe/defaults.js';
import { checkedRecipe } from './recipe/schema.js';

/** What training came from: enough to make all of it anew. */
export interface Origin {
  recipe: FullRecipe;
  network: Network;
}

/** Puts the origin of training into its checkpoints. */
export class OriginRecord implements Callback {
  readonly #origin: Origin;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  state(): Origin {
    return this.#origin;
  }

  /** What it came from is known by then. */
  restore(): void {}
}

/** @throws Error that names the file, where its checkpoint is none of the command line's */
export function originOf({ file, state }: ReadCheckpoint): Origin {
  const record = state.callbacks.find(({ kind }) => kind === OriginRecord.name);
  const { recipe, network } = (record?.state ?? {}) as Partial<Record<keyof Origin, unknown>>;
  if (recipe === undefined || network === undefined) {
    throw new Error(`${file}: is a checkpoint of a program of its own, wants one of striate train`);
  }
  return { recipe: completed(checkedRecipe(recipe, file)), network: checkedNetwork(network, file) };
}
