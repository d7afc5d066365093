import { StriateError } from '../native.js';
import { valuesOf, type EpochRecord } from './history.js';

/**
 * What of an epoch's record is watched: 'loss', 'validationLoss', or a metric by its name, on the validation data with that
 * before it, as in 'accuracy' and 'validationAccuracy'.
 */
export type Monitored = 'loss' | 'validationLoss' | 'accuracy' | 'validationAccuracy' | (string & {});

/** Whether small values of it are good, as of losses and errors, or large ones. */
export function modeOf(monitor: Monitored): 'min' | 'max' {
  return /(loss|mse|mae|error)$/i.test(monitor) ? 'min' : 'max';
}

/** Whether a value is better than the best so far (null: there is none) by more than minDelta; NaN never is. */
export function improves(mode: 'min' | 'max', value: number, best: number | null, minDelta = 0): boolean {
  if (best === null) return !Number.isNaN(value);
  return mode === 'min' ? value < best - minDelta : value > best + minDelta;
}

/**
 * The value that is watched.
 *
 * @throws StriateError that begins with `caller` where the record lacks it
 */
export function monitoredValue(caller: string, record: EpochRecord, monitor: Monitored): number {
  const values = valuesOf(record);
  const value = values[monitor];
  if (value !== undefined) return value;
  const lacking =
    monitor.startsWith('validation') && !record.validation ? '; give fit() validation data' : '';
  const known = Object.keys(values).join(', ');
  throw new StriateError(`${caller}: epochs have no ${monitor}, only ${known}${lacking}`);
}
