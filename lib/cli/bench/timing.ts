import type { Handle } from '../../../binding.js';
import { native } from '../../native.js';
import { synchronize } from '../../tensor.js';

/** Fewer measurements make no median; steps of a large network take seconds each. */
const leastRuns = 5;
export const leastSteps = 3;
/** A measurement lasts so many milliseconds at least, beside which the way there and back is nothing. */
const wanted = 2;
/** The queue holds 4096 commands; a caller who fills it is timed too. */
const most = 1000;

/** The median. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

export function rounded(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}

/**
 * The median time in milliseconds of a native operation alone. Its results are disposed as soon as they are asked for, so
 * that each run gets the block of the one before. Short ones are put on the queue many at a time. `before` comes before
 * each measurement and is not measured.
 */
export async function timeOperation(
  operation: () => Handle | readonly (Handle | null)[] | undefined,
  seconds: number,
  before?: () => void,
): Promise<number> {
  const run = async (times: number): Promise<number> => {
    if (before) {
      before();
      await native.synchronize();
    }
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const results = operation();
      if (typeof results === 'number') native.dispose(results);
      else if (results !== undefined)
        for (const result of results) if (result !== null) native.dispose(result);
    }
    await native.synchronize();
    return (performance.now() - start) / times;
  };
  await run(1);
  const once = Math.min(await run(1), await run(1));
  const atOnce = Math.min(most, Math.max(1, Math.ceil(wanted / Math.max(once, 1e-3))));
  const times: number[] = [];
  const start = performance.now();
  while (times.length < leastRuns || performance.now() - start < seconds * 1000)
    times.push(await run(atOnce));
  return median(times);
}

/**
 * The median time in milliseconds from one call's end to the next one's, with two on their way as in training, so that
 * JavaScript's part runs beside the compute thread's.
 */
export async function timeSteps(step: () => void, seconds: number): Promise<number> {
  const times: number[] = [];
  const pending: Promise<void>[] = [];
  step();
  await synchronize();
  const start = performance.now();
  let last = start;
  while (last - start < seconds * 1000 || times.length < leastSteps) {
    step();
    pending.push(synchronize());
    if (pending.length < 2) continue;
    await pending.shift();
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  await Promise.all(pending);
  return median(times);
}
