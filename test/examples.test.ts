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
  expect(readdirSync(folder).sort()).toEqual(Object.keys(shown).sort());
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
