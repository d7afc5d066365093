// Runs the command line as users do, from bundle/.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../lib/native.js';

export interface Result {
  code: number | null;
  out: string;
  err: string;
}

export function striate(args: string[], env: Record<string, string> = {}): Promise<Result> {
  const main = join(packageRoot, 'bundle', 'main.js');
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
  const result: Result = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...result, code })));
}

/** What the lines of a command's --json say. */
export function lines(text: string): unknown[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

export function lastLine(text: string): unknown {
  return lines(text).at(-1);
}
