// What striate export writes, and striate predict --model reads.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { data, io, nn } from '../../lib/index.js';
import { readModel } from '../io/onnxReader.js';
import { lastLine, striate } from './striate.js';

let folder: string;
let weights: string;
let image: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-export-'));
  weights = join(folder, 'digits.safetensors');
  image = join(folder, 'digit.png');
  const { code, err } = await striate(['train', '--epochs', '1', '--seed', '3', '--save', weights, '--json']);
  expect(code, err).toBe(0);
  const { test: held } = await data.digits();
  const pixels = (await held.x.data()).subarray(0, 32 * 32);
  await sharp(pixels, { raw: { width: 32, height: 32, channels: 1 } }).toFile(image);
});
afterAll(() => rm(folder, { recursive: true }));

test('a network as ONNX answers as its weights do', async () => {
  const file = join(folder, 'digits.onnx');
  const told = await striate(['export', weights, '--output', file, '--json']);
  expect(told.code, told.err).toBe(0);
  expect(lastLine(told.out)).toEqual({
    ...{ output: file, format: 'onnx', bytes: (await stat(file)).size, model: 'lenet5', input: [32, 32, 1] },
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  });
  const { inputs, metadata } = await readModel(file);
  expect(inputs[0]!.shape).toEqual(['batch', 1, 32, 32]);
  expect(JSON.parse(metadata['striate.network']!)).toMatchObject({
    input: [32, 32, 1],
    std: [expect.any(Number)],
  });
  const [own, other] = await Promise.all(
    [['--weights', weights], ['--model', file]].map((given) => striate(['predict', image, ...given, '--json'])),
  ); // prettier-ignore
  expect(other!.code, other!.err).toBe(0);
  const [a, b] = [own!, other!].map(({ out }) => lastLine(out) as { class: string; probabilities: number[] });
  expect(b!.class).toBe(a!.class);
  b!.probabilities.forEach((p, k) => expect(p).toBeCloseTo(a!.probabilities[k]!, 5));
  const [measured, again] = await Promise.all(
    [weights, file].map((one) => striate(['eval', '--weights', one, '--json'])),
  );
  const accuracy = ({ out }: { out: string }) => (lastLine(out) as { accuracy: number }).accuracy;
  expect(accuracy(again!)).toBe(accuracy(measured!));
});

test('weights by the name of the output, or the format', async () => {
  const file = join(folder, 'copy.safetensors');
  const { out } = await striate(['export', weights, '--output', file]);
  expect(out).toMatch(/copy\.safetensors: lenet5, \[N, 32, 32, 1\] to 10 classes, [\d,]+ bytes\n$/);
  const same = lastLine((await striate(['predict', image, '--weights', file, '--json'])).out);
  expect(same).toEqual(lastLine((await striate(['predict', image, '--weights', weights, '--json'])).out));
  const half = join(folder, 'half.safetensors');
  await striate(['export', weights, '--output', half, '--dtype', 'f16']);
  expect((await stat(half)).size).toBeLessThan(0.6 * (await stat(weights)).size);
  const near = lastLine((await striate(['predict', image, '--weights', half, '--json'])).out);
  expect((near as { class: string }).class).toBe((same as { class: string }).class);
  const named = join(folder, 'named');
  await striate(['export', weights, '--output', named, '--format', 'onnx', '--opset', '21']);
  expect((await readModel(named)).opsets).toEqual({ '': 21 });
});

test('errors are one line on standard error, and the exit status 1', async () => {
  const foreign = join(folder, 'foreign.onnx');
  await io.saveOnnx(new nn.Sequential(new nn.Flatten(), new nn.Linear(12, 2)), foreign, {
    inputShape: [2, 2, 3],
  });
  const wrong: [string[], RegExp][] = [
    [['export', weights], /--output/],
    [['export', join(folder, 'none'), '--output', 'x.onnx'], /none/],
    [['export', foreign, '--output', 'x.onnx'], /is ONNX, wants a file of striate train/],
    [['export', weights, '--output', 'x.onnx', '--opset', '3'], /whole number from 17/],
    [['export', weights, '--output', join(folder, 'none', 'x.onnx')], /x\.onnx/],
    [['export', weights, '--output', 'x.safetensors', '--opset', '17'], /--opset is of ONNX/],
    [['export', weights, '--output', 'x.onnx', '--dtype', 'f16'], /--dtype is of safetensors/],
    [['predict', image, '--model', foreign], /foreign\.onnx: does not say which network it is for/],
    [['predict', image, '--model', weights], /loadOnnx: .*digits\.safetensors/],
    [['predict', image], /--weights or --model, one of the two/],
    [['predict', image, '--model', foreign, '--weights', weights], /--weights or --model, one of the two/],
  ];
  for (const [args, message] of wrong) {
    const { code, err, out } = await striate(args);
    expect([args.join(' '), code, out]).toEqual([args.join(' '), 1, '']);
    expect(err).toMatch(message);
    expect(err).not.toContain('    at ');
  }
});
