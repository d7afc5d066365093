import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cpuInfo } from '../../lib/index.js';
import { gigaOperations, layers, resultSide } from '../../lib/cli/bench/layers.js';
import { packageRoot } from '../../lib/native.js';
import { median } from '../../lib/cli/bench/timing.js';
import { lastLine, lines, striate } from './striate.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-bench-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Row = Record<string, unknown>;

/** The rows of a benchmark's --json and the page of its --html, which has no need of the network. */
async function bench(...args: string[]): Promise<{ rows: Row[]; page: string }> {
  const html = join(folder, 'page.html');
  const { code, out, err } = await striate(['bench', ...args, '--seconds', '0.02', '--json', '--html', html]);
  expect(code, err).toBe(0);
  const page = await readFile(html, 'utf8');
  expect(page).toMatch(/^<!doctype html>\n[^]*<\/html>\n$/);
  expect(page).not.toMatch(/https?:|\/\/|<link|<script|url\(|@import/);
  expect(page).toContain('name="viewport"');
  expect(page).toContain('prefers-color-scheme: dark');
  const rows = lines(out) as Row[];
  const [, body = ''] = page.split('<tbody>');
  expect(body.match(/<tr>/g)).toHaveLength(rows.length);
  expect(page.match(/<rect /g)!.length % rows.length).toBe(0);
  return { rows, page };
}

/** Numbers that can be. */
function expectPositive(row: Row, ...fields: string[]): void {
  for (const field of fields) {
    expect(row[field], field).toBeGreaterThan(0);
    expect(row[field], field).toBeLessThan(Infinity);
  }
}

describe('striate bench info', () => {
  test('has a row for each instruction set with one thread and with several', async () => {
    const { rows, page } = await bench('info', '--threads', '2');
    expect(rows.map(({ isa, threads }) => [isa, threads])).toEqual(
      cpuInfo().supported.flatMap((isa) => [
        [isa, 1],
        [isa, 2],
      ]),
    );
    for (const row of rows) {
      expectPositive(row, 'gflops', 'copyGBs', 'triadGBs');
      expect(page).toContain(`<td>${String(row.isa)}</td>`);
    }
  });
});

describe('striate bench conv', () => {
  test('times each pass, but no gradient of an image', async () => {
    const { rows, page } = await bench('conv', '--only', 'lenet', '--threads', '2');
    expect(rows.map(({ layer, pass }) => [layer, pass])).toEqual([
      ['lenet-conv1', 'fwd'],
      ['lenet-conv1', 'bwdWeights'],
      ['lenet-conv2', 'fwd'],
      ['lenet-conv2', 'bwdData'],
      ['lenet-conv2', 'bwdWeights'],
    ]);
    for (const row of rows) {
      expectPositive(row, 'ms', 'gflops', 'share');
      expect(row.algorithm).toMatch(/^\w+$/);
      const gflop = row.layer === 'lenet-conv1' ? 0.0301056 : 0.06144;
      expect((row.gflops as number) * (row.ms as number)).toBeCloseTo(gflop * 1000, 0);
      expect(page).toContain(`>${String(row.layer)}</td>`);
    }
  });

  test('compares algorithms, and forces one', async () => {
    const { rows } = await bench('conv', '--only', 'lenet-conv2', '--all-algorithms');
    expect(rows.filter(({ taken }) => taken)).toHaveLength(3);
    for (const pass of ['fwd', 'bwdData', 'bwdWeights'])
      expect(rows.some((row) => row.pass === pass && row.algorithm === 'direct')).toBe(true);
    const forced = await bench('conv', '--only', 'lenet-conv2', '--algorithm', 'direct');
    expect(forced.rows.map(({ algorithm }) => algorithm)).toEqual(['direct', 'direct', 'direct']);
  });

  test('refuses a layer that there is not', async () => {
    const { code, err } = await striate(['bench', 'conv', '--only', 'lenet-conv9']);
    expect(code).toBe(1);
    expect(err).toContain('no layer has lenet-conv9 in its name; there are lenet-conv1, ');
  });

  test('counts what a layer has to do', () => {
    const layer = (name: string) => layers.find((one) => one.name === name)!;
    expect(layers).toHaveLength(24);
    expect(new Set(layers.map(({ name }) => name)).size).toBe(24);
    expect(resultSide(layer('resnet-stem'))).toBe(112);
    expect(resultSide(layer('dilated-3x3-256x28'))).toBe(28);
    // 2 · 32 images · 28² pixels · 256 channels · 9 taps
    expect(gigaOperations(layer('depthwise-3x3-256x28'))).toBeCloseTo(0.115605504, 9);
    expect(gigaOperations(layer('resnet-3x3-64x56'))).toBeCloseTo(7.398752256, 9);
  });
});

test('striate bench ops', async () => {
  const { rows, page } = await bench('ops', '--only', 'relu');
  expect(rows.map(({ op }) => op)).toEqual([
    'relu',
    'reluBackward',
    'batchNorm, relu',
    'batchNorm, add, relu',
    'batchNormBackward, relu',
    'batchNormBackward, add, relu',
    'batchNormBackward of two, add, relu',
  ]);
  for (const row of rows) {
    expectPositive(row, 'ms', 'gbs', 'share');
    expect(row.shape).toBe('32×56×56×64');
    expect(page).toContain(`<td>${String(row.op)}</td>`);
  }
  // Twice 25.7 MB.
  const [relu] = rows;
  expect((relu!.gbs as number) * (relu!.ms as number)).toBeCloseTo(51.380224, 0);
});

describe('striate bench train, infer', () => {
  test('times the training step', async () => {
    const { rows, page } = await bench('train', '--models', 'lenet5', '--threads', '2');
    expect(rows).toHaveLength(1);
    const [row] = rows;
    expect(row).toMatchObject({ model: 'lenet5', batch: 128, threads: 2 });
    expectPositive(row!, 'stepMs', 'inferMs', 'peakBytes', 'residentBytes');
    expect(row!.stepMs).toBeGreaterThan(row!.inferMs as number);
    expect(page).toContain('<td>lenet5</td>');
  });

  test('times inference, which holds less than training', async () => {
    const trained = (await bench('train', '--models', 'lenet5')).rows[0]!;
    const { rows } = await bench('infer', '--models', 'lenet5');
    expect(rows[0]).toMatchObject({ model: 'lenet5', batch: 128 });
    expectPositive(rows[0]!, 'inferMs', 'peakBytes');
    expect(rows[0]!.peakBytes).toBeLessThan(trained.peakBytes as number);
  });

  test('tells what a step spends', async () => {
    const { rows, page } = await bench('train', '--models', 'lenet5', '--profile');
    const [forward] = rows.filter(({ operation, shapes }) =>
      `${String(operation)} ${String(shapes)}`.startsWith('conv2d [128, 14, 14, 6]'),
    );
    expect(forward).toMatchObject({
      count: 1,
      shapes: '[128, 14, 14, 6] [5, 5, 6, 16] [16] → [128, 10, 10, 16]',
    });
    expect(rows.find(({ operation }) => operation === 'sgd')).toMatchObject({ count: 1, shapes: '' });
    const shares = rows.map(({ share }) => share as number);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 2);
    expect(page).toContain('[5, 5, 6, 16]');
  });

  test('tells what an inference pass spends', async () => {
    const { rows } = await bench('infer', '--models', 'lenet5', '--profile');
    const counts = new Map(rows.map(({ operation, count }) => [operation, Number(count)]));
    // The first convolution and its pooling may be one pass.
    expect((counts.get('maxPool2d') ?? 0) + (counts.get('conv2dMaxPool2d') ?? 0)).toBe(2);
    expect(counts.get('linear')).toBe(3);
    expect(counts.has('sgd')).toBe(false);
  });

  test('refuses a network that there is not', async () => {
    const { code, err } = await striate(['bench', 'train', '--models', 'lenet6']);
    expect(code).toBe(1);
    expect(err).toMatch(/Allowed choices are lenet5/);
  });
});

test('text tables have a line for each row', async () => {
  const { out } = await striate(['bench', 'conv', '--only', 'lenet-conv1', '--seconds', '0.02']);
  expect(out).toMatch(
    /^layer +pass +ms +GFLOP\/s +of peak +algorithm\n(lenet-conv1 +\w+ +[\d.]+ +[\d.]+ +[\d.]+% +\w+\n){2}$/,
  );
  expect(
    lastLine((await striate(['bench', 'infer', '--seconds', '0.02', '--models', 'lenet5', '--json'])).out),
  ).toMatchObject({ model: 'lenet5' });
});

test('bench:peers runs where no peer is installed', async () => {
  const args = ['--conv', '--only', 'lenet-conv2', '--rounds', '2', '--seconds', '0.02', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(packageRoot, 'bench', 'peers.mjs'),
    ...args,
  ]);
  const rows = (lines(stdout) as Row[]).filter(({ layer }) => layer !== undefined);
  expect(rows.map(({ layer, pass }) => [layer, pass])).toEqual([
    ['lenet-conv2', 'fwd'],
    ['lenet-conv2', 'bwdData'],
    ['lenet-conv2', 'bwdWeights'],
  ]);
  for (const row of rows) expectPositive(row, 'ms', 'share');
});

test('the median', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([10, 9, 8, 7, 100])).toBe(9);
});
