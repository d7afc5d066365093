import { Command } from 'commander';
import { setThreads } from '../../system.js';
import { positive, whole } from '../options.js';

/** What every benchmark takes. */
export interface BenchOptions {
  threads?: number;
  seconds: number;
  json?: boolean;
  html?: string;
}

/** A benchmark's command; `seconds` is how long each of its rows is timed by default. */
export function subcommand(name: string, description: string, seconds: number): Command {
  return new Command(name)
    .description(description)
    .option('--threads <n>', 'threads that compute; default: all cores', whole(1))
    .option('--seconds <s>', 'how long each is timed', positive, seconds)
    .option('--json', 'print a line of JSON for each row')
    .option('--html <file>', 'write the rows as a page with charts, which needs nothing beside it');
}

export function applyThreads({ threads }: BenchOptions): void {
  if (threads !== undefined) setThreads(threads);
}
