import { describe } from '../describe.js';

/** Refuses sizes of a layer that are no whole numbers from 1 on. */
export function requireSizes(layer: string, sizes: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) continue;
    const kind = typeof value === 'number' ? RangeError : TypeError;
    throw new kind(`${layer}: ${name} is ${describe(value)}, wants a whole number from 1 on`);
  }
}

/** Refuses sizes of a convolution that are none, and groups that do not divide its channels. */
export function requireChannels(
  layer: string,
  inChannels: number,
  outChannels: number,
  kernelSize: readonly number[],
  groups: number,
): void {
  requireSizes(layer, { inChannels, outChannels, groups });
  for (const kernel of kernelSize) requireSizes(layer, { kernelSize: kernel });
  for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
    if (channels % groups === 0) continue;
    throw new RangeError(`${layer}: ${name} is ${channels}, wants a multiple of groups, ${groups}`);
  }
}
