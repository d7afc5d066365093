/**
 * A curve of bounded length over training of any length: when it has `capacity` points, neighbours become one, their mean,
 * and from then on each point is the mean of twice as many values. So no stretch of the training is left out, and none
 * is shown finer than another. Values that are not finite count for nothing; a point without others is a gap.
 */
export class Series {
  readonly capacity: number;
  /** Where a point is: at the last of its values. */
  x: number[] = [];
  /** Means; null is a gap. */
  y: (number | null)[] = [];
  /** Values in a point. */
  stride = 1;
  #sum = 0;
  #finite = 0;
  #values = 0;

  /** @param capacity even, 2 or more */
  constructor(capacity = 2000) {
    this.capacity = capacity;
  }

  add(x: number, value: number): void {
    if (Number.isFinite(value)) {
      this.#sum += value;
      this.#finite++;
    }
    if (++this.#values < this.stride) return;
    this.x.push(x);
    this.y.push(this.#finite > 0 ? this.#sum / this.#finite : null);
    this.#sum = this.#finite = this.#values = 0;
    if (this.x.length >= this.capacity) this.#halve();
  }

  /** The last point that is no gap; null where there is none. */
  get last(): number | null {
    return this.y.findLast((value) => value !== null) ?? null;
  }

  #halve(): void {
    this.x = this.x.filter((_, i) => i % 2 === 1);
    this.y = this.x.map((_, i) => meanOf(this.y[2 * i]!, this.y[2 * i + 1]!));
    this.stride *= 2;
  }
}

function meanOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : (a + b) / 2;
}
