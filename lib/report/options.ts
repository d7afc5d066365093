import { describe } from '../describe.js';
import type { RecorderOptions } from './recorder.js';

/** What a dashboard and a report have in common. */
export interface ReportOptions {
  /** What the page is headed with. Default: the name of the model's class. */
  title?: string | undefined;
  /**
   * Samples of the validation data (without it, of the training data) that predictions are shown for, taken evenly; fewer
   * where they would take more than 64 MiB. 0: no predictions. Default: 1000.
   */
  samples?: number | undefined;
}

/** @throws TypeError, RangeError that begin with `caller` */
export function checkedReportOptions(
  caller: string,
  { title, samples = 1000 }: ReportOptions,
): RecorderOptions {
  if (title !== undefined && typeof title !== 'string') {
    throw new TypeError(`${caller}: title is ${describe(title)}, wants text`);
  }
  if (!Number.isInteger(samples) || samples < 0) {
    throw new RangeError(`${caller}: samples is ${describe(samples)}, wants a whole number from 0 on`);
  }
  return { title, samples };
}
