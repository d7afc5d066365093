/** Checks, one after the other, and a row for each at the end; with words, only those whose rows have one of them. */
export class Table {
  rows = [];
  failures = 0;

  constructor(words) {
    this.words = words;
  }

  /** Runs a trial, which returns what its row says, or throws; the next runs in any case. */
  async check(what, trial) {
    if (this.words.length > 0 && !this.words.some((word) => what.includes(word))) return;
    const start = performance.now();
    let outcome;
    try {
      outcome = (await trial()) ?? 'ok';
    } catch (error) {
      this.failures += 1;
      outcome = `FAILED: ${error.message}`;
    }
    const seconds = `${((performance.now() - start) / 1000).toFixed(0)} s`;
    this.rows.push([what, seconds, String(outcome).split('\n')[0].slice(0, 120)]);
    console.log(`${what} (${seconds}): ${outcome}`);
  }

  /** Prints all rows; whether there were any and none failed. */
  close() {
    const width = (column) => Math.max(...this.rows.map((row) => row[column].length));
    const lines = this.rows.map(
      ([what, seconds, outcome]) => `${what.padEnd(width(0))}  ${seconds.padStart(width(1))}  ${outcome}`,
    );
    console.log(
      `\n${lines.join('\n')}\n\n${this.rows.length - this.failures} passed, ${this.failures} failed`,
    );
    return this.rows.length > 0 && this.failures === 0;
  }
}
