import { native } from '../native.js';

const word = 2 ** 32;

/** Random numbers that a seed and the number of a stream fix, from Philox4x32-10 (Salmon et al., 2011). */
export class Draws {
  readonly #key: readonly number[];
  readonly #stream: readonly number[];
  #count = 0;
  #words: number[] = [];

  constructor(seed: number, stream: number) {
    this.#key = [seed % word, Math.floor(seed / word)];
    this.#stream = [stream % word, Math.floor(stream / word)];
  }

  /** Uniform in [0, 1). */
  share(): number {
    return this.seed() / 2 ** 53;
  }

  /** A whole number from 0 to 2⁵³ − 1. */
  seed(): number {
    if (this.#words.length < 2) this.#words = native.philox([this.#count++, 0, ...this.#stream], this.#key);
    const [high = 0, low = 0] = this.#words.splice(0, 2);
    return high * 2 ** 21 + (low >>> 11);
  }

  /** A whole number from 0 to n − 1. */
  below(n: number): number {
    return Math.min(n - 1, Math.floor(this.share() * n));
  }

  /** Normal, with mean 0 and standard deviation 1 (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.share()));
    return radius * Math.cos(2 * Math.PI * this.share());
  }
}
