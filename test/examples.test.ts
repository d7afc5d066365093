// The examples run as users run them, and show what they say.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../lib/native.js';

const folder = join(packageRoot, 'examples');

/** The share in percent that a line with this beginning ends in. */
function percent(out: string, line: string): number {
  const found = out.split('\n').find((candidate) => candidate.startsWith(line));
  return Number(/([\d.]+)%/.exec(found ?? '')?.[1]);
}

const shown: Record<string, (out: string) => void> = {
  'filters.mjs': (out) => {
    expect(out).toMatch(/filters\.png\n/);
    expect(out).toMatch(/laplacian +0\.\d+\n/);
  },
  'receptiveField.mjs': (out) => {
    expect(out).toMatch(/three 3×3 convolutions see 7 places, one of 7×7 sees 7\n/);
    expect(out).toMatch(/61,706 parameters/);
    expect(out).toMatch(/summary: fc \(Linear\) does not take \[N, 5408\]/);
  },
  'residual.mjs': (out) => {
    expect(percent(out, 'plain')).toBeLessThan(60);
    expect(percent(out, 'residual')).toBeGreaterThan(85);
  },
  'normalization.mjs': (out) => {
    for (const lr of ['0.05', '0.5 ']) {
      expect(percent(out, `with batch normalization rate ${lr}`)).toBeGreaterThan(
        percent(out, `without                  rate ${lr}`) + 20,
      );
    }
  },
  'gradientCheck.mjs': (out) => {
    expect(out.match(/relative error [\d.]+e-[4-9]\n/g)).toHaveLength(3);
    expect(out).toMatch(/ReLU around 0: checkGradients: by inputs\[0\]/);
  },
  'lookInside.mjs': (out) => {
    expect(percent(out, 'trained')).toBeGreaterThan(85);
    expect(out.match(/\.png\n/g)).toHaveLength(5);
  },
  'autoencoder.mjs': (out) => {
    const error = (line: string): number =>
      Number(new RegExp(`^${line} +(0\\.\\d+)$`, 'm').exec(out)?.[1] ?? NaN);
    expect(error('tied autoencoder')).toBeLessThan(0.9 * error('principal components'));
    expect(error('  the same trained to denoise')).toBeLessThan(0.8 * error('  tied autoencoder'));
    expect(error('  tied autoencoder')).toBeLessThan(error('half of the pixels gone:'));
    expect(out).toMatch(/\ndigit +components +autoencoder +\n/);
    expect(out).toMatch(/\nhalf gone +autoencoder +denoised +\n/);
    expect(out).toMatch(/█/);
  },
  'pretraining.mjs': (out) => {
    const last = (name: string): number =>
      Number(/([\d.]+)%$/.exec(out.split('\n').find((line) => line.startsWith(name)) ?? '')?.[1]);
    for (const name of ['denoising autoencoders', 'deep belief network']) {
      expect(last(name), name).toBeGreaterThan(last('random weights') + 3);
    }
    expect(out.match(/[▁▂▃▄▅▆▇█]{30}/g)).toHaveLength(4);
  },
  'initialization.mjs': (out) => {
    const row = (name: string, from: number): number[] => {
      const line =
        out
          .slice(from)
          .split('\n')
          .find((candidate) => candidate.startsWith(`  ${name}`)) ?? '';
      return line.slice(12).trim().split(/ +/).map(Number);
    };
    const relu = out.indexOf('each ReLU');
    const growth = (name: string, from: number): number => row(name, from).at(-1)! / row(name, from)[0]!;
    expect(growth('too small', 0)).toBeLessThan(1e-4);
    expect(growth('too big', relu)).toBeGreaterThan(1e3);
    expect(growth('Xavier', 0)).toBeGreaterThan(0.2);
    expect(growth('He', relu)).toBeGreaterThan(0.5);
  },
  'activations.mjs': (out) => {
    const left = (name: string): number =>
      Number(new RegExp(`\\n${name} +([\\d.e+-]+)\\n`).exec(out.slice(out.indexOf('the gradient of')))?.[1]);
    expect(left('sigmoid')).toBeLessThan(1e-4);
    for (const name of ['tanh', 'ReLU', 'SELU']) expect(left(name)).toBeGreaterThan(0.05);
  },
  'pooling.mjs': (out) => {
    expect(out).toMatch(/maximum of 2×2\n +10.0 +7.0\n +13.0 +23.0\n/);
    expect(out).toMatch(/and unpooled\n +0.0 +10.0 +0.0 +0.0\n +0.0 +0.0 +0.0 +7.0\n/);
  },
  'losses.mjs': (out) => {
    expect(out).toMatch(/\ncross-entropy +1\.349 +-0\.705 +0\.741 +-0\.035\n/);
    expect(out).toMatch(/\nsquared error +1\.667 +-1\.333 +0\.000 +0\.667\n/);
  },
  'augmentation.mjs': (out) => {
    for (const name of ['moved  ', 'moved and partly hidden']) {
      expect(percent(out, name), name).toBeGreaterThan(percent(out, 'as they are') + 3);
    }
    expect(out).toMatch(/augmentation\.png\n/);
  },
  'training.mjs': (out) => {
    const [whole, interrupted, resumed] = out.split('\n').map((line) => line.replace(/^\w+ +/, ''));
    expect(resumed).toBe(whole);
    expect(interrupted).toMatch(/^3 epochs/);
    expect(out).toMatch(/the best, averaged: 9\d\.\d%, among its first two 9\d\.\d%\n/);
  },
  'regularization.mjs': (out) => {
    const nothing = percent(out, 'nothing');
    for (const name of ['dropout', 'noise on the input', 'early stopping']) {
      expect(percent(out, name), name).toBeGreaterThan(nothing + 3);
    }
  },
  'optimizers.mjs': (out) => {
    const rows = out.trimEnd().split('\n');
    expect(rows).toHaveLength(10);
    for (const row of rows) {
      const losses = row.slice(18).trim().split(/ +/).map(Number);
      expect(losses).toHaveLength(4);
      expect(losses[3]!, row).toBeLessThan(losses[0]!);
    }
  },
  'schedules.mjs': (out) => {
    expect(out).toMatch(/\nmulti-step +█{15}▁{15} {10}\n/);
    expect(out).toMatch(/range test: diverges at [\d.]+, falls most steeply at 0\.\d+\n/);
  },
  'segmentation.mjs': (out) => {
    expect(percent(out, 'pixels taken for what they are')).toBeGreaterThan(95);
    expect(percent(out, 'mean intersection over union')).toBeGreaterThan(80);
    expect(out.split('\n').filter((line) => /^[·o#]{32} {2}[·o#]{32}$/.test(line))).toHaveLength(16);
  },
  'transfer.mjs': (out) => {
    const row = (name: string): number[] =>
      [...(out.split('\n').find((line) => line.startsWith(name)) ?? '').matchAll(/(\d+)%/g)].map(([, n]) =>
        Number(n),
      );
    const scratch = row('from scratch');
    expect(scratch).toHaveLength(4);
    for (const name of ['linear layers', 'all of it', 'stage by stage']) {
      expect(row(name).at(-1)!, name).toBeGreaterThan(scratch.at(-1)!);
    }
  },
  'ensemble.mjs': (out) => {
    const [networks, snapshots] = out.split('five snapshots');
    expect(percent(networks!, '  mean of probabilities')).toBeGreaterThan(
      percent(networks!, '  one, on average') + 1,
    );
    expect(percent(snapshots!, '  mean of probabilities')).toBeGreaterThan(
      percent(snapshots!, '  one, on average'),
    );
  },
  'search.mjs': (out) => {
    expect(out).toMatch(/bracket 1: candidate \d+, of nobody: [\d.]+%, best [\d.]+%\n/);
    expect(out).toMatch(/candidate \d+ reads 9\d\.\d% of the test digits:\n/);
    expect(out).toMatch(/new nn\.Linear\(\d+, 10\),\n\);\n/);
    expect(out).toMatch(/\nexport const optimizer = new optim\.(Adam|SGD)\(model\.parameters\(\), \{ lr: /);
  },
  'server.mjs': (out) => {
    expect(out).toMatch(/^answers at http:\/\/127\.0\.0\.1:\d+\/predict\n/);
    const first = percent(out, 'answers while it trained: of the first weights');
    const later = percent(out, '                          of the later ones');
    expect(later).toBeGreaterThan(85);
    expect(later).toBeGreaterThan(first + 3);
    expect(Number(/p99 ([\d.]+) ms/.exec(out)?.[1])).toBeLessThan(1000);
    expect(Number(/(\d+) sets of weights\n/.exec(out)?.[1])).toBeGreaterThan(12);
  },
};

function run(file: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(folder, file)], { cwd: packageRoot });
  const [out, err]: string[][] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out!.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => err!.push(chunk.toString()));
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ code, out: out!.join(''), err: err!.join('') })),
  );
}

test('each example has its expectation', () => {
  const programs = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
  expect(programs.sort()).toEqual(Object.keys(shown).sort());
});

test.each(Object.entries(shown))(
  '%s',
  async (file, expectation) => {
    const { code, out, err } = await run(file);
    expect(err).toBe('');
    expect(code).toBe(0);
    expectation(out);
  },
  60_000,
);
