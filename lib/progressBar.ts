import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';

/**
 * A bar in cli-progress' `format` that leaves no trace of itself. The package is loaded with the first one: most processes
 * show none, and loading it takes as long as all of striate.
 */
export function progressBar(stream: NodeJS.WriteStream, format: string): SingleBar {
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
  return new SingleBar({
    format,
    stream,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  });
}
