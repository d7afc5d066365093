/**
 * Results that are on their way: at most `limit` are waited for, which bounds how far JavaScript runs ahead of the compute
 * thread. Each is handed to `settle` in its turn.
 */
export class InFlight<T> {
  readonly #limit: number;
  readonly #settle: (result: T) => void | Promise<void>;
  readonly #pending: Promise<T>[] = [];

  constructor(limit: number, settle: (result: T) => void | Promise<void>) {
    this.#limit = limit;
    this.#settle = settle;
  }

  /** Takes up a result, and waits for one where too many are on their way. */
  async add(result: Promise<T>): Promise<void> {
    // A rejection is told when its turn comes; until then it is nobody's to handle.
    result.catch(() => undefined);
    this.#pending.push(result);
    if (this.#pending.length >= this.#limit) await this.#next();
  }

  /** Waits for all. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#next();
  }

  async #next(): Promise<void> {
    const result = this.#pending.shift();
    if (result) await this.#settle(await result);
  }
}
