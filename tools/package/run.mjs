import { spawnSync } from 'node:child_process';

/** Runs a command to its end or to its limit; what it printed, or an error that has it and what to call the command. */
export function run(command, args, { seconds = 600, label, ...options } = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    ...options,
  });
  if (status === 0) return stdout;
  const reason =
    error?.code === 'ETIMEDOUT' ? `took more than ${seconds} s` : (error?.message ?? signal ?? status);
  throw new Error(`${label ?? [command, ...args].join(' ')}: ${reason}\n${stdout ?? ''}${stderr ?? ''}`);
}

/** What a trial says in its last line. */
export function told(output) {
  return JSON.parse(output.trim().split('\n').at(-1));
}
