import { Command, Option } from 'commander';
import { backward, noGrad } from '../autograd.js';
import { crossEntropy } from '../loss/index.js';
import { lenet5 } from '../models/lenet.js';
import type { Module } from '../nn/module.js';
import { randn, setSeed, tensor } from '../ops/creation.js';
import { SGD } from '../optim/index.js';
import { cpuInfo, setThreads } from '../system.js';
import { scope, synchronize } from '../tensor.js';
import { modelNames, type Recipe } from './network.js';
import { positive, printJson, whole } from './options.js';

interface Workload {
  model: () => Module;
  batch: number;
  image: [height: number, width: number, channels: number];
  classes: number;
}

const workloads: Record<Recipe['model'], Workload> = {
  lenet5: { model: () => lenet5(), batch: 128, image: [28, 28, 1], classes: 10 },
};

interface Row {
  model: string;
  batch: number;
  threads: number;
  stepMs: number;
  inferMs: number;
}

export function benchCommand(): Command {
  const train = new Command('train')
    .description(
      'Time a training step (forward, cross-entropy, backward, SGD with momentum) and an inference pass.',
    )
    .addOption(new Option('--models <names...>', 'networks').choices(modelNames).default([...modelNames]))
    .option('--threads <n>', 'threads that compute; default: all cores', whole(1))
    .option('--seconds <s>', 'how long each is timed', positive, 6)
    .option('--json', 'print a line of JSON for each network')
    .action(benchTrain);
  return new Command('bench').description('Measure speed.').addCommand(train);
}

interface BenchTrainOptions {
  models: Recipe['model'][];
  threads?: number;
  seconds: number;
  json?: boolean;
}

async function benchTrain({ models, threads, seconds, json }: BenchTrainOptions): Promise<void> {
  if (threads !== undefined) setThreads(threads);
  if (!json) process.stdout.write('model       batch  threads   step ms  infer ms\n');
  for (const name of models) {
    const row = await timed(name, workloads[name], seconds);
    if (json) printJson(row);
    else {
      const numbers = [row.stepMs, row.inferMs].map((ms) => ms.toFixed(2).padStart(10)).join('');
      process.stdout.write(
        `${name.padEnd(12)}${String(row.batch).padStart(5)}${String(row.threads).padStart(9)}${numbers}\n`,
      );
    }
  }
}

async function timed(
  name: string,
  { model: make, batch, image, classes }: Workload,
  seconds: number,
): Promise<Row> {
  setSeed(0);
  using model = make();
  using x = randn([batch, ...image]);
  using labels = tensor(Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes));
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
  const step = () =>
    scope(() => {
      optimizer.zeroGrad();
      backward(crossEntropy(model.forward(x), labels));
      optimizer.step();
    });
  const infer = () => noGrad(() => scope(() => void model.forward(x)));
  const stepMs = await median(step, seconds);
  model.eval();
  const inferMs = await median(infer, seconds / 3);
  optimizer.dispose();
  return { model: name, batch, threads: cpuInfo().threads, stepMs, inferMs };
}

/**
 * The median time in milliseconds from one call's end to the next one's, with two on their way as in training, so that
 * JavaScript's part runs beside the compute thread's.
 */
async function median(work: () => void, seconds: number): Promise<number> {
  const times: number[] = [];
  const pending: Promise<void>[] = [];
  const start = performance.now();
  let last = start;
  while (last - start < seconds * 1000 || times.length < 5) {
    work();
    pending.push(synchronize());
    if (pending.length < 2) continue;
    await pending.shift();
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  await Promise.all(pending);
  times.sort((a, b) => a - b);
  return Math.round((times[times.length >> 1] ?? NaN) * 1000) / 1000;
}
