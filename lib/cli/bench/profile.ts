import { profile, type ProfileEntry } from '../../profile.js';
import { synchronize } from '../../tensor.js';
import { Report } from './report.js';
import type { BenchOptions } from './subcommand.js';
import { rounded } from './timing.js';
import { WorkloadRun } from './workloads.js';

interface ProfileRow {
  model: string;
  operation: string;
  /** How often it ran. */
  count: number;
  ms: number;
  /** Of the whole time. */
  share: number;
  /** Of convolutions, the shapes read → written. */
  shapes: string;
}

/** Prints what one training step or inference pass of each network spends, the most first. */
export async function reportProfile(
  what: 'training step' | 'inference pass',
  models: readonly string[],
  options: BenchOptions,
): Promise<void> {
  const report = new Report<ProfileRow>(
    `One ${what}`,
    [
      { field: 'model', title: 'model', width: 16 },
      { field: 'operation', title: 'operation', width: 22 },
      { field: 'count', title: 'count', width: 7, digits: 0 },
      { field: 'ms', title: 'ms', width: 11, digits: 3 },
      { field: 'share', title: 'share', width: 8, percent: true },
      { field: 'shapes', title: '  shapes', width: 60 },
    ],
    [{ title: `Milliseconds of one ${what}`, field: 'ms', label: ['model', 'operation', 'shapes'] }],
    options,
  );
  for (const name of models) {
    using run = new WorkloadRun(name);
    if (what === 'inference pass') run.eval();
    const once = () => (what === 'training step' ? run.step() : run.infer());
    once();
    once();
    await synchronize();
    const entries = await profile(once);
    for (const row of spent(name, entries)) report.row(row);
  }
  report.close();
}

function spent(model: string, entries: readonly ProfileEntry[]): ProfileRow[] {
  const sums = new Map<string, { operation: string; shapes: string; count: number; ns: number }>();
  for (const { operation, detail, startNs, endNs } of entries) {
    const shapes = operation.startsWith('conv') ? detail : '';
    const key = `${operation} ${shapes}`;
    const sum = sums.get(key) ?? { operation, shapes, count: 0, ns: 0 };
    sum.count++;
    sum.ns += endNs - startNs;
    sums.set(key, sum);
  }
  const total = (entries.at(-1)?.endNs ?? 0) - (entries[0]?.startNs ?? 0);
  const busy = [...sums.values()].reduce((ns, sum) => ns + sum.ns, 0);
  const between = { operation: '(between)', shapes: '', count: entries.length, ns: total - busy };
  return [...[...sums.values()].sort((a, b) => b.ns - a.ns), between].map(
    ({ operation, shapes, count, ns }) => ({
      model,
      operation,
      count,
      ms: rounded(ns / 1e6),
      share: rounded(ns / total),
      shapes,
    }),
  );
}
