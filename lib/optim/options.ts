/** What every optimizer that takes one step along the gradient takes. */
export interface CommonOptions {
  /** The learning rate. */
  readonly lr?: number;
  /** λ of a penalty λ/2·‖p‖² on the parameters. */
  readonly weightDecay?: number;
  /** Elements of gradients are clipped to [−clipValue, clipValue], before anything else. Default: null, not at all. */
  readonly clipValue?: number | null;
  /**
   * Gradients are scaled so that their norm, of all parameters' as one vector, is at most this (Pascanu et al., 2013), as
   * by `clipGradNorm`, but on the way: `grad` stays as it is. The same in all groups, and then so is clipValue. Default:
   * null, not at all.
   */
  readonly clipNorm?: number | null;
  /**
   * After the step, the weights of each unit, w[…, unit] of a parameter with two or more axes, are scaled so that their
   * norm is at most this (Srivastava et al., 2014). Default: null, not at all.
   */
  readonly maxNorm?: number | null;
}

export const unclipped = { clipValue: null, clipNorm: null, maxNorm: null } as const;

/** The options given, and `defaults` for those that are not. Throws TypeError for what is not among the defaults. */
export function completed<Options extends object>(
  name: string,
  defaults: Options,
  given: Partial<Options>,
): Options {
  if (typeof given !== 'object' || (given as unknown) === null) {
    throw new TypeError(`${name}: options is ${kind(given)}, wants an object`);
  }
  requireKnown(name, given, defaults);
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(set) as Partial<Options>) };
}

/** Refuses options that are not among those of `known`. */
export function requireKnown(name: string, options: object, known: object): void {
  const stranger = Object.keys(options).find((key) => !Object.hasOwn(known, key));
  if (stranger === undefined) return;
  throw new TypeError(
    `${name}: option '${stranger}' is unknown, wants one of ${Object.keys(known).join(', ')}`,
  );
}

/** Refuses an option that is not a finite number from `least` on, less than `bound`. */
export function requireNumber(name: string, value: unknown, least = -Infinity, bound = Infinity): void {
  const from = least === -Infinity ? '' : ` from ${least} on`;
  const wanted = `a finite number${from}${bound === Infinity ? '' : `, less than ${bound}`}`;
  if (typeof value !== 'number') throw new TypeError(`${name} is ${kind(value)}, wants ${wanted}`);
  if (!Number.isFinite(value) || value < least || value >= bound) {
    throw new RangeError(`${name} is ${value}, wants ${wanted}`);
  }
}

/** Refuses an option that is not a number from 0 to 1. */
export function requireShare(name: string, value: unknown): void {
  requireNumber(name, value, 0);
  if ((value as number) > 1) throw new RangeError(`${name} is ${value as number}, wants at most 1`);
}

/** Refuses an option that is not a whole number from `least` on. */
export function requireWhole(name: string, value: unknown, least: number): void {
  const wanted = `a whole number from ${least} on`;
  if (typeof value !== 'number') throw new TypeError(`${name} is ${kind(value)}, wants ${wanted}`);
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is ${value}, wants ${wanted}`);
}

/** Refuses an option that is neither true nor false. */
export function requireFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new TypeError(`${name} is ${kind(value)}, wants true or false`);
}

/** Refuses an option that is not one of `choices`. */
export function requireChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  const show = (choice: unknown) => (typeof choice === 'string' ? `'${choice}'` : kind(choice));
  throw new RangeError(`${name} is ${show(value)}, wants ${choices.map(show).join(' or ')}`);
}

/** Refuses what are no two numbers from 0 on, less than `bound`. */
export function requireBetas(name: string, value: unknown, bound = 1): void {
  if (!Array.isArray(value) || value.length !== 2) throw new TypeError(`${name} wants two numbers`);
  requireNumber(`${name}[0]`, value[0], 0, bound);
  requireNumber(`${name}[1]`, value[1], 0, bound);
}

export function kind(value: unknown): string {
  return value === null ? 'null' : value === undefined ? 'undefined' : `of type ${typeof value}`;
}
