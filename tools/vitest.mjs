// Runs vitest and counts, for test/run.mjs and the tools that run the tests under other conditions.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders of tests in which an instruction set can make a difference; the others run once, with the best. */
export const kernelTests = ['init', 'loss', 'nn', 'ops', 'optim'];

/**
 * vitest's arguments for the tests in these folders alone. Exclusions, as vitest joins the names of files on its command
 * line with "or", and a user may give some.
 */
export const testsIn = (...folders) => [
  '--exclude=test/*.test.ts',
  `--exclude=test/!(${folders.join('|')})/**`,
];

/** Many files a process: loading the library takes longer than most tests of kernels. Those of the runtime want it new. */
export const sharingProcesses = '--no-isolate';

const counted = (results) => {
  const total = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const file of results.testResults) {
    const failure = (what, message = '') =>
      total.failures.push(`${relative(root, file.name)}: ${what}: ${message.split('\n')[0]}`);
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    const passed = file.assertionResults.filter((test) => test.status === 'passed').length;
    total.passed += passed;
    total.failed += failed.length;
    total.skipped += file.assertionResults.length - passed - failed.length;
    for (const test of failed) failure(test.fullName, test.failureMessages[0]);
    // A file that could not be loaded, or a hook that failed, has no failing test to show for it.
    if (file.status === 'failed' && failed.length === 0) {
      total.failed += 1;
      failure('the file', file.message);
    }
  }
  return total;
};

function endGroup(child) {
  if (process.platform === 'win32') child.kill();
  else process.kill(-child.pid, 'SIGKILL');
}

/**
 * Runs vitest once, prints a line, and returns what passed and failed. Without a selection by the user (`filters`)
 * a skipped test is a failure: it would otherwise be forgotten. The run as a whole may take `minutes`.
 */
export async function runTests({
  label,
  args = [],
  filters = [],
  env = {},
  cwd = root,
  node = [process.execPath],
  minutes = 15,
}) {
  console.log(`\n== ${label}`);
  const folder = mkdtempSync(join(tmpdir(), 'striate-test-'));
  const output = join(folder, 'results.json');
  const command = [
    ...node,
    join(cwd, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${output}`,
    ...args,
    // What the user selects may not exist among the tests of this run.
    ...(filters.length > 0 ? ['--passWithNoTests', ...filters] : []),
  ];
  const child = spawn(command[0], command.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    // A process group of its own, to be able to end all of it: vitest cannot end a test that hangs in native code.
    detached: true,
  });
  const interrupt = (signal) => {
    endGroup(child);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const watchdog = setTimeout(() => {
    console.error(`\n${label}: ended after ${minutes} minutes`);
    endGroup(child);
  }, minutes * 60_000);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  clearTimeout(watchdog);
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);

  let total = { passed: 0, failed: 0, skipped: 0, failures: [] };
  try {
    total = counted(JSON.parse(readFileSync(output, 'utf8')));
  } catch {
    console.error(`${label}: vitest wrote no results`);
  }
  rmSync(folder, { recursive: true });
  if (filters.length === 0 && total.skipped > 0) {
    total.failed += total.skipped;
    total.failures.push(`${total.skipped} skipped`);
  }
  // An unhandled error or a crashed process fails the run without failing a test.
  if (code !== 0 && total.failed === 0) {
    total.failed = 1;
    total.failures.push(`vitest ended with ${code === null ? 'a signal' : `status ${code}`}`);
  }
  // Once more, and together: they lie thousands of lines back.
  for (const failure of total.failures) console.log(`FAILED ${label}: ${failure}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  console.log(`${label}: ${total.passed} passed, ${total.failed} failed${skipped}`);
  return total;
}

/** Prints the line that ends a run of tests, and sets the exit status. */
export function finish(totals) {
  const sum = (key) => totals.reduce((sum, total) => sum + total[key], 0);
  if (sum('passed') + sum('failed') === 0) console.error('No tests ran.');
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('passed') > 0 && sum('failed') === 0 ? 0 : 1;
}
