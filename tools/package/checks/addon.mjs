import { statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { glibcOf, inspect, problemsOf } from '../artifact.mjs';
import { onArm64 } from '../emulator.mjs';
import { run } from '../run.mjs';

const program = "import('./bundle/index.js').then(({ cpuInfo }) => console.log(cpuInfo().isa))";

/** The gate for a prebuilt addon, which then loads; what it looks like from outside. */
export function addon(place, platform) {
  const file = join(place.root, 'prebuilds', platform, 'striate.glibc.node');
  const arch = platform.split('-')[1];
  const problems = problemsOf(file, arch);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const options = { cwd: place.root, env: { ...process.env, PREBUILDS_ONLY: '1' } };
  const loading = ['--eval', program];
  const isa =
    arch === process.arch ? run(process.execPath, loading, options) : onArm64(place, '24', loading, options);
  return `${(statSync(file).size / 1e6).toFixed(1)} MB, wants glibc ${glibcOf(inspect(file))}, loads (${isa.trim()})`;
}
