import { describe } from '../describe.js';
import { tensor } from './creation.js';
import type { Tensor } from '../tensor.js';

/** A value for all channels, or one for each. */
export type PerChannel = number | readonly number[];

/** The values as a list of finite numbers. */
export function channelList(operation: string, name: string, values: unknown): readonly number[] {
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  if (list.length > 0 && list.every((value) => typeof value === 'number' && Number.isFinite(value))) {
    return list as readonly number[];
  }
  const error = list.every((value) => typeof value === 'number') ? RangeError : TypeError;
  throw new error(
    `${operation}: ${name} is ${describe(values)}, wants a finite number, or one for each channel`,
  );
}

/** The values as a tensor [channels]. */
export function perChannel(operation: string, name: string, values: PerChannel, channels: number): Tensor {
  const list = channelList(operation, name, values);
  if (list.length !== 1 && list.length !== channels) {
    throw new RangeError(
      `${operation}: ${name} has ${list.length} values, wants one, or one for each of ${channels} channels`,
    );
  }
  return tensor(Float32Array.from({ length: channels }, (_, c) => list[c % list.length]!));
}
