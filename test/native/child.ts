// Runs a script of children/ in a Node process of its own, which may crash or hang without taking the tests with it. The
// scripts use dist/, what tsc makes of lib/.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { slow } from '../slow.js';

export interface Ended {
  /** Exit code, or the signal that ended the process. */
  status: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

export interface ChildOptions {
  /** Options of Node. */
  flags?: readonly string[];
  /** Bytes of address space that the process may use. On Linux. */
  memory?: number;
  /** After so long the process is killed: its status is SIGKILL. Default: 50, and more where all is slow. */
  seconds?: number;
  /** Called every second with the time that has passed; the process is killed where it returns true. */
  hangs?: () => boolean;
}

export async function runChild(
  script: string,
  args: readonly (string | number)[] = [],
  { flags = [], memory, seconds = slow ? 280 : 50, hangs = () => false }: ChildOptions = {},
): Promise<Ended> {
  const start = performance.now();
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url));
  const command = [process.execPath, ...flags, path, ...args.map(String)];
  if (memory !== undefined) command.unshift('sh', '-c', `ulimit -v ${memory / 1024} && exec "$0" "$@"`);
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const watch = setInterval(() => {
    if (performance.now() - start > seconds * 1000 || hangs()) child.kill('SIGKILL');
  }, 1000);
  try {
    const status = await new Promise<Ended['status']>((resolve, reject) => {
      child.on('error', reject).on('close', (code, signal) => resolve(signal ?? code));
    });
    return { status, stdout, stderr, seconds: (performance.now() - start) / 1000 };
  } finally {
    clearInterval(watch);
  }
}
