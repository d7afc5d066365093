import { Option, type Command } from 'commander';
import { algorithms, LayerRun, passes, type Algorithm, type Pass } from './algorithms.js';
import { gigaOperations, layers, type Layer } from './layers.js';
import { peakRates } from './peak.js';
import { Report } from './report.js';
import { applyThreads, subcommand, type BenchOptions } from './subcommand.js';
import { rounded, timeOperation } from './timing.js';

interface ConvOptions extends BenchOptions {
  only: string;
  algorithm: Algorithm;
  allAlgorithms?: boolean;
}

interface ConvRow {
  layer: string;
  pass: Pass;
  ms: number;
  /** 10⁹ operations of the direct algorithm a second: one that needs fewer may pass the machine's peak. */
  gflops: number;
  /** gflops over the peak rate measured in the same run. */
  share: number;
  algorithm: string;
  /** With --all-algorithms: what the cost model expects, and whether this is the one that is chosen. */
  modelMs?: number | null;
  taken?: boolean;
}

export function convCommand(): Command {
  return subcommand(
    'conv',
    'Time the convolutions of well-known networks: forward, backward by data, backward by weights.',
    0.5,
  )
    .option('--only <name>', 'layers with this in their name', '')
    .addOption(new Option('--algorithm <name>', 'force one').choices(algorithms).default('auto'))
    .option(
      '--all-algorithms',
      'each that can run a pass, its time, the estimate by which one is chosen, and which is',
    )
    .action(benchConv);
}

async function benchConv(options: ConvOptions): Promise<void> {
  applyThreads(options);
  const { only, seconds, allAlgorithms = false } = options;
  const chosen = layers.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) {
    throw new Error(`no layer has ${only} in its name; there are ${layers.map((l) => l.name).join(', ')}`);
  }
  const peak = await peakRates(seconds);
  const report = new Report<ConvRow>(
    'Convolutions',
    [
      { field: 'layer', title: 'layer', width: 26 },
      { field: 'pass', title: 'pass', width: 11 },
      { field: 'ms', title: 'ms', width: 9, digits: 3 },
      { field: 'gflops', title: 'GFLOP/s', width: 9, digits: 1 },
      { field: 'share', title: 'of peak', width: 9, percent: true },
      { field: 'algorithm', title: '  algorithm', width: 13 },
      ...(allAlgorithms
        ? ([
            { field: 'modelMs', title: 'model ms', width: 9, digits: 3 },
            { field: 'taken', title: '  taken', width: 8 },
          ] as const)
        : []),
    ],
    [
      {
        title: 'Share of the peak rate, in operations of the direct algorithm',
        field: 'share',
        label: allAlgorithms ? ['layer', 'algorithm'] : ['layer'],
        series: 'pass',
      },
    ],
    options,
  );
  for (const layer of chosen) {
    using run = new LayerRun(layer);
    for (const pass of passes) {
      // Nobody asks for the gradient of an image.
      if (pass === 'bwdData' && layer.inputs <= 3) continue;
      for (const row of await timePass(layer, run, pass, peak.gflops, options)) report.row(row);
    }
  }
  report.close();
}

async function timePass(
  layer: Layer,
  run: LayerRun,
  pass: Pass,
  peak: number,
  { seconds, algorithm, allAlgorithms = false }: ConvOptions,
): Promise<ConvRow[]> {
  const all = run.candidates(pass);
  const [taken] = all;
  const wanted =
    algorithm !== 'auto'
      ? all.filter((candidate) => candidate.algorithm === algorithm)
      : allAlgorithms
        ? all
        : all.slice(0, 1);
  const rows: ConvRow[] = [];
  for (const candidate of wanted) {
    // Weights move at every step of training, so that none that were packed or transformed before can be used.
    const moved = () => run.moveWeights();
    const ms = await timeOperation(() => run.run(pass, candidate.algorithm), seconds, moved);
    const gflops = (gigaOperations(layer) / ms) * 1000;
    const row: ConvRow = {
      layer: layer.name,
      pass,
      ms: rounded(ms),
      gflops: rounded(gflops),
      share: rounded(gflops / peak),
      algorithm: candidate.algorithm,
    };
    rows.push(allAlgorithms ? { ...row, modelMs: candidate.milliseconds, taken: candidate === taken } : row);
  }
  return rows;
}
