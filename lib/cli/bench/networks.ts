import { InvalidArgumentError, Option, type Command } from 'commander';
import { cpuInfo, emptyPool, memory, resetPeakMemory } from '../../system.js';
import { synchronize } from '../../tensor.js';
import { reportProfile } from './profile.js';
import { Report } from './report.js';
import { applyThreads, subcommand, type BenchOptions } from './subcommand.js';
import { rounded, timeSteps } from './timing.js';
import { workloadNames, WorkloadRun } from './workloads.js';

interface NetworkOptions extends BenchOptions {
  models: string[];
  profile?: boolean;
}

interface InferRow {
  model: string;
  batch: number;
  threads: number;
  inferMs: number;
  /** The most memory that tensors and operations held. */
  peakBytes: number;
  /** The most memory that the process has held so far, Node included. */
  residentBytes: number;
}

interface TrainRow extends InferRow {
  stepMs: number;
}

export function trainCommand(): Command {
  const command = subcommand(
    'train',
    'Time a training step (forward, cross-entropy, backward, SGD with momentum) and an inference pass.',
    6,
  );
  return withModels(command).option('--profile', 'tell what one step spends its time on').action(benchTrain);
}

export function inferCommand(): Command {
  const command = subcommand('infer', 'Time an inference pass.', 3);
  return withModels(command).option('--profile', 'tell what one pass spends its time on').action(benchInfer);
}

/** --models a b, or --models a,b. */
function withModels(command: Command): Command {
  const parse = (text: string, before: unknown) => {
    const names = text.split(',');
    for (const name of names) {
      if (!workloadNames.includes(name))
        throw new InvalidArgumentError(`Allowed choices are ${workloadNames.join(', ')}.`);
    }
    return before === workloadNames ? names : [...(before as string[]), ...names];
  };
  return command.addOption(
    new Option('--models <names...>', `of ${workloadNames.join(', ')}`)
      .default(workloadNames, 'all')
      .argParser(parse),
  );
}

const common = [
  { field: 'model', title: 'model', width: 16 },
  { field: 'batch', title: 'batch', width: 6, digits: 0 },
  { field: 'threads', title: 'threads', width: 9, digits: 0 },
] as const;
const inferMs = { field: 'inferMs', title: 'infer ms', width: 11, digits: 2 } as const;
const peak = { field: 'peakBytes', title: 'peak bytes', width: 13, digits: 0 } as const;

async function benchTrain(options: NetworkOptions): Promise<void> {
  applyThreads(options);
  if (options.profile) {
    await reportProfile('training step', options.models, options);
    return;
  }
  const report = new Report<TrainRow>(
    'Training',
    [...common, { field: 'stepMs', title: 'step ms', width: 11, digits: 2 }, inferMs, peak],
    [
      { title: 'A training step, ms', field: 'stepMs', label: ['model'] },
      { title: 'Memory of a training step, bytes', field: 'peakBytes', label: ['model'] },
    ],
    options,
  );
  for (const name of options.models) {
    await freshMemory();
    using run = new WorkloadRun(name);
    const stepMs = await timeSteps(() => run.step(), options.seconds);
    const held = heldMemory();
    run.eval();
    const ms = await timeSteps(() => run.infer(), options.seconds / 3);
    report.row({ ...factsOf(run), stepMs: rounded(stepMs), inferMs: rounded(ms), ...held });
  }
  report.close();
}

async function benchInfer(options: NetworkOptions): Promise<void> {
  applyThreads(options);
  if (options.profile) {
    await reportProfile('inference pass', options.models, options);
    return;
  }
  const report = new Report<InferRow>(
    'Inference',
    [...common, inferMs, peak],
    [{ title: 'An inference pass, ms', field: 'inferMs', label: ['model'] }],
    options,
  );
  for (const name of options.models) {
    await freshMemory();
    using run = new WorkloadRun(name);
    run.eval();
    const ms = await timeSteps(() => run.infer(), options.seconds);
    report.row({ ...factsOf(run), inferMs: rounded(ms), ...heldMemory() });
  }
  report.close();
}

function factsOf({ name, batch }: WorkloadRun): Pick<InferRow, 'model' | 'batch' | 'threads'> {
  return { model: name, batch, threads: cpuInfo().threads };
}

function heldMemory(): Pick<InferRow, 'peakBytes' | 'residentBytes'> {
  return { peakBytes: memory().peakBytes, residentBytes: process.resourceUsage().maxRSS * 1024 };
}

/** So that a network does not work in the memory of the one before. */
async function freshMemory(): Promise<void> {
  await synchronize();
  emptyPool();
  resetPeakMemory();
}
