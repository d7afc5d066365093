import { describe, expect, test } from 'vitest';
import { Series } from '../../lib/report/series.js';
import { noise } from '../check.js';

describe('Series', () => {
  test('holds what it is given, up to its capacity', () => {
    const series = new Series(10);
    for (let i = 1; i <= 9; i++) series.add(i, i * i);
    expect(series.x).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(series.y).toEqual([1, 4, 9, 16, 25, 36, 49, 64, 81]);
    expect([series.stride, series.last]).toEqual([1, 81]);
  });

  test('then each point is the mean of as many values as it takes, none is left out', () => {
    const series = new Series(10);
    const values = noise(1000, 4);
    for (const [i, value] of values.entries()) {
      series.add(i + 1, value);
      expect(series.x.length).toBeLessThan(10);
      expect(series.y.length).toBe(series.x.length);
    }
    const { stride } = series;
    expect(stride).toBe(128);
    expect(series.x).toEqual(Array.from({ length: 7 }, (_, k) => (k + 1) * stride));
    for (const [k, mean] of series.y.entries()) {
      const part = values.subarray(k * stride, (k + 1) * stride);
      expect(mean).toBeCloseTo(part.reduce((sum, value) => sum + value, 0) / stride, 6);
    }
  });

  test('stays bounded over millions of values', () => {
    const series = new Series();
    for (let i = 1; i <= 3_000_000; i++) series.add(i, 1);
    expect(series.x.length).toBeLessThan(2000);
    expect(series.x.length).toBeGreaterThanOrEqual(1000);
    expect(series.y.every((value) => value === 1)).toBe(true);
  });

  test('what is not finite is a gap, or counts for nothing beside what is', () => {
    const series = new Series(4);
    for (const [i, value] of [NaN, Infinity, 3].entries()) series.add(i, value);
    expect([series.y, series.last]).toEqual([[null, null, 3], 3]);
    series.add(3, NaN);
    expect([series.y, series.last]).toEqual([[null, 3], 3]);
    series.add(4, 5);
    series.add(5, -Infinity);
    expect(series.y).toEqual([null, 3, 5]);
    expect(new Series().last).toBeNull();
  });
});
