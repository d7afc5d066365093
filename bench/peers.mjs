// PyTorch, ONNX Runtime and TensorFlow.js beside striate, in turns, as far as they are installed. Times drift from minute to
// minute, so that only the ratios count: above 1, striate is faster. usage: npm run bench:peers -- --help
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { layers } from '../dist/cli/bench/layers.js';
import { median } from '../dist/cli/bench/timing.js';
import { workloads } from '../dist/cli/bench/workloads.js';

const help = `usage: npm run bench:peers -- [options]
  --conv, --train, --infer   what to compare; default: all
  --models a,b               networks; default: all of ${Object.keys(workloads).join(', ')}
  --only NAME                layers with this in their name
  --rounds N                 how often each has its turn; default: 3
  --seconds S                how long each is timed in a turn; default: 0.3 a pass, 4 a network
  --threads N                default: all cores
  --isa avx2                 holds striate and PyTorch to AVX2
  --json                     lines of JSON
PyTorch is that of the interpreter which STRIATE_TORCH names, or of python3; onnxruntime-node and @tensorflow/tfjs are
used where Node finds them. The networks for the first are written by the PyTorch of STRIATE_ONNX_TORCH, or else of the same
interpreter: a new one takes its package onnx for that, PyTorch 1.13 nothing more.`;

const { values: options } = parseArgs({
  options: {
    conv: { type: 'boolean' },
    train: { type: 'boolean' },
    infer: { type: 'boolean' },
    models: { type: 'string', default: Object.keys(workloads).join() },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    isa: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});
if (options.help) {
  console.log(help);
  process.exit();
}
for (const name of ['rounds', 'seconds', 'threads']) {
  if (options[name] !== undefined && !(Number(options[name]) > 0)) fail(`--${name} wants a number above 0`);
}
if (options.isa !== undefined && options.isa !== 'avx2') fail('--isa knows avx2 alone');
const models = options.models.split(',');
for (const model of models) {
  if (!(model in workloads)) fail(`--models knows ${Object.keys(workloads).join(', ')}`);
}
const all = !options.conv && !options.train && !options.infer;
const { threads } = options;

function fail(message) {
  console.error(`bench:peers: ${message}`);
  process.exit(1);
}

/** Every library is told the same by its own name. ONNX Runtime cannot be told. */
const env = { ...process.env };
if (options.isa === 'avx2') {
  Object.assign(env, {
    STRIATE_ISA: 'avx2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    ATEN_CPU_CAPABILITY: 'avx2',
    MKL_ENABLE_INSTRUCTIONS: 'AVX2',
  });
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.STRIATE_TORCH ?? 'python3';
const torchVersion = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
  encoding: 'utf8',
});
const hasTorch = torchVersion.status === 0;
const resolves = (name) => {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
};
const hasOnnx = hasTorch && options.isa === undefined && resolves('onnxruntime-node');
const hasTensorflow = resolves('@tensorflow/tfjs');
if (!hasTorch && process.env.STRIATE_TORCH !== undefined)
  fail(`${python} has no torch: ${torchVersion.stderr}`);
say(
  [
    hasTorch ? `PyTorch ${torchVersion.stdout.trim()}` : 'no PyTorch (STRIATE_TORCH may name its Python)',
    hasOnnx ? 'ONNX Runtime' : 'no ONNX Runtime',
    hasTensorflow ? 'TensorFlow.js' : 'no TensorFlow.js',
    `${threads} threads`,
  ].join(', '),
);

function say(text) {
  if (!options.json) console.log(text);
}

/** What a process prints as lines of JSON; `input` goes to its standard input. */
function run(command, args, input = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args.map(String), { env, stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.on('error', reject).on('close', (code) => {
      if (code !== 0) reject(new Error(`${args.join(' ')} ended with status ${code}`));
      else resolve(out.trimEnd().split('\n').map(JSON.parse));
    });
    child.stdin.end(input);
  });
}

const striate = (...args) =>
  run(process.execPath, [file('../dist/cli/main.js'), 'bench', ...args, '--json', '--threads', threads]);

const formats = ['channels_last', 'contiguous_format'];

/** Lets all have their turns, in another order each round; what each found in each round, by name. */
async function inTurns(peers) {
  const found = Object.fromEntries(Object.keys(peers).map((name) => [name, []]));
  const names = Object.keys(peers);
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of names) found[name].push(await peers[name]());
    names.push(names.shift());
  }
  return found;
}

/** The median over the rounds of a number in what a peer found. */
const over = (rounds, pick) => median(rounds.map(pick));
const fixed = (value, width, digits = 2) =>
  (value === undefined ? '–' : value.toFixed(digits)).padStart(width);
const mean = (ratios) => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

async function compareConvolutions() {
  const chosen = layers.filter(({ name }) => name.includes(options.only));
  if (chosen.length === 0) fail(`no layer has ${options.only} in its name`);
  const seconds = options.seconds ?? '0.3';
  const peers = { striate: () => striate('conv', '--only', options.only, '--seconds', seconds) };
  for (const format of hasTorch ? formats : []) {
    const args = [file('peers/conv.py'), format, threads, seconds];
    peers[format] = () => run(python, args, JSON.stringify(chosen));
  }
  const { striate: own, ...others } = await inTurns(peers);
  say(
    `\n${'layer'.padEnd(26)}${'pass'.padEnd(11)}${'striate ms'.padStart(11)}${'PyTorch ms'.padStart(11)}${'ratio'.padStart(7)}${'of peak'.padStart(9)}  algorithm`,
  );
  const ratios = {};
  for (const [i, { layer, pass, algorithm }] of own[0].entries()) {
    const ms = over(own, (rows) => rows[i].ms);
    const share = over(own, (rows) => rows[i].share);
    const best = Math.min(...Object.values(others).map((rounds) => over(rounds, (rows) => rows[i].ms)));
    const torchMs = hasTorch ? best : undefined;
    const ratio = hasTorch ? best / ms : undefined;
    if (hasTorch) (ratios[pass] ??= []).push(ratio);
    if (options.json) console.log(JSON.stringify({ layer, pass, ms, torchMs, ratio, share, algorithm }));
    say(
      `${layer.padEnd(26)}${pass.padEnd(11)}${fixed(ms, 11, 3)}${fixed(torchMs, 11, 3)}${fixed(ratio, 7)}${fixed(100 * share, 8, 1)}%  ${algorithm}`,
    );
  }
  if (!hasTorch) return;
  const means = { ...Object.fromEntries(Object.entries(ratios).map(([pass, list]) => [pass, mean(list)])) };
  means.all = mean(Object.values(ratios).flat());
  if (options.json) console.log(JSON.stringify({ geometricMean: means }));
  const shown = Object.entries(means).map(([pass, value]) => `${pass} ${value.toFixed(2)}`);
  say(`geometric mean of the ratios: ${shown.join(', ')}`);
}

async function compareNetworks(what, folder) {
  const seconds = options.seconds ?? '4';
  const title = (text) => text.padStart(13);
  say(
    `\n${what.padEnd(16)}${['striate ms', 'PyTorch ms', 'ratio', 'ONNX RT ms', 'ratio', 'TF.js ms', 'ratio'].map(title).join('')}   MB resident`,
  );
  for (const model of models) {
    const { batch, side, channels, classes } = workloads[model];
    const facts = JSON.stringify({ model, batch, side, channels, classes });
    const peers = { striate: () => striate(what, '--models', model, '--seconds', seconds) };
    for (const format of hasTorch ? formats : []) {
      peers[format] = () => run(python, [file('peers/steps.py'), what, format, threads, seconds, facts]);
    }
    if (hasOnnx && what === 'infer') {
      const path = join(folder, `${model}.onnx`);
      if (exportModel(path, facts))
        peers.onnx = () => run(process.execPath, [file('peers/onnx.mjs'), path, threads, seconds, facts]);
    }
    if (hasTensorflow && model === 'lenet5') {
      peers.tensorflow = () => run(process.execPath, [file('peers/tensorflow.mjs'), what, seconds, batch]);
    }
    const found = await inTurns(peers);
    const msOf = (name) => found[name] && over(found[name], ([row]) => row.ms);
    const residentOf = (name) => found[name] && over(found[name], ([row]) => row.residentBytes);
    const ms = over(found.striate, ([row]) => (what === 'train' ? row.stepMs : row.inferMs));
    const format = hasTorch
      ? formats.reduce((best, other) => (msOf(other) < msOf(best) ? other : best))
      : undefined;
    const row = {
      what,
      model,
      batch,
      threads: Number(threads),
      ms,
      torchMs: msOf(format),
      torchFormat: format,
      onnxMs: msOf('onnx'),
      tensorflowMs: msOf('tensorflow'),
      peakBytes: over(found.striate, ([own]) => own.peakBytes),
      residentBytes: residentOf('striate'),
      torchResidentBytes: residentOf(format),
      onnxResidentBytes: residentOf('onnx'),
      tensorflowResidentBytes: residentOf('tensorflow'),
    };
    if (options.json) console.log(JSON.stringify(row));
    const beside = [row.torchMs, row.onnxMs, row.tensorflowMs].map(
      (other) => fixed(other, 13) + fixed(other && other / ms, 13),
    );
    const memory = [
      ['striate', row.residentBytes],
      ['its tensors', row.peakBytes],
      ['PyTorch', row.torchResidentBytes],
      ['ONNX RT', row.onnxResidentBytes],
      ['TF.js', row.tensorflowResidentBytes],
    ].flatMap(([name, bytes]) => (bytes ? `${name} ${(bytes / 1e6).toFixed(0)}` : []));
    say(`${model.padEnd(16)}${fixed(ms, 13)}${beside.join('')}   ${memory.join(', ')}`);
  }
}

function exportModel(path, facts) {
  const writer = process.env.STRIATE_ONNX_TORCH ?? python;
  const { status, stderr } = spawnSync(writer, [file('peers/export.py'), path, facts], { encoding: 'utf8' });
  if (status !== 0) say(`without ONNX Runtime: ${stderr.trimEnd().split('\n').at(-1)}`);
  return status === 0;
}

if (all || options.conv) await compareConvolutions();
const folder = mkdtempSync(join(tmpdir(), 'striate-peers-'));
try {
  if (all || options.train) await compareNetworks('train', folder);
  if (all || options.infer) await compareNetworks('infer', folder);
} finally {
  rmSync(folder, { recursive: true });
}
