// No call from JavaScript, however wrong, may crash or hang the process: children/hostile.mjs makes thousands.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runChild } from './child.js';
import { slow } from '../slow.js';

/** The longest that one call may take. */
const patience = slow ? 120 : 15;

it('every function of the binding returns or throws, whatever it is given', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'striate-hostile-'));
  const log = join(folder, 'call');
  const seed = Math.floor(Math.random() * 2 ** 31);
  const runs = slow ? 40 : 250;
  // Memory cannot be limited under emulators and sanitizers, which map far more than they use.
  const limited = process.platform === 'linux' && !slow;
  const lastCall = () => {
    try {
      return readFileSync(log, 'utf8');
    } catch {
      return 'none';
    }
  };
  let seen = '';
  let unchanged = 0;
  const ended = await runChild('hostile.mjs', [log, seed, runs, limited ? 'limited' : 'unlimited'], {
    ...(limited ? { memory: 3 * 2 ** 30 } : {}),
    hangs() {
      const call = lastCall();
      unchanged = call === seen ? unchanged + 1 : 0;
      seen = call;
      return unchanged > patience;
    },
  });
  const told = `seed ${seed}; the last call was ${lastCall()}\n${ended.stdout}\n${ended.stderr}`;
  rmSync(folder, { recursive: true });
  expect(ended.status, told).toBe(0);
  const { functions, total, passed } = JSON.parse(ended.stdout) as Record<string, number>;
  expect(total).toBe(functions! * runs);
  // Arguments that are refused at once would test little.
  expect(passed).toBeGreaterThan(total! / 3);
  expect(passed).toBeLessThan((total! * 2) / 3);
});
