import { describe } from '../describe.js';
import { requireFlag, requireNumber } from '../optim/options.js';
import type { Draws } from './draws.js';

/** A part of a space, whose samples are plain JSON. */
export abstract class Part<T> {
  /**
   * A sample.
   *
   * @internal
   */
  abstract draw(draws: Draws): T;
  /** How many things of a sample mutation may change. */
  abstract places(value: T): number;
  /**
   * The sample with one of these, counted from 0, changed.
   *
   * @internal
   */
  abstract mutate(value: T, place: number, draws: Draws): T;
  /** The part as JSON: the same for the same part. */
  abstract declaration(): unknown;
}

/** What a choice can be among. */
export type Choosable = string | number | boolean | null;

class Choice<T extends Choosable> extends Part<T> {
  readonly #values: readonly T[];

  constructor(values: readonly T[]) {
    super();
    const isList: boolean = Array.isArray(values);
    if (!isList || values.length === 0) {
      throw new TypeError(`choice: values is ${describe(values)}, wants a list`);
    }
    this.#values = [...values];
    for (const [i, value] of this.#values.entries()) {
      const plain = value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
      if (!plain) {
        throw new TypeError(
          `choice: values[${i}] is ${describe(value)}, wants a string, a finite number, true, false or null`,
        );
      }
      if (this.#values.indexOf(value) < i) throw new RangeError(`choice: ${describe(value)} is there twice`);
    }
  }

  override draw(draws: Draws): T {
    return this.#values[draws.below(this.#values.length)]!;
  }

  override places(): number {
    return this.#values.length > 1 ? 1 : 0;
  }

  override mutate(value: T, _place: number, draws: Draws): T {
    const others = this.#values.filter((other) => other !== value);
    return others[draws.below(others.length)]!;
  }

  override declaration(): unknown {
    return { choice: this.#values };
  }
}

/** One of these values, each as likely as any other. Mutation takes another one. */
export function choice<const T extends Choosable>(values: readonly T[]): Part<T> {
  return new Choice(values);
}

export interface RangeOptions {
  /** Whether the logarithm is uniform, as for learning rates; wants a range above 0. Default: false. */
  readonly log?: boolean | undefined;
}

/** How far mutation moves a number: the standard deviation, as a share of its range. */
const move = 0.2;

/** Numbers of a range, as places in [0, 1]. */
abstract class Range extends Part<number> {
  protected readonly low: number;
  protected readonly high: number;
  protected readonly log: boolean;

  constructor(caller: string, low: number, high: number, { log = false }: RangeOptions) {
    super();
    requireNumber(`${caller}: low`, low);
    requireNumber(`${caller}: high`, high);
    requireFlag(`${caller}: log`, log);
    if (low > high) throw new RangeError(`${caller}: low is ${low}, wants at most high, ${high}`);
    if (log && low <= 0) throw new RangeError(`${caller}: low is ${low}, wants a number above 0 with log`);
    this.low = low;
    this.high = high;
    this.log = log;
  }

  protected abstract at(share: number): number;
  protected abstract shareOf(value: number): number;

  override draw(draws: Draws): number {
    return this.at(draws.share());
  }

  override places(): number {
    return this.high > this.low ? 1 : 0;
  }

  override mutate(value: number, _place: number, draws: Draws): number {
    // Reflected at the ends of the range.
    const moved = Math.abs(this.shareOf(value) + move * draws.normal()) % 2;
    return this.at(moved > 1 ? 2 - moved : moved);
  }

  /** Between two numbers, along their logarithms where they are wanted. */
  protected between(low: number, high: number, share: number): number {
    const value = this.log ? low * (high / low) ** share : low + share * (high - low);
    return Math.min(this.high, Math.max(this.low, value));
  }

  protected shareBetween(low: number, high: number, value: number): number {
    return this.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  }
}

class Float extends Range {
  protected override at(share: number): number {
    return this.between(this.low, this.high, share);
  }

  protected override shareOf(value: number): number {
    return this.shareBetween(this.low, this.high, value);
  }

  override declaration(): unknown {
    return { float: [this.low, this.high], log: this.log };
  }
}

/**
 * A number from `low` to `high`, uniform, or with `log` its logarithm. Mutation moves it by a normal step, a fifth of the
 * range in size, and reflects it at the ends.
 *
 * ```ts
 * float(1e-4, 1e-1, { log: true }); // a learning rate
 * ```
 */
export function float(low: number, high: number, options: RangeOptions = {}): Part<number> {
  return new Float('float', low, high, options);
}

class Int extends Range {
  constructor(low: number, high: number, options: RangeOptions) {
    super('int', low, high, options);
    for (const [name, value] of Object.entries({ low, high })) {
      if (Number.isSafeInteger(value)) continue;
      throw new RangeError(`int: ${name} is ${value}, wants a whole number`);
    }
  }

  protected override at(share: number): number {
    return Math.floor(this.between(this.low, this.high + 1, share));
  }

  protected override shareOf(value: number): number {
    return this.shareBetween(this.low, this.high + 1, value + 0.5);
  }

  override mutate(value: number, place: number, draws: Draws): number {
    const moved = super.mutate(value, place, draws);
    if (moved !== value) return moved;
    const up = value === this.low || (value < this.high && draws.share() < 0.5);
    return value + (up ? 1 : -1);
  }

  override declaration(): unknown {
    return { int: [this.low, this.high], log: this.log };
  }
}

/** A whole number from `low` to `high`, both included; as float(). Mutation changes it by 1 at least. */
export function int(low: number, high: number, options: RangeOptions = {}): Part<number> {
  return new Int(low, high, options);
}
