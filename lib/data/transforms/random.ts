import type { Draws } from './transform.js';

const [multiplierA, multiplierC] = [0xd2511f53, 0xcd9e8d57];
const [weylA, weylB] = [0x9e3779b9, 0xbb67ae85];

/** The upper 32 bits of a·b, both of 32 bits. */
function high(a: number, b: number): number {
  const [lowA, highA, lowB, highB] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  // Each sum stays below 2⁵³.
  const middle = highA * lowB + Math.floor((lowA * lowB) / 0x10000);
  const rest = lowA * highB + (middle % 0x10000);
  return highA * highB + Math.floor(middle / 0x10000) + Math.floor(rest / 0x10000);
}

/**
 * The random numbers of one sample in one transform: words of Philox4x32-10 (Salmon et al., 2011), as the native side has
 * it, with the seed as key and (block, place + 1, number of the sample, epoch) as counter. Shuffling, dropout and the like
 * have 0 where the place is.
 */
export class SampleRandom {
  readonly #key: readonly [number, number];
  readonly #place: number;
  readonly #epoch: number;
  #sample = 0;
  #block = 0;
  #words = new Uint32Array(4);
  #next = 4;

  constructor({ randomness: { seed, epoch }, place }: Draws) {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.#place = place + 1;
    this.#epoch = epoch;
  }

  /** Begins with the numbers of a sample. */
  of(sample: number): this {
    this.#sample = sample;
    this.#block = 0;
    this.#next = 4;
    return this;
  }

  /** 32 random bits. */
  word(): number {
    if (this.#next === 4) {
      this.#fill();
      this.#next = 0;
    }
    return this.#words[this.#next++]!;
  }

  #fill(): void {
    let [a, b, c, d] = [this.#block++, this.#place, this.#sample >>> 0, this.#epoch >>> 0];
    let [keyA, keyB] = this.#key;
    for (let round = 0; round < 10; round++) {
      const [highA, highC] = [high(multiplierA, a), high(multiplierC, c)];
      const [lowA, lowC] = [Math.imul(multiplierA, a) >>> 0, Math.imul(multiplierC, c) >>> 0];
      a = (highC ^ b ^ keyA) >>> 0;
      b = lowC;
      c = (highA ^ d ^ keyB) >>> 0;
      d = lowA;
      keyA = (keyA + weylA) >>> 0;
      keyB = (keyB + weylB) >>> 0;
    }
    const words = this.#words;
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.word() / 2 ** 32);
  }

  /** A whole number from 0 to n − 1. */
  below(n: number): number {
    return Math.floor((this.word() / 2 ** 32) * n);
  }

  /** Whether something happens that has this probability. */
  chance(p: number): boolean {
    return this.word() / 2 ** 32 < p;
  }

  /** Standard normal (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log((this.word() + 0.5) / 2 ** 32));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** From the gamma distribution of this shape (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000). */
  gamma(shape: number): number {
    // Where a variable below 1 is wanted, one of shape + 1 is scaled down.
    if (shape < 1) {
      const scale = ((this.word() + 0.5) / 2 ** 32) ** (1 / shape);
      return this.gamma(shape + 1) * scale;
    }
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      const u = (this.word() + 0.5) / 2 ** 32;
      if (v > 0 && Math.log(u) < x ** 2 / 2 + d * (1 - v + Math.log(v))) return d * v;
    }
  }

  /** From the beta distribution with both parameters alpha. */
  beta(alpha: number): number {
    if (alpha === 1) return this.uniform();
    const [x, y] = [this.gamma(alpha), this.gamma(alpha)];
    // Both are 0 where alpha is so small that nothing but 0 and 1 comes out.
    return x + y > 0 ? x / (x + y) : this.below(2);
  }
}

/** Calls draw(random, i) for each sample of a batch, with the numbers that are its own. */
export function forSamples(draws: Draws, draw: (random: SampleRandom, i: number) => void): void {
  const random = new SampleRandom(draws);
  const { indices } = draws;
  for (let i = 0; i < indices.length; i++) draw(random.of(indices[i]!), i);
}
