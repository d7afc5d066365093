import { InvalidArgumentError } from 'commander';

/** A parser of an option's value: a whole number from `least` on. */
export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It wants a whole number from ${least} on.`);
    }
    return value;
  };
}

/** A parser of an option's value: a number greater than 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError('It wants a number greater than 0.');
  return value;
}

export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
