import { describe } from '../describe.js';
import { native } from '../native.js';
import { nextStream } from '../ops/creation.js';
import { express, Tensor } from '../tensor.js';

/** The seed given, or one that setSeed's stream gives. */
export function seedOrDrawn(operation: string, seed: number | undefined): number {
  if (seed === undefined) return drawnSeed();
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new RangeError(`${operation}: seed is ${describe(seed)}, wants a whole number from 0 to 2^53 - 1`);
}

function drawnSeed(): number {
  const words = (n: number): [number, number] => [n % 2 ** 32, Math.floor(n / 2 ** 32)];
  const [seed, stream] = nextStream();
  const [high = 0, low = 0] = native.philox([...words(stream), 0, 0], words(seed));
  return high * 2 ** 21 + (low >>> 11);
}

/** 0 to n − 1 in an order that seed and stream fix: waits for no more than the command that runs. */
export function permutation(n: number, seed: number, stream: number): Tensor<'i32'> {
  return express(() => new Tensor(native.permutation(n, seed, stream), 'i32'));
}
