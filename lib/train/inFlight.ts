/** What is held until a result has been settled. */
interface Held {
  dispose(): void;
}

/**
 * Results that are on their way: at most `limit` are waited for, which bounds how far JavaScript runs ahead of the compute
 * thread. Each is handed to `settle` in its turn, and what is held for it disposed afterwards.
 */
export class InFlight<T> {
  readonly #limit: number;
  readonly #settle: (result: T) => void | Promise<void>;
  readonly #pending: { result: Promise<T>; held: Held | undefined }[] = [];

  constructor(limit: number, settle: (result: T) => void | Promise<void>) {
    this.#limit = limit;
    this.#settle = settle;
  }

  add(result: Promise<T>, held?: Held): void {
    // A rejection is told when its turn comes; until then it is nobody's to handle.
    result.catch(() => undefined);
    this.#pending.push({ result, held });
  }

  /** Waits where too many are on their way. */
  async room(): Promise<void> {
    while (this.#pending.length >= this.#limit) await this.#next();
  }

  /** Waits for all. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#next();
  }

  /** Takes a look at those that have come, in place of settling them: after a failure. */
  async look(at: (result: T) => void | Promise<void>): Promise<void> {
    for (const { result } of this.#pending) {
      const come = await result.catch(() => undefined);
      if (come !== undefined) await at(come);
    }
  }

  /** Lets go of all, after a failure. */
  forget(): void {
    for (const { held } of this.#pending.splice(0)) held?.dispose();
  }

  async #next(): Promise<void> {
    const next = this.#pending.shift();
    if (!next) return;
    try {
      await this.#settle(await next.result);
    } finally {
      next.held?.dispose();
    }
  }
}
