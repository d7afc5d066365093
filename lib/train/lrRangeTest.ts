import { backward } from '../autograd.js';
import type { Batch, Dataset, Target } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { zeros } from '../ops/creation.js';
import type { Module } from '../nn/module.js';
import type { Optimizer, OptimizerState } from '../optim/optimizer.js';
import { completed } from '../optim/options.js';
import { scope, synchronize, Tensor, type DType } from '../tensor.js';
import type { Loss } from './trainer.js';

/** What is trained, as a Trainer has it. */
export interface Trained {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** What training makes less. */
  readonly loss: Loss;
}

export interface LrRangeTestOptions {
  /** The rate of the first batch, above 0. Default: 1e-7. */
  lrMin?: number;
  /** The rate of the last. Default: 10. */
  lrMax?: number;
  /** Batches to train on, 2 or more; data that has fewer is gone through again. Default: 100. */
  steps?: number;
  /** Whether the rate grows by one factor from batch to batch, or by one amount. Default: 'exponential'. */
  growth?: 'exponential' | 'linear';
  /** β of the smoothed losses, from 0 (none) to less than 1. Default: 0.9. */
  smoothing?: number;
  /** Ends the test where the smoothed loss is above the best times this. Default: 4. */
  divergence?: number;
  /** Of a Dataset. Default: 32. */
  batchSize?: number;
  /** Fixes the order of a Dataset's samples; otherwise it follows setSeed. */
  seed?: number | undefined;
  /** Ends the test: it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface LrRangeTestResult {
  /** The rates that were trained with, rising. */
  lrs: number[];
  /** The loss of each batch, before the step with that rate. */
  losses: number[];
  /** l ← β·l + (1 − β)·loss, divided by 1 − βⁿ. */
  smoothed: number[];
  /**
   * The rate at which the smoothed loss falls most steeply from step to step; null where it never falls. Not one of the first
   * 1/(1 − β), at most a quarter of all: their smoothed losses are means of few.
   */
  suggestion: number | null;
  /** Whether the test ended before lrMax, as the loss had grown too much or was no number. */
  diverged: boolean;
}

/**
 * The learning rate range test (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017): trains for some batches
 * with a rate that grows from lrMin to lrMax, to see where the loss falls and where it diverges. Afterwards, also where it
 * throws, the parameters, buffers and the optimizer's state are as they were; gradients are forgotten. All groups of the
 * optimizer get the same rate.
 *
 * ```ts
 * const { suggestion } = await lrRangeTest(trainer, train, { lrMax: 1, steps: 200 });
 * if (suggestion !== null) trainer.optimizer.lr = suggestion;
 * ```
 *
 * Memory: a copy of the parameters, the buffers and the optimizer's state.
 *
 * @param trained a Trainer, or a model, an optimizer and a loss; it must not be at fit()
 * @param data a Dataset, whose samples come in random order, or batches that can be gone through again, as a DataLoader
 * @throws TypeError or RangeError for options out of range and data without batches; the signal's reason when aborted
 */
export async function lrRangeTest(
  trained: Trained,
  data: Dataset | AsyncIterable<Batch>,
  options: LrRangeTestOptions = {},
): Promise<LrRangeTestResult> {
  const checked = checkedOptions(options);
  const { batchSize, seed, signal } = checked;
  const batches =
    Symbol.asyncIterator in data
      ? data
      : new DataLoader(data, { batchSize, shuffle: true, ...(seed === undefined ? {} : { seed }) });
  signal?.throwIfAborted();
  const before = new Snapshot(trained);
  try {
    trained.model.train();
    return await run(trained, batches, checked);
  } finally {
    // An update that failed has left its parameters as they were; the loss has told.
    await synchronize().catch(() => undefined);
    before.restore();
  }
}

type Checked = Required<LrRangeTestOptions>;

async function run(
  trained: Trained,
  batches: AsyncIterable<Batch>,
  { lrMin, lrMax, steps, growth, smoothing, divergence, signal }: Checked,
): Promise<LrRangeTestResult> {
  const result: LrRangeTestResult = { lrs: [], losses: [], smoothed: [], suggestion: null, diverged: false };
  const { lrs, losses, smoothed } = result;
  let mean = 0;
  let best = Infinity;
  while (lrs.length < steps && !result.diverged) {
    const begun = lrs.length;
    for await (const [x, y] of batches) {
      signal?.throwIfAborted();
      const share = lrs.length / (steps - 1);
      const lr = growth === 'linear' ? lrMin + (lrMax - lrMin) * share : lrMin * (lrMax / lrMin) ** share;
      trained.optimizer.lr = lr;
      const loss = await stepOf(trained, x, y);
      lrs.push(lr);
      losses.push(loss);
      mean = smoothing * mean + (1 - smoothing) * loss;
      const smooth = mean / (1 - smoothing ** losses.length);
      smoothed.push(smooth);
      // Of losses below 0, which a factor makes no greater, there is no telling.
      result.diverged = !Number.isFinite(smooth) || (best > 0 && smooth > divergence * best);
      best = Math.min(best, smooth);
      if (result.diverged || lrs.length === steps) break;
    }
    if (lrs.length === begun) throw new RangeError('lrRangeTest: the data has no batches');
  }
  const unsettled = Math.min(1 / (1 - smoothing), lrs.length / 4);
  result.suggestion = steepest(lrs, smoothed, Math.floor(unsettled));
  return result;
}

/** A step of training; gives the loss before. */
function stepOf({ model, optimizer, loss }: Trained, x: Tensor, y: Target): Promise<number> {
  const { value } = scope(() => {
    optimizer.zeroGrad();
    const l = loss(model.forward(x), y);
    backward(l);
    optimizer.step();
    return { value: l.item() };
  });
  return value;
}

/** Where, from the index `first` on, the values fall most from one neighbour to the other. */
function steepest(lrs: readonly number[], values: readonly number[], first: number): number | null {
  let least = 0;
  let found: number | null = null;
  for (let i = first; i < lrs.length; i++) {
    const [from, to] = [Math.max(0, i - 1), Math.min(values.length - 1, i + 1)];
    const slope = (values[to]! - values[from]!) / (to - from);
    if (slope < least) [least, found] = [slope, lrs[i]!];
  }
  return found;
}

/** Copies of all that training changes. */
class Snapshot {
  readonly #trained: Trained;
  /** Whether each module inside was training. */
  readonly #modes: Map<Module, boolean>;
  readonly #copies: { target: Tensor<DType>; copy: Tensor<DType> }[];
  readonly #state: OptimizerState<never>;

  constructor(trained: Trained) {
    const { model, optimizer } = trained;
    this.#trained = trained;
    this.#modes = new Map(Array.from(model.modules(), ([, module]) => [module, module.training]));
    // The optimizer's parameters may be more than the model's.
    const targets = new Set<Tensor<DType>>([...model.stateDict().values(), ...optimizer.parameters]);
    this.#copies = Array.from(targets, (target) => ({ target, copy: copyOf(target) }));
    const { tensors, ...rest } = optimizer.stateDict();
    const copies = Array.from(tensors, ([name, tensor]) => [name, copyOf(tensor)] as const);
    this.#state = { ...(rest as OptimizerState<never>), tensors: new Map(copies) };
  }

  restore(): void {
    const { optimizer } = this.#trained;
    optimizer.zeroGrad();
    for (const { target, copy } of this.#copies) {
      target.assign(copy);
      copy.dispose();
    }
    optimizer.loadStateDict(this.#state);
    for (const copy of this.#state.tensors.values()) copy.dispose();
    for (const [module, training] of this.#modes) module.training = training;
  }
}

function copyOf<D extends DType>(source: Tensor<D>): Tensor<D> {
  const copy = zeros(source.shape, source.dtype).keep();
  copy.assign(source);
  return copy;
}

const defaults: Checked = {
  lrMin: 1e-7,
  lrMax: 10,
  steps: 100,
  growth: 'exponential',
  smoothing: 0.9,
  divergence: 4,
  batchSize: 32,
  seed: undefined,
  signal: undefined,
};

function checkedOptions(options: LrRangeTestOptions): Checked {
  const complete = completed('lrRangeTest', defaults, options);
  const { lrMin, lrMax, steps, growth, smoothing, divergence } = complete;
  const requireThat = (name: Exclude<keyof Checked, 'seed' | 'signal'>, holds: boolean, wanted: string) => {
    if (!holds) throw new RangeError(`lrRangeTest: ${name} is ${complete[name]}, wants ${wanted}`);
  };
  requireThat('lrMin', Number.isFinite(lrMin) && lrMin > 0, 'a finite number above 0');
  requireThat('lrMax', Number.isFinite(lrMax) && lrMax > lrMin, `a finite number above lrMin, ${lrMin}`);
  requireThat('steps', Number.isSafeInteger(steps) && steps > 1, 'a whole number from 2 on');
  requireThat('growth', ['exponential', 'linear'].includes(growth), "'exponential' or 'linear'");
  requireThat('smoothing', smoothing >= 0 && smoothing < 1, 'a number from 0 to less than 1');
  requireThat('divergence', divergence > 1, 'a number above 1');
  return complete;
}
