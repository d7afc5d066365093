// `npm test`: every test with the best instruction set of this machine, and the tests that reach kernels with each
// of the others. Arguments go to vitest: npm test -- -t conv
import process from 'node:process';
import { finish, kernelTests, runTests, sharingProcesses, testsIn } from '../tools/vitest.mjs';
import { cpuInfo } from '../dist/index.js';

const filters = process.argv.slice(2);
const [best, ...others] = [...cpuInfo().supported].reverse();

const totals = [await runTests({ label: best, filters, env: { STRIATE_ISA: best } })];
for (const isa of others)
  totals.push(
    await runTests({
      label: isa,
      args: [...testsIn(...kernelTests), sharingProcesses],
      filters,
      env: { STRIATE_ISA: isa },
    }),
  );
finish(totals);
