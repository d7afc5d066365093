import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../io/atomicFile.js';
import { StriateError } from '../native.js';

/** What came of one training of a candidate. */
export interface Outcome {
  readonly trial: number;
  /** Counted from 0. */
  readonly rung: number;
  /** To see that it is the same search. */
  readonly sample: unknown;
  readonly score: number | null;
  readonly error: string | null;
}

/**
 * What has been found out so far, kept in a file: all else of a search follows from its options. The file is replaced
 * whole after each training, so that a search that was killed goes on from there.
 */
export class StateFile {
  readonly #file: string | null;
  readonly #search: Record<string, unknown>;
  readonly #outcomes = new Map<string, Outcome>();

  private constructor(file: string | null, search: Record<string, unknown>) {
    this.#file = file;
    this.#search = search;
  }

  /**
   * @param file null for a search that is kept nowhere
   * @param search what the outcomes depend on, as JSON
   * @throws Error that names the file where it cannot be read or is damaged, StriateError where it is of another search
   */
  static async open(file: string | null, search: Record<string, unknown>): Promise<StateFile> {
    const opened = new StateFile(file, search);
    if (file === null) return opened;
    await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
      throw new Error(`cannot make the folder of ${file}: ${messageOf(cause)}`, { cause });
    });
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new Error(`cannot read ${file}: ${messageOf(cause)}`, { cause });
    });
    if (text !== null) await opened.#take(file, text);
    return opened;
  }

  async #take(file: string, text: string): Promise<void> {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw new Error(`${file}: is damaged: ${messageOf(cause)}`, { cause });
    }
    const { stateOf } = await import('./stateSchema.js');
    const state = stateOf(json);
    if (!state) throw new Error(`${file}: is damaged, or no state of a search`);
    const { search, outcomes } = state;
    const names = new Set([...Object.keys(search), ...Object.keys(this.#search)]);
    for (const name of names) {
      const [was, is] = [JSON.stringify(search[name]), JSON.stringify(this.#search[name])];
      if (was === is) continue;
      throw new StriateError(`${file}: is of another search: ${name} is ${was}, wants ${is}`);
    }
    for (const outcome of outcomes) this.#outcomes.set(keyOf(outcome), outcome);
  }

  /**
   * What came of this training, where it has been done.
   *
   * @throws StriateError where it was of another sample
   */
  outcome(trial: number, rung: number, sample: unknown): Outcome | undefined {
    const outcome = this.#outcomes.get(keyOf({ trial, rung }));
    if (!outcome || JSON.stringify(outcome.sample) === JSON.stringify(sample)) return outcome;
    throw new StriateError(
      `${this.#file ?? 'search'}: is of another search: trial ${trial} has another sample`,
    );
  }

  /** @throws Error that names the file */
  async add(outcome: Outcome): Promise<void> {
    this.#outcomes.set(keyOf(outcome), outcome);
    if (this.#file === null) return;
    const outcomes = [...this.#outcomes.values()];
    const state = { format: 'striate.search', version: 1, search: this.#search, outcomes };
    await writeFileAtomically(this.#file, Buffer.from(`${JSON.stringify(state, null, 1)}\n`), {
      oneWriter: true,
    });
  }
}

function keyOf({ trial, rung }: Pick<Outcome, 'trial' | 'rung'>): string {
  return `${trial}.${rung}`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
