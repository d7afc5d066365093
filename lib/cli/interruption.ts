import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Callback, EpochEnd } from '../train/callback.js';
import type { Checkpoint } from '../train/checkpoint.js';
import { writeCheckpoint } from '../train/checkpointFile.js';

/** What a process that SIGINT has ended exits with. */
const interruptedCode = 130;

/**
 * Ctrl-C while a network trains: ends training after the epoch that runs, and leaves a checkpoint of that moment
 * to go on from. The second time it ends the process at once.
 */
export class Interruption implements Callback, Disposable {
  /** Whether training was ended, and the checkpoint is written. */
  done = false;
  readonly #file: string;
  readonly #regular: Checkpoint | null;
  #wanted = false;
  readonly #listener = () => this.#interrupt();

  /** @param regular what writes that file, too */
  constructor(file: string, regular: Checkpoint | null) {
    this.#file = file;
    this.#regular = regular;
    process.on('SIGINT', this.#listener);
  }

  #interrupt(): void {
    if (this.#wanted) process.exit(interruptedCode);
    this.#wanted = true;
    process.stderr.write(
      '\nstriate: ends after this epoch, with a checkpoint; once more, and it ends at once\n',
    );
  }

  onEpochEnd({ trainer }: EpochEnd): void {
    if (!this.#wanted) return;
    trainer.betweenBatches(async (capture) => {
      await this.#regular?.onTrainEnd();
      await mkdir(dirname(this.#file), { recursive: true });
      await writeCheckpoint(this.#file, await capture());
      this.done = true;
      trainer.stop();
    });
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#listener);
  }
}
