import { profile, type ProfileEntry } from '../../profile.js';
import { synchronize } from '../../tensor.js';
import { Report } from './report.js';
import type { BenchOptions } from './subcommand.js';
import { leastSteps, rounded } from './timing.js';
import { WorkloadRun } from './workloads.js';

const warmUp = 5;

interface ProfileRow {
  model: string;
  operation: string;
  /** How often it runs. */
  count: number;
  ms: number;
  /** Of the whole time. */
  share: number;
  /** Of convolutions, the shapes read → written. */
  shapes: string;
}

/** Prints what a training step or an inference pass of each network spends, the most first. */
export async function reportProfile(
  what: 'training step' | 'inference pass',
  models: readonly string[],
  options: BenchOptions,
): Promise<void> {
  const report = new Report<ProfileRow>(
    `A ${what}`,
    [
      { field: 'model', title: 'model', width: 16 },
      { field: 'operation', title: 'operation', width: 22 },
      { field: 'count', title: 'count', width: 7, digits: 0 },
      { field: 'ms', title: 'ms', width: 11, digits: 3 },
      { field: 'share', title: 'share', width: 8, percent: true },
      { field: 'shapes', title: '  shapes', width: 60 },
    ],
    [{ title: `Milliseconds of a ${what}`, field: 'ms', label: ['model', 'operation', 'shapes'] }],
    options,
  );
  for (const name of models) {
    using run = new WorkloadRun(name);
    if (what === 'inference pass') run.eval();
    const once = () => (what === 'training step' ? run.step() : run.infer());
    // The first ones take their memory from the system.
    for (let i = 0; i < warmUp; i++) once();
    await synchronize();
    const steps: ProfileEntry[][] = [];
    const start = performance.now();
    while (steps.length < leastSteps || performance.now() - start < options.seconds * 1000)
      steps.push(await profile(once));
    for (const row of spent(name, steps)) report.row(row);
  }
  report.close();
}

function lengthOf(entries: readonly ProfileEntry[]): number {
  return (entries.at(-1)?.endNs ?? 0) - (entries[0]?.startNs ?? 0);
}

/** What a step spends: the mean of those that took neither long nor short. */
function spent(model: string, steps: readonly ProfileEntry[][]): ProfileRow[] {
  const byLength = [...steps].sort((a, b) => lengthOf(a) - lengthOf(b));
  const middle = byLength.slice(steps.length >> 2, steps.length - (steps.length >> 2));
  const sums = new Map<string, { operation: string; shapes: string; count: number; ns: number }>();
  for (const { operation, detail, startNs, endNs } of middle.flat()) {
    const shapes = operation.startsWith('conv') ? detail : '';
    const key = `${operation} ${shapes}`;
    const sum = sums.get(key) ?? { operation, shapes, count: 0, ns: 0 };
    sum.count++;
    sum.ns += endNs - startNs;
    sums.set(key, sum);
  }
  const total = middle.reduce((ns, entries) => ns + lengthOf(entries), 0);
  const busy = [...sums.values()].reduce((ns, sum) => ns + sum.ns, 0);
  const between = { operation: '(between)', shapes: '', count: middle.flat().length, ns: total - busy };
  return [...[...sums.values()].sort((a, b) => b.ns - a.ns), between].map(
    ({ operation, shapes, count, ns }) => ({
      model,
      operation,
      count: count / middle.length,
      ms: rounded(ns / middle.length / 1e6),
      share: rounded(ns / total),
      shapes,
    }),
  );
}
