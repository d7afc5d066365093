// How long `import 'striate'` takes in a new process: node bench/import.mjs [--rounds N]
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const program = `const start = performance.now();
await import('striate');
console.log(performance.now() - start);`;

const times = Array.from({ length: Number(values.rounds) }, () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}).sort((a, b) => a - b);
const at = (share) => times[Math.round(share * (times.length - 1))].toFixed(1);
console.log(`import 'striate': median ${at(0.5)} ms, fastest ${at(0)} ms, slowest ${at(1)} ms`);
