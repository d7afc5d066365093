import { readSafetensors, saveSafetensors } from '../io/safetensors.js';
import type { Module } from '../nn/module.js';
import { loadCheckpoint } from '../train/checkpoint.js';
import { readCheckpoint } from '../train/checkpointFile.js';
import { buildModel } from './models.js';
import { checkedNetwork, type Network } from './network.js';
import { originOf } from './origin.js';

/** Where the header of a weights file has the network, and that of a checkpoint its state. */
const networkKey = 'striate.network';
const checkpointKey = 'striate.checkpoint';

export interface Loaded {
  model: Module;
  network: Network;
}

export async function saveWeights(model: Module, network: Network, file: string): Promise<void> {
  await saveSafetensors(model, file, { [networkKey]: JSON.stringify(network) });
}

/**
 * The network of a file of `striate train`: weights, or a checkpoint.
 *
 * @throws Error that names the file where it is missing, damaged, or of another program
 */
export async function loadWeights(file: string): Promise<Loaded> {
  const { tensors, metadata } = await readSafetensors(file);
  try {
    if (metadata[networkKey] === undefined && metadata[checkpointKey] !== undefined) {
      const { network } = originOf(await readCheckpoint(file));
      const model = made(network);
      await loadCheckpoint(model, file);
      return { model, network };
    }
    const network = checkedNetwork(parsed(metadata[networkKey]), file);
    const model = made(network);
    model.loadStateDict(tensors);
    return { model, network };
  } finally {
    for (const stored of tensors.values()) stored.dispose();
  }
}

function made({ model, input, classes }: Network): Module {
  return buildModel(model, input, classes.length);
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? '');
  } catch {
    return undefined;
  }
}
