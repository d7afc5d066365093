import { describe, test } from 'vitest';
import { noise } from '../check.js';
import { expectDefinition, type Case } from './convDefinition.js';

/** Multiplications that a case may take, for the definition's sake. */
const most = 300_000;

/** The case of a seed: sizes at random, halved until the definition is quick. */
function caseOf(seed: number): Case {
  const numbers = noise(64, seed + 1000);
  let drawn = 0;
  /** From least to most, both included. */
  const int = (least: number, most: number) =>
    least + Math.min(most - least, Math.floor(((numbers[drawn++]! + 1) / 2) * (most - least + 1)));
  const chance = (percent: number) => int(1, 100) <= percent;
  const pairOf = (least: number, most: number): [number, number] => [int(least, most), int(least, most)];

  const kernel = chance(50) ? pairOf(1, 4) : pairOf(1, 11);
  const stride: [number, number] = chance(50) ? [1, 1] : pairOf(1, 4);
  const dilation: [number, number] = chance(60) ? [1, 1] : pairOf(1, 3);
  const padding = [...pairOf(0, kernel[0]), ...pairOf(0, kernel[1])] as [number, number, number, number];
  const reach = [0, 1].map((axis) => dilation[axis]! * (kernel[axis]! - 1) + 1);
  const least = reach.map((r, axis) => Math.max(1, r - padding[2 * axis]! - padding[2 * axis + 1]!));
  const side = least.map((l) => int(Math.min(l, 40), 40)) as [number, number];
  const kind = int(0, 3);
  const groups = kind === 0 ? int(2, 70) : kind === 1 ? int(2, 12) : 1;
  let channels = kind === 0 ? 1 : kind === 1 ? int(1, 9) : int(1, 70);
  let outputs = kind === 0 ? int(1, 3) : kind === 1 ? int(1, 9) : int(1, 70);
  let images = int(1, 5);
  const work = () => {
    const [oh, ow] = [0, 1].map(
      (axis) =>
        Math.floor(
          (side[axis]! + padding[2 * axis]! + padding[2 * axis + 1]! - reach[axis]!) / stride[axis]!,
        ) + 1,
    ) as [number, number];
    return images * oh * ow * kernel[0] * kernel[1] * groups * channels * outputs;
  };
  while (work() > most) {
    if (images > 1) images--;
    else if (side[0] > least[0]!) side[0] = Math.max(least[0]!, side[0] >> 1);
    else if (side[1] > least[1]!) side[1] = Math.max(least[1]!, side[1] >> 1);
    else if (channels > 1) channels >>= 1;
    else if (outputs > 1) outputs >>= 1;
    else break;
  }
  return {
    images,
    side,
    channels: groups * channels,
    outputs: groups * outputs,
    kernel,
    stride,
    padding,
    dilation,
    groups,
    bias: chance(50),
    residual: chance(40),
    relu: chance(30),
  };
}

const cases = Array.from({ length: 120 }, (_, seed): [string, Case] => {
  const c = caseOf(seed);
  return [`seed ${seed}: ${JSON.stringify(c)}`, c];
});

describe('conv2d at random agrees with the definition, forward and backward', () => {
  test.each(cases)('%s', async (_, c) => {
    await expectDefinition(c, 5e-6);
  });
});
