// A LeNet-5 makes its first steps; the last line has their losses. The OpenMP runtime at work is the one that came along.
import { readFileSync } from 'node:fs';
import { cpuInfo, data, loss, models, optim, setSeed } from 'striate';

setSeed(7);
const { train } = await data.digits();
const model = models.lenet5({ side: 32 });
const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 });
const losses = [];
for await (const [x, labels] of new data.DataLoader(train, { batchSize: 64, shuffle: true, seed: 1 })) {
  optimizer.zeroGrad();
  const l = loss.crossEntropy(model.forward(x), labels);
  l.backward();
  optimizer.step();
  losses.push(await l.item());
  l.dispose();
  if (losses.length === 16) break;
}
if (!(losses.at(-1) < 0.9 * losses[0])) throw new Error(`nothing was learnt: ${losses.join(' ')}`);

const maps = readFileSync('/proc/self/maps', 'utf8');
const runtimes = new Set(maps.match(/\/\S*lib(gomp|i?omp)\S*/g));
if (runtimes.size !== 1 || !/\/prebuilds\/linux-\w+\/glibc\/libgomp\.so\.1$/.test([...runtimes][0]))
  throw new Error(`OpenMP runtimes loaded: ${[...runtimes].join(', ')}`);
console.log(JSON.stringify({ losses, isa: cpuInfo().isa }));
