// What an operation costs on the JavaScript side: calls on a tensor of one element, whose arithmetic is next to nothing.
// The promise: under 3 µs. usage: node bench/overhead.mjs
import { noGrad, randn, synchronize } from '../dist/index.js';

const rounds = 200;
const calls = 1000; // well under the queue's bound, so that the caller is never held up

async function measure(work) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) work();
    times.push(((performance.now() - start) * 1000) / calls);
    await synchronize();
    await new Promise(setImmediate);
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

const x = randn([1]);
const w = randn([1]);
w.requiresGrad = true;
const cases = {
  'add, without gradients': () => noGrad(() => x.add(x).dispose()),
  'relu, without gradients': () => noGrad(() => x.relu().dispose()),
  'mul, recorded for a gradient': () => x.mul(w).dispose(),
};
for (const [name, work] of Object.entries(cases)) {
  console.log(`${name.padEnd(32)}${(await measure(work)).toFixed(2)} µs`);
}
