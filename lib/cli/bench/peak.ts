import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import { native } from '../../native.js';
import { packageRoot } from '../../packageRoot.js';
import { cpuInfo, setThreads } from '../../system.js';
import { Report } from './report.js';
import { subcommand, type BenchOptions } from './subcommand.js';
import { rounded } from './timing.js';

/** What the machine reaches at most with the threads and the instruction set in use. */
export interface Rates {
  /** 10⁹ multiply-adds a second, counted as two operations each. */
  gflops: number;
  /** 10⁹ bytes a second that a copy reads and writes. */
  copyGBs: number;
  /** The same of x + a·y: two read, one written. */
  triadGBs: number;
}

interface RatesRow extends Rates {
  isa: string;
  threads: number;
}

/** Well past the last cache where that is known, but no more than a small machine has to spare. */
function pastCaches(): number {
  return Math.min(128 << 20, Math.max(32 << 20, 2 * cpuInfo().caches.l3));
}

/** Measures for about `seconds`, a second at most; memory on arrays of so many bytes. */
export async function peakRates(seconds: number, bytes = pastCaches()): Promise<Rates> {
  const milliseconds = Math.min(1000, Math.max(1, Math.round(seconds * 1000)));
  const measured = native.measurePeak(milliseconds, bytes / 4);
  const [gflops = NaN, copyGBs = NaN, triadGBs = NaN] = await native.data(measured);
  native.dispose(measured);
  return { gflops: rounded(gflops), copyGBs: rounded(copyGBs), triadGBs: rounded(triadGBs) };
}

interface PeakOptions extends BenchOptions {
  thisIsa?: boolean;
}

export function peakCommand(): Command {
  return subcommand(
    'info',
    'Measure what the machine reaches: multiply-adds and memory, with one thread and with all, on each instruction set.',
    0.6,
  )
    .option('--this-isa', 'only the instruction set in use')
    .action(benchPeak);
}

async function benchPeak(options: PeakOptions): Promise<void> {
  const { isa, supported, cores } = cpuInfo();
  const report = new Report<RatesRow>(
    'What the machine reaches',
    [
      { field: 'isa', title: 'instructions', width: 14 },
      { field: 'threads', title: 'threads', width: 7, digits: 0 },
      { field: 'gflops', title: 'GFLOP/s', width: 10, digits: 1 },
      { field: 'copyGBs', title: 'copy GB/s', width: 11, digits: 1 },
      { field: 'triadGBs', title: 'triad GB/s', width: 12, digits: 1 },
    ],
    [
      { title: 'Multiply-adds, GFLOP/s', field: 'gflops', label: ['isa'], series: 'threads' },
      { title: 'Copy, GB/s', field: 'copyGBs', label: ['isa'], series: 'threads' },
    ],
    options,
  );
  const all = options.threads ?? cores;
  for (const name of options.thisIsa ? [isa] : supported) {
    if (name !== isa) {
      for (const row of await ratesOf(name, options)) report.row(row);
      continue;
    }
    for (const threads of new Set([1, all])) {
      setThreads(threads);
      report.row({ isa, threads, ...(await peakRates(options.seconds)) });
    }
  }
  report.close();
}

/** An instruction set is chosen once for a process, so another one takes another process. */
async function ratesOf(isa: string, { seconds, threads }: PeakOptions): Promise<RatesRow[]> {
  const main = join(packageRoot, 'bundle', 'main.js');
  const args = [main, 'bench', 'info', '--this-isa', '--json', '--seconds', String(seconds)];
  if (threads !== undefined) args.push('--threads', String(threads));
  const child = spawn(process.execPath, args, {
    env: { ...process.env, STRIATE_ISA: isa },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  if (code !== 0) throw new Error(`bench info on ${isa} ended with status ${code ?? 'none'}`);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RatesRow);
}
