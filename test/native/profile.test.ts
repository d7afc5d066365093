import { afterEach, describe, expect, it } from 'vitest';
import type { ProfileEntry } from '../../lib/index.js';
import { native, StriateError } from '../../lib/native.js';
import { add, conv2d, gather, matmul, square } from '../../lib/ops/index.js';
import { ones, zeros } from '../../lib/ops/creation.js';
import { profile } from '../../lib/profile.js';
import { express, synchronize } from '../../lib/tensor.js';
import { f32, i32 } from '../check.js';
import { runChild } from './child.js';

const names = (entries: ProfileEntry[]) => entries.map(({ operation }) => operation);

describe('profile', () => {
  it('has each operation in the order in which it ran, with its shapes', async () => {
    const x = ones([2, 5, 6, 3]);
    const weight = ones([3, 2, 3, 4]);
    const bias = zeros([4]);
    const entries = await profile(() => {
      const y = conv2d(x, weight, bias, { stride: 2 });
      return add(square(y), bias).data();
    });
    expect(entries.map(({ operation, detail }) => [operation, detail])).toEqual([
      ['conv2d', '[2, 5, 6, 3] [3, 2, 3, 4] [4] → [2, 2, 3, 4]'],
      ['square', '[2, 2, 3, 4] → [2, 2, 3, 4]'],
      ['add', '[2, 2, 3, 4] [4] → [2, 2, 3, 4]'],
      ['data', ''],
    ]);
  });

  it('tells times that follow on each other, and that sum up to what passes', async () => {
    const x = ones([400, 400]);
    const start = performance.now();
    const entries = await profile(() => {
      for (let i = 0; i < 5; i++) matmul(x, x).dispose();
    });
    const passed = (performance.now() - start) * 1e6;
    expect(entries).toHaveLength(5);
    let last = 0;
    for (const { startNs, endNs } of entries) {
      expect(startNs).toBeGreaterThanOrEqual(last);
      expect(endNs).toBeGreaterThan(startNs);
      last = endNs;
    }
    expect(last).toBeLessThanOrEqual(passed);
    // No core does a million operations in a microsecond.
    expect(last).toBeGreaterThan((5 * 2 * 400 ** 3) / 1e6);
  });

  it('holds nothing of before and nothing of after', async () => {
    const x = ones([300, 300]);
    for (let i = 0; i < 20; i++) matmul(x, x).dispose();
    expect(names(await profile(() => add(x, x)))).toEqual(['add']);
    add(x, x);
    expect(names(await profile(() => square(x)))).toEqual(['square']);
    expect(await profile(() => undefined)).toEqual([]);
  });

  it('has the express lane in it, in the order of running', async () => {
    const x = ones([300, 300]);
    await x.data();
    const entries = await profile(() => {
      for (let i = 0; i < 50; i++) matmul(x, x).dispose();
      return express(() => square(x)).data();
    });
    expect(entries).toHaveLength(52);
    expect(names(entries).indexOf('square')).toBeLessThan(51);
  });

  it('has what fails in it, too', async () => {
    const bad = gather(f32([1, 2, 3], [3]), i32([0, 7], [2]));
    const entries = await profile(() => void square(bad));
    expect(names(entries)).toEqual(['square']);
  });

  it('ends where the work throws, and throws the same', async () => {
    await expect(
      profile(() => {
        throw new Error('boom');
      }),
    ).rejects.toThrow(new Error('boom'));
    await expect(profile(() => gather(ones([1]), i32([1], [1])).data())).rejects.toThrow('index 1');
    const target = zeros([1]);
    await expect(profile(() => target.assign(gather(ones([1]), i32([1], [1]))))).rejects.toThrow('index 1');
    expect(names(await profile(() => ones([1])))).toEqual(['full']);
  });

  it('is one at a time', async () => {
    const both = [profile(() => ones([1])), profile(() => ones([2]))];
    await expect(both[1]).rejects.toThrow(new StriateError('profile: another profile is being taken'));
    expect(await both[0]).toHaveLength(1);
  });

  it('is of its own environment alone, with Workers that take theirs', async () => {
    expect(await runChild('lifecycle.mjs', ['profiles'])).toMatchObject({
      status: 0,
      stdout: '[3] [3] → [3],2000\n[4] [4] → [4],2000\nmatmul,500\n',
      stderr: '',
    });
  });
});

describe('the binding', () => {
  afterEach(() => {
    try {
      native.stopProfile();
    } catch {
      // none was left
    }
  });

  it('starts and stops once', async () => {
    expect(() => native.stopProfile()).toThrow(new StriateError('stopProfile: no profile is being taken'));
    native.startProfile();
    expect(() => native.startProfile()).toThrow(
      new StriateError('startProfile: a profile is being taken'),
    );
    ones([1]);
    await synchronize();
    expect(native.stopProfile()).toHaveLength(1);
  });

  it('gives what has run; what runs after the stop is lost', async () => {
    const x = ones([300, 300]);
    await synchronize();
    native.startProfile();
    for (let i = 0; i < 200; i++) matmul(x, x).dispose();
    const entries = native.stopProfile();
    expect(entries.length).toBeLessThan(200);
    native.startProfile();
    await synchronize();
    expect(native.stopProfile()).toEqual([]);
  });

  it('measures rates that a machine can have', async () => {
    const [gflops = 0, copy = 0, triad = 0] = await native.data(native.measurePeak(30, 1 << 16));
    expect(gflops).toBeGreaterThan(0.01);
    // Two units of sixteen lanes at 8 GHz.
    expect(gflops).toBeLessThan(native.cpuInfo().threads * 2 * 16 * 2 * 8);
    for (const rate of [copy, triad]) {
      expect(rate).toBeGreaterThan(0.01);
      expect(rate).toBeLessThan(1e5);
    }
  });

  it('refuses to measure for no time, for too long, and on no memory', () => {
    expect(() => native.measurePeak(0, 1)).toThrow(/^measurePeak: milliseconds is 0, wants/);
    expect(() => native.measurePeak(1001, 1)).toThrow(/^measurePeak: milliseconds is 1001, wants/);
    expect(() => native.measurePeak(1, 0)).toThrow(/^measurePeak: floats is 0, wants/);
    expect(() => native.measurePeak(1, 2 ** 29)).toThrow(/^measurePeak: floats is 536870912, wants/);
  });
});
