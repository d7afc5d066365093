import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cpuInfo, data } from '../../lib/index.js';
import { packageRoot } from '../../lib/native.js';
import { lastLine, striate } from './striate.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('striate info', () => {
  test('tells the instruction set in use, and STRIATE_ISA forces one', async () => {
    const info = lastLine((await striate(['info', '--json'])).out);
    expect(info).toMatchObject({
      isa: cpuInfo().isa,
      supported: cpuInfo().supported,
      cores: cpuInfo().cores,
    });
    expect(lastLine((await striate(['info', '--json'], { STRIATE_ISA: 'scalar' })).out)).toMatchObject({
      isa: 'scalar',
    });
    expect((await striate(['info'])).out).toContain('instruction set');
  });

  test('an instruction set that the machine lacks is refused by name', async () => {
    const { code, err } = await striate(['info'], { STRIATE_ISA: 'avx1024' });
    expect(code).toBe(1);
    expect(err).toMatch(/^striate: STRIATE_ISA: this machine does not run avx1024, only scalar/);
  });
});

describe('striate train, eval, predict', () => {
  test('a network trained, saved, measured again and asked', async () => {
    const weights = join(folder, 'digits.safetensors');
    const options = [
      '--epochs',
      '4',
      '--batch-size',
      '32',
      '--seed',
      '3',
      '--threads',
      '1',
      '--save',
      weights,
    ];
    const trained = await striate(['train', ...options, '--json']);
    expect(trained.code, trained.err).toBe(0);
    const lines = trained.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number>);
    expect(lines).toHaveLength(5);
    expect(lines.slice(0, 4).map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(lines[4]?.testAccuracy).toBeGreaterThan(0.8);

    const measured = lastLine((await striate(['eval', '--weights', weights, '--json'])).out) as Record<
      string,
      number
    >;
    expect(measured).toMatchObject({ accuracy: lines[4]?.testAccuracy, samples: 359 });

    const { test: held } = await data.digits();
    const pixels = (await held.x.data()).subarray(0, 32 * 32);
    const image = join(folder, 'four.png');
    await sharp(pixels, { raw: { width: 32, height: 32, channels: 1 } }).toFile(image);
    const answer = lastLine((await striate(['predict', image, '--weights', weights, '--json'])).out);
    expect(answer).toMatchObject({ image, label: 4 });
    const shown = await striate(['predict', image, '--weights', weights]);
    expect(shown.out).toMatch(/█[^]*\n4 \(\d+\.\d%\)\n$/);
  });

  test('the same seed gives the same weights, whatever the threads', async () => {
    const files = [join(folder, 'a'), join(folder, 'b')];
    for (const [i, file] of files.entries()) {
      const { code, err } = await striate([
        'train',
        '--epochs',
        '1',
        '--seed',
        '5',
        '--threads',
        String(i + 1),
        '--save',
        file,
      ]);
      expect(code, err).toBe(0);
      expect(err).toMatch(/^epoch 1\/1 · loss .*samples\/s\n$/);
    }
    const [a, b] = await Promise.all(files.map((file) => readFile(file)));
    expect(a?.equals(b as Buffer)).toBe(true);
  });

  test('errors are one line on standard error, and the exit status 1', async () => {
    const text = join(folder, 'text');
    await writeFile(text, 'this is no safetensors file');
    const wrong: [string[], RegExp][] = [
      [['train', '--epochs', '0'], /argument '0' is invalid.*whole number from 1/],
      [['train', '--lr', 'fast'], /argument 'fast' is invalid.*greater than 0/],
      [['train', '--model', 'lenet6'], /Allowed choices are lenet5/],
      [['train', '--data', 'mnist'], /--data mnist wants --data-dir/],
      [['train', '--data', 'mnist', '--data-dir', folder], /mnist: neither .* is there/],
      [['eval', '--weights', text], /text/],
      [['eval', '--weights', join(folder, 'none')], /none/],
      [['predict', text, '--weights', text], /text/],
      [['frobnicate'], /unknown command/],
    ];
    for (const [args, message] of wrong) {
      const { code, err, out } = await striate(args);
      expect([args.join(' '), code, out]).toEqual([args.join(' '), 1, '']);
      expect(err).toMatch(message);
      expect(err).not.toContain('    at ');
    }
  });
});

test('ends quietly where whoever reads has seen enough', async () => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, 'bench', 'conv', '--only', 'lenet', '--seconds', '0.02']);
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, err]).toEqual([0, '']);
});

const folderOfData = process.env.STRIATE_DATA;
if (folderOfData !== undefined) {
  test('LeNet-5 reads MNIST as well as it does elsewhere', async () => {
    const data = ['--data', 'mnist', '--data-dir', join(folderOfData, 'mnist')];
    // One seed's accuracy is up to 1% from another's.
    let mean = 0;
    for (const seed of ['1', '2', '3']) {
      const args = [...data, '--epochs', '5', '--seed', seed, '--json'];
      const { out, err } = await striate(['train', '--model', 'lenet5', ...args]);
      expect(err).toBe('');
      mean += (lastLine(out) as { testAccuracy: number }).testAccuracy / 3;
    }
    expect(mean).toBeGreaterThanOrEqual(0.95);
  });
}
