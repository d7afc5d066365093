import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { dropout, setSeed } from '../../lib/ops/creation.js';
import {
  alphaDropout,
  dropout1d,
  dropout2d,
  gaussianDropout,
  gaussianNoise,
  maskingNoise,
} from '../../lib/ops/noise.js';
import type { Shape, Tensor } from '../../lib/tensor.js';
import { expectGradients, expectSameBits, f32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

const mean = (values: Float32Array) => values.reduce((s, v) => s + v, 0) / values.length;
const variance = (values: Float32Array) => {
  const m = mean(values);
  return values.reduce((s, v) => s + (v - m) ** 2, 0) / values.length;
};

interface Layer {
  name: string;
  run: (x: Tensor, training?: boolean) => Tensor;
  shape: Shape;
}

const layers: Layer[] = [
  { name: 'dropout', run: (x, training) => dropout(x, 0.3, training, { inverted: false }), shape: [301, 7] },
  { name: 'dropout1d', run: (x, training) => dropout1d(x, 0.3, training), shape: [31, 13, 7] },
  { name: 'dropout2d', run: (x, training) => dropout2d(x, 0.3, training), shape: [17, 5, 9, 11] },
  { name: 'alphaDropout', run: (x, training) => alphaDropout(x, 0.3, training), shape: [301, 7] },
  { name: 'gaussianDropout', run: (x, training) => gaussianDropout(x, 0.3, training), shape: [301, 7] },
  { name: 'maskingNoise', run: (x, training) => maskingNoise(x, 0.3, training), shape: [301, 7] },
  { name: 'gaussianNoise', run: (x, training) => gaussianNoise(x, 0.3, training), shape: [301, 7] },
];

describe.each(layers)('$name', ({ name, run, shape }) => {
  const x = noisy(shape);

  test('draws anew in each call, after setSeed the same, with 1 and 2 threads', async () => {
    setSeed(3);
    const [first, second] = [await run(x).data(), await run(x).data()];
    expect(second).not.toEqual(first);
    setSeed(3);
    expect(await run(x).data()).toEqual(first);
    const large = noisy([shape[0]!, ...shape.slice(1, -1), 500]);
    large.requiresGrad = true;
    await expectSameBits(() => {
      setSeed(4);
      const y = run(large);
      return [y, grad(y, [large], large.detach())[0]!];
    });
  });

  test('has the gradient of what it drew', async () => {
    await expectGradients(
      (input) => {
        setSeed(5);
        return run(input);
      },
      [noisy(shape.map((extent) => Math.min(extent, 5)))],
    );
  });

  test('does nothing in use', async () => {
    const y = await run(x, false).data();
    const expected = await x.data();
    expect(y).toEqual(name === 'dropout' ? expected.map((v) => v * Math.fround(0.7)) : expected);
  });

  test('leaves nothing behind', async () => {
    await collectGarbage();
    const before = native.memory().liveTensors;
    run(x).dispose();
    run(x, false).dispose();
    const input = x.detach();
    input.requiresGrad = true;
    const y = run(input);
    const [g] = grad(y, [input], x);
    for (const tensor of [g!, y, input]) tensor.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });
});

describe('dropout in its first form', () => {
  test('leaves in training what it does not drop, and so does its gradient', async () => {
    const [data, g] = [noise(100_003), noise(100_003, 2)];
    const x = f32(data, [100_003]);
    x.requiresGrad = true;
    setSeed(1);
    const tensor = dropout(x, 0.4, true, { inverted: false });
    const y = await tensor.data();
    let dropped = 0;
    y.forEach((v, i) => {
      if (v !== data[i]) expect(v).toBe(0);
      dropped += v === 0 ? 1 : 0;
    });
    expect(Math.abs(dropped / data.length - 0.4)).toBeLessThan(0.008);
    const dx = await grad(tensor, [x], f32(g, [100_003]))[0]!.data();
    expect(dx).toEqual(g.map((v, i) => (y[i] === 0 ? 0 : v)));
    // The same places as in the inverted form.
    setSeed(1);
    const inverted = await dropout(x, 0.4).data();
    expect(inverted.map((v) => (v === 0 ? 0 : 1))).toEqual(y.map((v) => (v === 0 ? 0 : 1)));
  });

  test('multiplies in use by 1 − p, with that gradient', async () => {
    const x = f32([1, -2, 4], [3]);
    x.requiresGrad = true;
    const y = dropout(x, 0.25, false, { inverted: false });
    expect([...(await y.data())]).toEqual([0.75, -1.5, 3]);
    const dx = await grad(y, [x], f32([1, 2, 4], [3]))[0]!.data();
    expect([...dx]).toEqual([0.75, 1.5, 3]);
    expect(() => dropout(x, 2, false, { inverted: false })).toThrow(RangeError);
    expect(() => dropout(x, 0.5, true, { inverted: 1 as never })).toThrow(
      /^dropout: inverted is 1, wants true or false/,
    );
  });
});

describe.each([
  ['dropout1d', dropout1d, [200, 5, 30]],
  ['dropout2d', dropout2d, [100, 3, 2, 60]],
] as const)('%s', (name, f, shape) => {
  test('drops whole channels of samples, and scales the others', async () => {
    setSeed(2);
    const data = noise(volume(shape)).map((v) => v + 2);
    const y = await f(f32(data, shape), 0.4).data();
    const [n, channels] = [shape[0], shape.at(-1)!];
    const places = volume(shape) / n / channels;
    const scale = Math.fround(1 / 0.6);
    let dropped = 0;
    for (let sample = 0; sample < n; sample++) {
      for (let c = 0; c < channels; c++) {
        const at = Array.from({ length: places }, (_, i) => (sample * places + i) * channels + c);
        const gone = y[at[0]!] === 0;
        dropped += gone ? 1 : 0;
        for (const i of at) {
          expect(Math.abs(y[i]! - (gone ? 0 : scale * data[i]!))).toBeLessThan(1e-5);
        }
      }
    }
    expect(Math.abs(dropped / n / channels - 0.4)).toBeLessThan(0.03);
  });

  test('refuses', () => {
    expect(() => f(noisy([3, 4]))).toThrow(
      new RangeError(`${name}: input [3, 4] has 2 axes, wants ${shape.length}: [N, …, C]`),
    );
    for (const p of [-0.1, 1.1, NaN, '0.5']) {
      expect(() => f(noisy(shape.map(() => 2)), p as number)).toThrow(`${name}: p is`);
    }
    expect(() => f(3 as never)).toThrow(TypeError);
  });
});

describe('alphaDropout', () => {
  test.each([0.1, 0.5, 0.9])('with p = %d keeps a mean of 0 and a variance of 1', async (p) => {
    setSeed(6);
    const n = 400_000;
    const x = native.normal([n], 0, 1, 7, 7);
    const normal = f32(native.dataSync(x), [n]);
    const y = await alphaDropout(normal, p).data();
    expect(Math.abs(mean(y))).toBeLessThan(0.02);
    expect(Math.abs(variance(y) - 1)).toBeLessThan(0.03);
    const a = 1 / Math.sqrt((1 - p) * (1 + p * 1.7580993408473766 ** 2));
    const low = a * -1.7580993408473766 * (1 - p);
    const dropped = y.filter((v) => Math.abs(v - low) < 1e-6).length;
    expect(Math.abs(dropped / n - p)).toBeLessThan(0.005);
  });

  test('at the ends', async () => {
    const x = noisy([50]);
    expect(await alphaDropout(x, 0).data()).toEqual(await x.data());
    expect((await alphaDropout(x, 1).data()).every((v) => Math.abs(v) === 0)).toBe(true);
    expect(() => alphaDropout(x, 2)).toThrow(/^alphaDropout: p is 2/);
  });
});

describe('noise', () => {
  test('adds what is normal, with a deviation', async () => {
    setSeed(7);
    const data = noise(200_003);
    const y = await gaussianNoise(f32(data, [200_003]), 0.25).data();
    const added = y.map((v, i) => v - data[i]!);
    expect(Math.abs(mean(added))).toBeLessThan(0.003);
    expect(Math.abs(variance(added) / 0.0625 - 1)).toBeLessThan(0.02);
    for (const std of [-1, NaN, Infinity, '1']) {
      expect(() => gaussianNoise(noisy([2]), std as number)).toThrow(/^gaussianNoise: std is/);
    }
  });

  test('multiplies by what is normal, with the variance of dropout’s factors', async () => {
    setSeed(8);
    const y = await gaussianDropout(f32(new Float32Array(200_003).fill(2), [200_003]), 0.2).data();
    expect(Math.abs(mean(y) - 2)).toBeLessThan(0.01);
    expect(Math.abs(variance(y) / (4 * 0.25) - 1)).toBeLessThan(0.02);
    for (const p of [-0.1, 1, NaN]) expect(() => gaussianDropout(noisy([2]), p)).toThrow(RangeError);
  });
});
