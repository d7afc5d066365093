// What an operation costs on the JavaScript side, and disposing its result: calls on a tensor of one element, whose
// arithmetic is next to nothing. The promise: under 3 µs an operation. usage: node bench/overhead.mjs
import { noGrad, randn, synchronize } from '../dist/index.js';

const rounds = 200;
const calls = 1000; // well under the queue's bound, so that the caller is never held up

/** Medians of microseconds for a call, and for disposing its result. */
async function measure(work) {
  const called = [];
  const disposed = [];
  const results = new Array(calls);
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) results[i] = work();
    const middle = performance.now();
    for (let i = 0; i < calls; i++) results[i].dispose();
    called.push(((middle - start) * 1000) / calls);
    disposed.push(((performance.now() - middle) * 1000) / calls);
    await synchronize();
    await new Promise(setImmediate);
  }
  return [called, disposed].map((times) => times.sort((a, b) => a - b)[rounds >> 1]);
}

const x = randn([1]);
const w = randn([1]);
w.requiresGrad = true;
const cases = {
  'add, without gradients': () => noGrad(() => x.add(x)),
  'relu, without gradients': () => noGrad(() => x.relu()),
  'mul, recorded for a gradient': () => x.mul(w),
};
for (const [name, work] of Object.entries(cases)) {
  const [call, dispose] = await measure(work);
  console.log(`${name.padEnd(32)}${call.toFixed(2)} µs, dispose ${dispose.toFixed(2)} µs`);
}
