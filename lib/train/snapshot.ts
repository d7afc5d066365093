import { noGrad } from '../autograd.js';
import { describe } from '../describe.js';
import { inEval } from '../nn/inEval.js';
import { Module, type StateDict } from '../nn/module.js';
import { slice } from '../ops/movement.js';
import { express, scope, StriateError, synchronize, Tensor, type DType } from '../tensor.js';
import type { Callback } from './callback.js';

export interface SnapshotOptions {
  /** As a callback of fit(): after how many steps it is refreshed, beside the ends of epochs. Default: null, never. */
  readonly everySteps?: number | null | undefined;
}

/**
 * A model as it was at one moment, to be asked while it trains: a copy of its parameters and buffers, which forward()
 * lends to the model's layers. Its operations take the express lane, so that an answer waits for a piece of one command of
 * training and not for a step; and as they read the copy, no answer sees half an update.
 *
 * ```ts
 * const snapshot = new Snapshot(model, { everySteps: 100 });
 * const training = trainer.fit(train, { epochs: 10, callbacks: [snapshot] });
 * // meanwhile, in a request; what the answer depends on takes the express lane, too
 * using scores = express(() => snapshot.forward(tensor(pixels, [1, 28, 28, 1])));
 * const answer = await scores.data();
 * ```
 *
 * A refresh needs memory for a second copy until it is done, and the first is given back then.
 */
export class Snapshot implements Callback, Disposable {
  readonly model: Module;
  readonly everySteps: number | null;
  #copies: ReadonlyMap<Tensor<DType>, Tensor<DType>> | null;
  #version = 0;
  #steps = 0;
  #refreshing: Promise<void> | null = null;

  /**
   * Copies the weights as they are at this place of the queue.
   *
   * @throws TypeError, RangeError for arguments that are none
   */
  constructor(model: Module, { everySteps = null }: SnapshotOptions = {}) {
    if (!(model instanceof Module)) {
      throw new TypeError(`Snapshot: model is ${describe(model)}, wants a Module`);
    }
    if (everySteps !== null && (!Number.isSafeInteger(everySteps) || everySteps < 1)) {
      throw new RangeError(
        `Snapshot: everySteps is ${describe(everySteps)}, wants a whole number from 1 on, or null`,
      );
    }
    this.model = model;
    this.everySteps = everySteps;
    this.#copies = copiesOf(model);
  }

  /** How often the weights have been replaced by later ones. */
  get version(): number {
    return this.#version;
  }

  /**
   * Copies the weights as they are at this place of the queue. forward() goes on with those of before until the copies are
   * complete, which is when this resolves.
   *
   * @throws StriateError where copying failed, or an update of the model before; the snapshot stays as it is then
   */
  async refresh(): Promise<void> {
    this.#live('refresh');
    const copies = copiesOf(this.model);
    try {
      await synchronize();
    } catch (error) {
      disposeAll(copies);
      throw error;
    }
    if (!this.#copies) {
      disposeAll(copies);
      return;
    }
    // Commands under way hold the storage that they read.
    disposeAll(this.#copies);
    this.#copies = copies;
    this.#version++;
  }

  /**
   * The model's output for x with these weights: in eval mode, on the express lane, not recorded for gradients. `x` is to
   * be made inside of express(), else the answer waits for it in the other lane.
   */
  forward(x: Tensor): Tensor {
    const copies = this.#live('forward');
    const lent: [owner: Record<string, unknown>, field: string, own: Tensor<DType>][] = [];
    try {
      for (const [, module] of this.model.modules()) {
        const owner = module as unknown as Record<string, unknown>;
        for (const [field, own] of Object.entries(owner)) {
          const copy = own instanceof Tensor ? copies.get(own as Tensor<DType>) : undefined;
          if (!copy) continue;
          lent.push([owner, field, own as Tensor<DType>]);
          owner[field] = copy;
        }
      }
      return express(() => inEval(this.model, () => noGrad(() => scope(() => this.model.forward(x)))));
    } finally {
      for (const [owner, field, own] of lent) owner[field] = own;
    }
  }

  /** The copies, by the names that they have in the model; they stand until the next refresh. */
  stateDict(): StateDict {
    const copies = this.#live('stateDict');
    return new Map(Array.from(this.model.stateDict(), ([name, own]) => [name, copies.get(own) ?? own]));
  }

  async onStep(): Promise<void> {
    if (this.everySteps === null || ++this.#steps % this.everySteps !== 0) return;
    // Not waited for here: the compute thread would run out of work. Where it failed, the next call tells.
    await this.#refreshing;
    this.#refreshing = this.refresh();
    this.#refreshing.catch(() => undefined);
  }

  async onEpochEnd(): Promise<void> {
    await this.#refreshing;
    await this.refresh();
  }

  /** Gives the copies back. */
  dispose(): void {
    if (this.#copies) disposeAll(this.#copies);
    this.#copies = null;
  }

  /** dispose(), for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #live(operation: string): ReadonlyMap<Tensor<DType>, Tensor<DType>> {
    if (!this.#copies) throw new StriateError(`Snapshot.${operation}: the snapshot has been disposed`);
    return this.#copies;
  }
}

/** A copy of each tensor of the model, each made by one command: who reads it waits for all of it. */
function copiesOf(model: Module): Map<Tensor<DType>, Tensor<DType>> {
  const copies = new Map<Tensor<DType>, Tensor<DType>>();
  try {
    for (const own of model.stateDict().values()) {
      if (!copies.has(own)) copies.set(own, noGrad(() => slice(own, [])).keep());
    }
  } catch (error) {
    disposeAll(copies);
    throw error;
  }
  return copies;
}

function disposeAll(copies: ReadonlyMap<unknown, Tensor<DType>>): void {
  for (const copy of copies.values()) copy.dispose();
}
