// What layers check when they are made.
import { describe } from '../describe.js';

/** A number of channels, places and the like: a whole number from 1 on. */
export function requireSize(layer: string, argument: string, value: unknown): void {
  if (typeof value !== 'number') {
    throw new TypeError(`${layer}: ${argument} is ${describe(value)}, wants a number`);
  }
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${layer}: ${argument} is ${value}, wants a whole number from 1 on`);
  }
}

/** What is added to a variance. */
export function requireEps(layer: string, eps: unknown): void {
  if (typeof eps !== 'number') throw new TypeError(`${layer}: eps is ${describe(eps)}, wants a number`);
  if (!(eps >= 0 && eps < Infinity)) {
    throw new RangeError(`${layer}: eps is ${eps}, wants a finite number from 0 on`);
  }
}

/** How far running statistics move. */
export function requireMomentum(layer: string, momentum: unknown): void {
  if (typeof momentum !== 'number') {
    throw new TypeError(`${layer}: momentum is ${describe(momentum)}, wants a number`);
  }
  if (!(momentum >= 0 && momentum <= 1)) {
    throw new RangeError(`${layer}: momentum is ${momentum}, wants a number from 0 to 1`);
  }
}

export function requireFlag(layer: string, argument: string, value: unknown): void {
  if (typeof value !== 'boolean') {
    throw new TypeError(`${layer}: ${argument} is ${describe(value)}, wants true or false`);
  }
}
