import { expect, test } from 'vitest';
import { crc32c } from '../../lib/io/crc32c.js';
import { eventFileHeader, eventRecord } from '../../lib/io/eventFile.js';
import { eventsOf } from './events.js';

test('CRC-32C has the answers of RFC 3720', () => {
  const of = (make: (i: number) => number) => crc32c(Uint8Array.from({ length: 32 }, (_, i) => make(i)));
  expect(of(() => 0)).toBe(0x8a9136aa);
  expect(of(() => 0xff)).toBe(0x62a8ab43);
  expect(of((i) => i)).toBe(0x46dd794e);
  expect(of((i) => 31 - i)).toBe(0x113fdb5c);
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});

test('events are read back by others as they were', () => {
  const histogram = {
    ...{ min: -1.5, max: 2, count: 3, sum: 0.5, sumSquares: 6.5 },
    ...{ bucketLimits: [-1, 0, 2], buckets: [1, 0, 2] },
  };
  const file = Buffer.concat([
    eventFileHeader(1e9 + 0.5),
    eventRecord({ wallTime: 1.25, step: 0, values: {} }),
    eventRecord({
      wallTime: 2.5,
      step: 2 ** 40 + 129,
      values: { 'batch/loss': 0.1, Genauigkeit: -Infinity },
    }),
    eventRecord({ wallTime: 3, step: 127, values: { größe: histogram, nan: NaN, large: 1e39 } }),
  ]);
  expect(eventsOf(file)).toEqual([
    { wallTime: 1e9 + 0.5, fileVersion: 'brain.Event:2', values: [] },
    { wallTime: 1.25, step: 0, values: [] },
    {
      wallTime: 2.5,
      step: 2 ** 40 + 129,
      values: [
        { tag: 'batch/loss', simpleValue: Math.fround(0.1) },
        { tag: 'Genauigkeit', simpleValue: -Infinity },
      ],
    },
    {
      wallTime: 3,
      step: 127,
      values: [
        {
          tag: 'größe',
          histogram: {
            ...{ min: -1.5, max: 2, num: 3, sum: 0.5, sumSquares: 6.5 },
            ...{ bucketLimit: [-1, 0, 2], bucket: [1, 0, 2] },
          },
        },
        { tag: 'nan', simpleValue: NaN },
        { tag: 'large', simpleValue: Infinity },
      ],
    },
  ]);
});
