import { loadOnnx } from '../io/onnx/loadOnnx.js';
import { saveOnnx } from '../io/onnx/save.js';
import { readSafetensors, saveSafetensors, type SafetensorsOptions } from '../io/safetensors.js';
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

export async function saveWeights(
  model: Module,
  network: Network,
  file: string,
  options: SafetensorsOptions = {},
): Promise<void> {
  await saveSafetensors(model, file, { [networkKey]: JSON.stringify(network) }, options);
}

/** Writes the network as ONNX, with what it takes to give it the samples that it was trained on. */
export async function saveAsOnnx(
  { model, network }: Loaded,
  file: string,
  opset: number | undefined,
): Promise<void> {
  const metadata = { [networkKey]: JSON.stringify(network) };
  await saveOnnx(model, file, { inputShape: network.input, opset, metadata });
}

/** Whether a file is one of ONNX, by its name. */
export function isOnnx(file: string): boolean {
  return file.toLowerCase().endsWith('.onnx');
}

/**
 * The network of a file of `striate export`.
 *
 * @throws Error that names the file where it is missing, damaged, or of another program
 */
export async function loadFromOnnx(file: string): Promise<Loaded> {
  const model = await loadOnnx(file);
  const network = checkedNetwork(parsed(model.metadata[networkKey]), file);
  const [input] = model.inputs;
  const [output] = model.outputs;
  const [taken, given] = [input?.shape.slice(1).join(', '), output?.shape.slice(1).join(', ')];
  if (taken !== network.input.join(', ') || given !== String(network.classes.length)) {
    throw new Error(
      `${file}: takes [N, ${taken}] and gives [N, ${given}], but is for samples of [${network.input.join(', ')}] and ${network.classes.length} classes`,
    );
  }
  return { model, network };
}

/**
 * The network of a file of `striate train`: weights, or a checkpoint; or of `striate export`.
 *
 * @throws Error that names the file where it is missing, damaged, or of another program
 */
export async function loadWeights(file: string): Promise<Loaded> {
  if (isOnnx(file)) return loadFromOnnx(file);
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
