import { statSync } from 'node:fs';
import { join } from 'node:path';
import { glibcOf, inspect, problemsOf } from '../artifact.mjs';

/** The gate for a prebuilt addon; what it looks like from outside. */
export function addon({ root }, platform) {
  const file = join(root, 'prebuilds', platform, 'striate.glibc.node');
  const problems = problemsOf(file, platform.split('-')[1]);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return `${(statSync(file).size / 1e6).toFixed(1)} MB, wants glibc ${glibcOf(inspect(file))}`;
}
