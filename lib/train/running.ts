/** What is read back of one batch. */
export interface BatchResult {
  samples: number;
  loss: Promise<number>;
  /** Samples classified right; null without that metric. */
  correct: Promise<number> | null;
}

/**
 * Sums over the batches of an epoch. Batches are read back while later ones run: at most `inFlight` are waited for, which
 * bounds how far JavaScript runs ahead of the compute thread.
 */
export class RunningTotals {
  samples = 0;
  #loss = 0;
  #correct = 0;
  #counts = false;
  readonly #inFlight: number;
  readonly #pending: BatchResult[] = [];

  constructor(inFlight: number) {
    this.#inFlight = inFlight;
  }

  /** Takes up a batch, and waits for one where too many are on their way. */
  async add(batch: BatchResult): Promise<void> {
    // A rejection is told by settle(); until then it is nobody's to handle.
    batch.loss.catch(() => undefined);
    batch.correct?.catch(() => undefined);
    this.#pending.push(batch);
    if (this.#pending.length >= this.#inFlight) await this.#settle();
  }

  /** Waits for all batches. */
  async finish(): Promise<void> {
    while (this.#pending.length > 0) await this.#settle();
  }

  async #settle(): Promise<void> {
    const batch = this.#pending.shift();
    if (!batch) return;
    this.#loss += (await batch.loss) * batch.samples;
    if (batch.correct) {
      this.#correct += await batch.correct;
      this.#counts = true;
    }
    this.samples += batch.samples;
  }

  get loss(): number {
    return this.#loss / this.samples;
  }

  get accuracy(): number | undefined {
    return this.#counts ? this.#correct / this.samples : undefined;
  }
}
