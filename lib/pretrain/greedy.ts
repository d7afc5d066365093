import type { Dataset, TensorDataset } from '../data/dataset.js';
import { reconstruction } from '../data/reconstruction.js';
import { describe } from '../describe.js';
import { mse } from '../loss/regression.js';
import { Autoencoder } from '../models/autoencoder.js';
import { RBM } from '../models/rbm.js';
import { Adam } from '../optim/adam.js';
import type { Optimizer } from '../optim/optimizer.js';
import { SGD } from '../optim/sgd.js';
import type { Callback } from '../train/callback.js';
import type { History } from '../train/history.js';
import { Trainer, type FitOptions, type Loss } from '../train/trainer.js';
import { contrastiveDivergence } from './contrastiveDivergence.js';
import { encode } from './encode.js';

/** What can be pretrained as one layer of many. */
export type PretrainedLayer = Autoencoder | RBM;

export interface GreedyOptions extends Pick<
  FitOptions,
  'epochs' | 'batchSize' | 'shuffle' | 'seed' | 'progress' | 'signal'
> {
  /**
   * Makes a layer's optimizer; layers are counted from 0. Default: Adam with a rate of 1e-3 for an autoencoder; for an RBM
   * SGD with a rate of 0.1, momentum 0.5, and a decay of 2e-4 of its weight, as Hinton (2010) begins.
   */
  readonly optimizer?: ((layer: PretrainedLayer, index: number) => Optimizer) | undefined;
  /** Gives a layer's loss. Default: loss.mse for an autoencoder, contrastiveDivergence with k = 1 for an RBM. */
  readonly loss?: ((layer: PretrainedLayer, index: number) => Loss) | undefined;
  /** Gives the callbacks of a layer's training. Default: none. */
  readonly callbacks?: ((layer: PretrainedLayer, index: number) => readonly Callback[]) | undefined;
}

function usualOptimizer(layer: PretrainedLayer): Optimizer {
  if (!(layer instanceof RBM)) return new Adam(layer.parameters(), { lr: 1e-3 });
  // Pixels of Gaussian units err without bound, so that their rate is some hundredth of that of probabilities.
  const lr = layer.visibleUnits === 'gaussian' ? 1e-3 : 0.1;
  return new SGD(
    [
      { parameters: [layer.weight], weightDecay: 2e-4 },
      { parameters: [layer.visibleBias, layer.hiddenBias] },
    ],
    { lr, momentum: 0.5 },
  );
}

function usualLoss(layer: PretrainedLayer): Loss {
  return layer instanceof RBM ? contrastiveDivergence(layer) : mse;
}

/**
 * Greedy layer-wise pretraining (Hinton, Osindero and Teh, 2006; Bengio, Lamblin, Popovici and Larochelle, 2007): trains
 * the first layer to reconstruct the data, the next to reconstruct the codes that the first gives them, and so on; labels
 * are not looked at. Codes are those of clean data by layers in use, whatever corrupts a layer's own input, and are held
 * in memory.
 *
 * ```ts
 * const stack = new models.StackedAutoencoder([784, 256, 64]);
 * await pretrain.greedy(stack, unlabelled, { epochs: 10, batchSize: 64 });
 * ```
 *
 * @param stack a models.StackedAutoencoder, a models.DBN, or a list of layers
 * @param options those of Trainer.fit for each layer, and what makes its optimizer and its loss
 * @returns the history of each layer
 * @throws TypeError for what is no stack of layers; what Trainer.fit throws
 */
export async function greedy(
  stack: { readonly layers: readonly PretrainedLayer[] } | readonly PretrainedLayer[],
  train: Dataset,
  { optimizer = usualOptimizer, loss = usualLoss, callbacks = () => [], ...options }: GreedyOptions = {},
): Promise<History[]> {
  const layers = layersOf(stack);
  const histories: History[] = [];
  let codes: TensorDataset | null = null;
  try {
    for (const [i, layer] of layers.entries()) {
      const inputs: Dataset = codes ?? reconstruction(train);
      using steps = optimizer(layer, i);
      const trainer = new Trainer(layer, { optimizer: steps, loss: loss(layer, i) });
      histories.push(await trainer.fit(inputs, { ...options, callbacks: callbacks(layer, i) }));
      layer.zeroGrad();
      if (i === layers.length - 1) break;
      const next = await encode(layer, inputs);
      codes?.dispose();
      codes = next;
    }
    return histories;
  } finally {
    codes?.dispose();
  }
}

function layersOf(stack: unknown): readonly PretrainedLayer[] {
  const inside = typeof stack === 'object' && stack !== null && 'layers' in stack ? stack.layers : stack;
  if (!Array.isArray(inside) || inside.length === 0) {
    throw new TypeError(`greedy: stack is ${describe(stack)}, wants a StackedAutoencoder, a DBN, or layers`);
  }
  for (const [i, layer] of inside.entries()) {
    if (layer instanceof Autoencoder || layer instanceof RBM) continue;
    throw new TypeError(`greedy: layers[${i}] is ${describe(layer)}, wants an Autoencoder or an RBM`);
  }
  return inside as readonly PretrainedLayer[];
}
