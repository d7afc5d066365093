import { describe } from '../describe.js';
import type { Draws } from './draws.js';
import { Part } from './part.js';

/** A space to search: parts, and objects of spaces, whose samples are objects of the same keys. */
export type Space = Part<unknown> | { readonly [name: string]: Space };

/** What a space gives: plain JSON. */
export type SampleOf<S> =
  S extends Part<infer T> ? T : { -readonly [K in keyof S]: S[K] extends Space ? SampleOf<S[K]> : never };

/** An object, each of whose fields is a space. */
class Fields extends Part<Record<string, unknown>> {
  readonly #parts: readonly [name: string, part: Part<unknown>][];

  constructor(caller: string, fields: Readonly<Record<string, Space>>) {
    super();
    this.#parts = Object.entries(fields).map(([name, space]) => [name, partOf(`${caller}.${name}`, space)]);
  }

  override draw(draws: Draws): Record<string, unknown> {
    return Object.fromEntries(this.#parts.map(([name, part]) => [name, part.draw(draws)]));
  }

  override places(value: Record<string, unknown>): number {
    return this.#parts.reduce((n, [name, part]) => n + part.places(value[name]), 0);
  }

  override mutate(value: Record<string, unknown>, place: number, draws: Draws): Record<string, unknown> {
    let left = place;
    for (const [name, part] of this.#parts) {
      const own = part.places(value[name]);
      if (left < own) return { ...value, [name]: part.mutate(value[name], left, draws) };
      left -= own;
    }
    return value;
  }

  override declaration(): unknown {
    return Object.fromEntries(this.#parts.map(([name, part]) => [name, part.declaration()]));
  }
}

/** A space as a part. Throws TypeError that begins with `caller` for what is none. */
export function partOf(caller: string, space: Space): Part<unknown> {
  if (space instanceof Part) return space;
  const given: unknown = space;
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    return new Fields(caller, space);
  }
  throw new TypeError(
    `${caller} is ${describe(given)}, wants choice(), int() and the like, or an object of them`,
  );
}

class Variant extends Part<{ kind: string }> {
  readonly #kinds: ReadonlyMap<string, Part<unknown>>;

  constructor(kinds: Readonly<Record<string, Readonly<Record<string, Space>>>>) {
    super();
    if (typeof kinds !== 'object' || (kinds as unknown) === null || Object.keys(kinds).length === 0) {
      throw new TypeError(`variant: kinds is ${describe(kinds)}, wants an object of spaces`);
    }
    for (const [kind, fields] of Object.entries(kinds)) {
      if (typeof fields !== 'object' || (fields as unknown) === null || fields instanceof Part) {
        throw new TypeError(`variant: ${kind} is ${describe(fields)}, wants an object of spaces`);
      }
      if (Object.hasOwn(fields, 'kind')) {
        throw new RangeError(`variant: ${kind} has a field 'kind', where its name will be`);
      }
    }
    this.#kinds = new Map(
      Object.entries(kinds).map(([kind, fields]) => [kind, partOf(`variant: ${kind}`, fields)]),
    );
  }

  override draw(draws: Draws): { kind: string } {
    return this.#drawn([...this.#kinds.keys()], draws);
  }

  #drawn(kinds: readonly string[], draws: Draws): { kind: string } {
    const kind = kinds[draws.below(kinds.length)]!;
    return { kind, ...(this.#kinds.get(kind)!.draw(draws) as object) };
  }

  override places(value: { kind: string }): number {
    return this.#own + this.#kinds.get(value.kind)!.places(value);
  }

  /** First comes the kind itself. */
  get #own(): number {
    return this.#kinds.size > 1 ? 1 : 0;
  }

  override mutate(value: { kind: string }, place: number, draws: Draws): { kind: string } {
    if (place >= this.#own) {
      return this.#kinds.get(value.kind)!.mutate(value, place - this.#own, draws) as { kind: string };
    }
    const others = [...this.#kinds.keys()].filter((kind) => kind !== value.kind);
    return this.#drawn(others, draws);
  }

  override declaration(): unknown {
    return {
      variant: Object.fromEntries(Array.from(this.#kinds, ([kind, part]) => [kind, part.declaration()])),
    };
  }
}

/** An object of one of several kinds, each with fields of its own. */
export type VariantOf<Kinds> = { [K in keyof Kinds]: { kind: K } & SampleOf<Kinds[K]> }[keyof Kinds];

/**
 * One of several kinds, each with a space of its own: what only some samples have. A sample tells its kind by its field
 * `kind`. Mutation changes the kind, and draws its fields, or changes one of these.
 *
 * ```ts
 * variant({ sgd: { momentum: float(0, 0.99) }, adam: {} }); // { kind: 'sgd', momentum: 0.52 }
 * ```
 */
export function variant<const Kinds extends Readonly<Record<string, Readonly<Record<string, Space>>>>>(
  kinds: Kinds,
): Part<VariantOf<Kinds>> {
  return new Variant(kinds) as unknown as Part<VariantOf<Kinds>>;
}

class Repeat extends Part<unknown[]> {
  readonly #part: Part<unknown>;
  readonly #least: number;
  readonly #most: number;

  constructor(space: Space, least: number, most: number) {
    super();
    for (const [name, value] of Object.entries({ least, most })) {
      if (!Number.isSafeInteger(value) || value < 0 || value > 1000) {
        throw new RangeError(`repeat: ${name} is ${describe(value)}, wants a whole number from 0 to 1000`);
      }
    }
    if (least > most) throw new RangeError(`repeat: least is ${least}, wants at most ${most}`);
    this.#part = partOf('repeat: space', space);
    this.#least = least;
    this.#most = most;
  }

  override draw(draws: Draws): unknown[] {
    const length = this.#least + draws.below(this.#most - this.#least + 1);
    return Array.from({ length }, () => this.#part.draw(draws));
  }

  override places(value: unknown[]): number {
    return value.reduce<number>((n, item) => n + this.#part.places(item), this.#own);
  }

  /** First comes the length. */
  get #own(): number {
    return this.#most > this.#least ? 1 : 0;
  }

  override mutate(value: unknown[], place: number, draws: Draws): unknown[] {
    if (place < this.#own) return this.#resized(value, draws);
    let left = place - this.#own;
    for (const [i, item] of value.entries()) {
      const own = this.#part.places(item);
      if (left < own) return value.with(i, this.#part.mutate(item, left, draws));
      left -= own;
    }
    return value;
  }

  /** One more, anywhere, or one less. */
  #resized(value: unknown[], draws: Draws): unknown[] {
    const { length } = value;
    const grows = length === this.#least || (length < this.#most && draws.share() < 0.5);
    if (grows) return value.toSpliced(draws.below(length + 1), 0, this.#part.draw(draws));
    return value.toSpliced(draws.below(length), 1);
  }

  override declaration(): unknown {
    return { repeat: this.#part.declaration(), least: this.#least, most: this.#most };
  }
}

/**
 * A list of `least` to `most` samples of a space, as the layers of a network. Mutation changes one of them, or puts one
 * in or takes one out anywhere.
 *
 * ```ts
 * repeat({ width: choice([8, 16, 32]), kernelSize: choice([3, 5]) }, 1, 4);
 * ```
 */
export function repeat<const S extends Space>(space: S, least: number, most: number): Part<SampleOf<S>[]> {
  return new Repeat(space, least, most) as unknown as Part<SampleOf<S>[]>;
}
