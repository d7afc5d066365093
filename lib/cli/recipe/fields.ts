import * as v from 'valibot';
import { describe } from '../../describe.js';

// The kinds of values that recipes have. A message says what is wanted; what was given and where stands before it.

export const text = (wanted = 'text') => v.pipe(v.string(wanted), v.nonEmpty(wanted));
export const flag = v.boolean('true or false');

export const whole = (least: number) => {
  const wanted = `a whole number from ${least} on`;
  return v.pipe(v.number(wanted), v.safeInteger(wanted), v.minValue(least, wanted));
};

/** A finite number that is above `bound`, or from `least` on. */
const number = (wanted: string, fits: (value: number) => boolean) =>
  v.pipe(v.number(wanted), v.finite(wanted), v.check(fits, wanted));

export const positive = number('a number greater than 0', (value) => value > 0);
export const least0 = number('a number from 0 on', (value) => value >= 0);
export const share = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
/** As momentum: 1 would never end. */
export const below1 = number('a number from 0 on, less than 1', (value) => value >= 0 && value < 1);
export const finite = number('a finite number', () => true);

const inWords = (choices: readonly string[]) =>
  choices.length === 1 ? choices[0]! : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)!}`;

export const choice = <const Choices extends readonly string[]>(choices: Choices) =>
  v.picklist(choices, inWords(choices));

export const range = v.pipe(
  v.tuple([finite, finite], 'two numbers'),
  v.check(([from, to]) => from <= to, 'two numbers, the second not below the first'),
);

export const betas = v.tuple([below1, below1], 'two numbers from 0 on, less than 1');

type Entries = v.ObjectEntries;
type Optional<E extends Entries> = { [K in keyof E]: v.ExactOptionalSchema<E[K], undefined> };

/** An object of these fields, each of which may be left out. */
export const options = <const E extends Entries>(entries: E) =>
  v.pipe(
    // To valibot, arrays are objects.
    v.custom<object>((value) => !Array.isArray(value), 'an object'),
    v.strictObject(optional(entries), 'an object'),
  );

function optional<const E extends Entries>(entries: E): Optional<E> {
  return Object.fromEntries(
    Object.entries(entries).map(([key, schema]) => [key, v.exactOptional(schema as never)]),
  ) as never;
}

/** One of several kinds, told apart by `name`, with options of its own. */
export const named = <const Kinds extends Record<string, Entries>>(kinds: Kinds) => {
  const schemas = Object.entries(kinds).map(([name, entries]) =>
    v.strictObject({ name: v.literal(name), ...optional(entries) }),
  );
  return v.variant('name', schemas as never, inWords(Object.keys(kinds))) as unknown as v.GenericSchema<
    unknown,
    { [K in keyof Kinds & string]: { name: K } & Given<Kinds[K]> }[keyof Kinds & string]
  >;
};

/** What optional fields hold. */
export type Given<E extends Entries> = { [K in keyof E]?: v.InferOutput<E[K]> };

/** The first thing that does not fit, in a line: `optimizer.lr is -1, wants a number greater than 0`. */
export function problemOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'the recipe';
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${path} is unknown`;
  if (issue.type === 'strict_object' && issue.path) return `${path} is missing`;
  if (issue.input === undefined) return `${path} is missing, wants ${issue.message}`;
  return `${path} is ${describe(issue.input)}, wants ${issue.message}`;
}
