import { noGrad } from '../autograd.js';
import { TensorDataset, type Dataset, type Target } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { describe } from '../describe.js';
import { StriateError } from '../native.js';
import {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  GaussianDropout,
  Module,
  Sequential,
} from '../nn/index.js';
import { inEval } from '../nn/inEval.js';
import { concat } from '../ops/movement.js';
import { scope, type DType, type Tensor } from '../tensor.js';
import { placeOf, type HeadOptions } from './head.js';

/** A model in two: head.forward(body.forward(x)) is model.forward(x). */
export interface SplitModel {
  readonly body: Sequential;
  readonly head: Sequential;
}

type Layers = [name: string, module: Module][];

const droppings = [Dropout, Dropout1d, Dropout2d, AlphaDropout, GaussianDropout];

/**
 * A model as a body, which gives features, and a head, which makes scores of them: the layer that replaceHead() replaces,
 * or that of the path `at`, with dropouts right before it and all that follows. Both have the model's own layers under
 * their own names: training the head trains the model.
 *
 * @throws TypeError, RangeError for a path that is none; StriateError where the layer is not in Sequentials alone
 */
export function splitAtHead(model: Module, { at }: HeadOptions = {}): SplitModel {
  const { path } = placeOf('splitAtHead', model, at);
  const [body, head] = split(model, path, path);
  return { body: inRow(body), head: inRow(head) };
}

function split(container: Module, path: string, whole: string): [body: Layers, head: Layers] {
  if (!(container instanceof Sequential)) {
    throw new StriateError(
      `splitAtHead: ${whole} is in a ${container.constructor.name}, wants it in Sequentials alone`,
    );
  }
  // Beside the layers may be auxiliary classifiers.
  const layers: Layers = [...container.children()].slice(0, container.length);
  const i = layers.findIndex(([name]) => path === name || path.startsWith(`${name}.`));
  if (i < 0) throw new StriateError(`splitAtHead: ${whole} is not in the row of layers`);
  const [name, layer] = layers[i]!;
  const [before, after] = [layers.slice(0, i), layers.slice(i + 1)];
  if (path === name) return withDropouts(before, [[name, layer], ...after]);
  const [innerBefore, innerAfter] = split(layer, path.slice(name.length + 1), whole);
  const head: Layers = [[name, inRow(innerAfter)], ...after];
  if (innerBefore.length > 0) return [[...before, [name, inRow(innerBefore)]], head];
  return withDropouts(before, head);
}

/** What is drawn anew for each batch is not to be computed once. */
function withDropouts(body: Layers, head: Layers): [body: Layers, head: Layers] {
  const last = body.findLastIndex(([, layer]) => !droppings.some((kind) => layer instanceof kind));
  return [body.slice(0, last + 1), [...body.slice(last + 1), ...head]];
}

function inRow(layers: Layers): Sequential {
  return new Sequential(Object.fromEntries(layers));
}

export interface FeatureOptions {
  /** Samples that go through the body at a time. Default: 256. */
  readonly batchSize?: number | undefined;
  /** Ends it after the batch that runs: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a body makes of each sample of a dataset, in its order, in eval mode: computed once, where training a head on top
 * of a frozen body would compute it in each epoch.
 *
 * ```ts
 * const { body, head } = transfer.splitAtHead(model);
 * const features = await transfer.extractFeatures(body, train);
 * const trainer = new Trainer(head, { optimizer: new optim.Adam(head.parameters()), loss: loss.crossEntropy });
 * await trainer.fit(features, { epochs: 100 }); // the model is trained then
 * ```
 *
 * Memory: the features, and twice as much while their batches are put together.
 *
 * @returns features [N, …] with the targets of the dataset, to be disposed by the caller
 * @throws TypeError for what is no module, RangeError for an empty dataset
 */
export async function extractFeatures(
  body: Module,
  dataset: Dataset,
  { batchSize = 256, signal }: FeatureOptions = {},
): Promise<TensorDataset> {
  if (!(body instanceof Module)) {
    throw new TypeError(`extractFeatures: body is ${describe(body)}, wants a Module`);
  }
  if (dataset.length === 0) throw new RangeError('extractFeatures: the dataset is empty');
  const xs: Tensor[] = [];
  const ys: Tensor<DType>[] = [];
  try {
    for await (const [x, y] of new DataLoader(dataset, { batchSize, seed: 0 })) {
      signal?.throwIfAborted();
      const features = inEval(body, () => noGrad(() => scope(() => body.forward(x))));
      // A body of no layers gives the batch itself, which its owner disposes.
      xs.push(features === x ? features.detach().keep() : features.keep());
      ys.push((y as Tensor<DType>).detach().keep());
    }
    const joined = concat(ys, 0) as Target;
    return new TensorDataset(concat(xs, 0), joined, { classes: dataset.classes });
  } finally {
    for (const part of [...xs, ...ys]) part.dispose();
  }
}
