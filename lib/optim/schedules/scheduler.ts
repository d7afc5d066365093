import { StriateError } from '../../native.js';
import { Group } from '../group.js';
import { completed, requireNumber, requireWhole } from '../options.js';

/** What a schedule steers: any optimizer. */
export interface Scheduled {
  readonly groups: readonly Group[];
}

/** What a schedule knows: plain JSON. */
export interface LRSchedulerState {
  lastEpoch: number;
  baseLrs: number[];
}

/** The learning rate that a group had before any schedule. */
const initialLrs = new WeakMap<Group, number>();

/**
 * Sets the learning rates of an optimizer's groups, as a function of the number of steps that the schedule has taken: t = 0
 * when it is made, one more with each step(), after an epoch or after a batch. The base rate of a group is its learning
 * rate before the first schedule was made of it.
 *
 * ```ts
 * const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: 30 });
 * const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, schedule });
 * await trainer.fit(train, { epochs: 30 });
 * ```
 *
 * One schedule steers at a time; SequentialLR is several, one after the other.
 */
export abstract class LRScheduler {
  readonly optimizer: Scheduled;
  /** When a Trainer that is not told otherwise takes a step of the schedule. */
  readonly interval: 'epoch' | 'step' = 'epoch';
  #baseLrs: readonly number[];
  #lastEpoch = 0;

  constructor(optimizer: Scheduled) {
    this.optimizer = requireScheduled(new.target.name, optimizer);
    for (const group of optimizer.groups) if (!initialLrs.has(group)) initialLrs.set(group, group.lr);
    this.#baseLrs = optimizer.groups.map((group) => initialLrs.get(group) ?? group.lr);
  }

  /** The learning rate of step t of the group of this index, whose base rate is `base`. */
  protected abstract lrAt(t: number, base: number, group: number): number;

  /** Steps taken; PyTorch's name, whatever a step is. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  get baseLrs(): readonly number[] {
    return this.#baseLrs;
  }

  /** The learning rates as they are. */
  get lastLr(): number[] {
    return this.optimizer.groups.map(({ lr }) => lr);
  }

  /** The learning rates of step t, for every group: to look at a schedule before it is used. */
  lrsAt(t: number): number[] {
    requireWhole(`${this.constructor.name}: step`, t, 0);
    return this.#baseLrs.map((base, group) => this.lrAt(t, base, group));
  }

  /** Sets the learning rates of the next step. */
  step(): void {
    this.moveTo(this.#lastEpoch + 1);
  }

  /**
   * Sets the learning rates of step t.
   *
   * @throws RangeError for a t that the schedule has not, StriateError where the optimizer has got more groups
   */
  moveTo(t: number): void {
    const { name } = this.constructor;
    const { groups } = this.optimizer;
    if (groups.length !== this.#baseLrs.length) {
      throw new StriateError(
        `${name}: the optimizer has ${groups.length} groups, had ${this.#baseLrs.length} when the schedule was made`,
      );
    }
    const lrs = this.lrsAt(t);
    for (const lr of lrs) requireNumber(`${name}: lr of step ${t}`, lr, 0);
    for (const [i, group] of groups.entries()) this.apply(group, i, lrs[i]!, t);
    this.#lastEpoch = t;
  }

  /** Sets what the schedule steers in a group. */
  protected apply(group: Group, _index: number, lr: number, _t: number): void {
    group.lr = lr;
  }

  /** What a checkpoint holds of it. */
  stateDict(): LRSchedulerState {
    return { lastEpoch: this.#lastEpoch, baseLrs: [...this.#baseLrs] };
  }

  /**
   * Goes on where another schedule with the same options was, also with its learning rates.
   *
   * @throws TypeError or RangeError for what is no such state
   */
  loadStateDict({ lastEpoch, baseLrs }: LRSchedulerState): void {
    const { name } = this.constructor;
    requireWhole(`${name}: lastEpoch`, lastEpoch, 0);
    this.#baseLrs = numbersFor(`${name}: baseLrs`, baseLrs, this.#baseLrs.length);
    this.moveTo(lastEpoch);
  }
}

/** The optimizer, where it is one. */
export function requireScheduled(name: string, optimizer: Scheduled): Scheduled {
  const groups: unknown = (optimizer as Scheduled | null | undefined)?.groups;
  if (!Array.isArray(groups) || !groups.every((group) => group instanceof Group)) {
    throw new TypeError(`${name}: optimizer is none`);
  }
  return optimizer;
}

/** A list of numbers from 0 on, one for each group, where one number stands for all. */
export function numbersFor(name: string, value: unknown, groups: number): number[] {
  const list: unknown[] = Array.isArray(value) ? value : Array.from({ length: groups }, () => value);
  if (list.length !== groups) {
    throw new RangeError(`${name} has ${list.length} numbers, wants ${groups}, one for each group`);
  }
  for (const [i, item] of list.entries())
    requireNumber(Array.isArray(value) ? `${name}[${i}]` : name, item, 0);
  return list as number[];
}

/** The options, with defaults for those not given; `required` ones have none. */
export function optionsOf<Options extends object>(
  name: string,
  defaults: Partial<NoInfer<Options>>,
  given: Options,
  required: readonly (keyof NoInfer<Options> & string)[] = [],
): Required<Options> {
  const places = Object.fromEntries(required.map((key) => [key, undefined]));
  const options = completed<object>(name, { ...places, ...defaults }, given) as Required<Options>;
  for (const key of required) {
    if (options[key] === undefined) throw new TypeError(`${name}: option '${key}' is missing`);
  }
  return options;
}
