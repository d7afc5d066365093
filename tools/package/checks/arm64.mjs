import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { onArm64 } from '../emulator.mjs';
import { permission } from '../programs.mjs';
import { run, told } from '../run.mjs';

/**
 * Of losses on two processors, relative: their sums are rounded in another order. A learning rate that is wrong by 1e-5 makes a
 * difference of 1e-4.
 */
const maxDifference = 1e-5;

/** The trials on an arm64 Node of a version; LeNet-5's losses are those of x64. A whole training takes a minute. */
export function arm64(place, version, { whole }) {
  const project = join(place.work, 'arm64/project');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
  run('npm', [...install, place.packed.file], { cwd: project });
  cpSync(place.trials, project, { recursive: true });

  const env = { PREBUILDS_ONLY: '1' };
  const emulated = (...args) => onArm64(place, version, args, { cwd: project, env });
  const here = told(run(process.execPath, ['steps.mjs'], { cwd: project, env: { ...process.env, ...env } }));
  const there = told(emulated('steps.mjs'));
  const difference = Math.max(...here.losses.map((loss, i) => Math.abs(there.losses[i] / loss - 1)));
  if (!(difference <= maxDifference))
    throw new Error(
      `losses differ by ${difference}: ${there.losses.join(' ')}, on x64 ${here.losses.join(' ')}`,
    );
  emulated('required.cjs');
  emulated('threads.mjs');
  emulated(...permission(version), 'steps.mjs');
  const reads = whole ? `LeNet-5 reads ${told(emulated('train.mjs')).accuracy}, ` : '';
  return `${reads}losses are those of x64 but for ${difference.toExponential(0)} (${there.isa})`;
}
