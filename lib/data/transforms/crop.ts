import { describe } from '../../describe.js';
import { channelList, type PerChannel } from '../../ops/channels.js';
import type { PaddingMode } from '../../ops/crop.js';
import { pair, sides, type Pair } from '../../ops/pair.js';
import { forSamples } from './random.js';
import type { Draws } from './transform.js';
import { WindowTransform, type WindowPlan } from './window.js';

export interface PaddingOptions {
  /** The value around images, for all channels or for each, on the scale of the images. Default: 0. */
  fill?: PerChannel | undefined;
  /** What lies beyond images: `fill`, or their own pixels. Default: 'constant'. */
  paddingMode?: PaddingMode | undefined;
}

export interface RandomCropOptions extends PaddingOptions {
  /** Pixels around images: a number, [height, width] or [top, bottom, left, right]. Default: 0. */
  padding?: Pair | readonly [number, number, number, number] | undefined;
  /** Whether smaller images are padded as far as they must be. Default: false. */
  padIfNeeded?: boolean | undefined;
}

/** Height and width of windows. */
export function windowSize(transform: string, size: unknown): readonly [number, number] {
  const both = pair(transform, 'size', size as Pair);
  for (const extent of both) {
    if (!Number.isInteger(extent) || extent < 1 || extent > 2 ** 31 - 1) {
      throw new RangeError(`${transform}: size is ${describe(size)}, wants whole numbers from 1 on`);
    }
  }
  return both;
}

function paddingSides(transform: string, padding: RandomCropOptions['padding']): readonly number[] {
  const four = sides(transform, padding ?? 0);
  if (four.some((side) => !Number.isInteger(side) || side < 0 || side > 2 ** 24)) {
    throw new RangeError(
      `${transform}: padding is ${describe(padding)}, wants whole numbers from 0 to ${2 ** 24}`,
    );
  }
  return four;
}

function checkedPadding(
  transform: string,
  { fill = 0, paddingMode = 'constant' }: PaddingOptions,
): { fill: PerChannel; paddingMode: PaddingMode } {
  channelList(transform, 'fill', fill);
  if (!['constant', 'edge', 'reflect', 'symmetric'].includes(paddingMode)) {
    const given = describe(paddingMode);
    throw new RangeError(
      `${transform}: paddingMode is ${given}, wants 'constant', 'edge', 'reflect' or 'symmetric'`,
    );
  }
  return { fill, paddingMode };
}

/**
 * A window of each image at a random place, all places as likely: [N, H, W, C] → [N, *size, C]. With padding as the
 * networks for CIFAR have it: `new RandomCrop(32, { padding: 4 })`.
 *
 * @throws RangeError, when applied, for images that are smaller than the window
 */
export class RandomCrop extends WindowTransform {
  readonly size: readonly [number, number];
  readonly padding: readonly number[];
  readonly padIfNeeded: boolean;
  readonly #beyond: { fill: PerChannel; paddingMode: PaddingMode };

  constructor(size: Pair, { padding = 0, padIfNeeded = false, ...beyond }: RandomCropOptions = {}) {
    super();
    this.size = windowSize('RandomCrop', size);
    this.padding = paddingSides('RandomCrop', padding);
    if (typeof padIfNeeded !== 'boolean') {
      throw new TypeError(`RandomCrop: padIfNeeded is ${describe(padIfNeeded)}, wants true or false`);
    }
    this.padIfNeeded = padIfNeeded;
    this.#beyond = checkedPadding('RandomCrop', beyond);
  }

  override join(plan: WindowPlan, draws: Draws): boolean {
    if (!plan.choose(this.size, this.#beyond)) return false;
    const [top = 0, bottom = 0, left = 0, right = 0] = this.padding;
    const vertical = this.#places(plan.height, top, bottom, this.size[0]);
    const horizontal = this.#places(plan.width, left, right, this.size[1]);
    forSamples(draws, (random, i) => {
      plan.windows[4 * i] = vertical.first + random.below(vertical.count);
      plan.windows[4 * i + 1] = horizontal.first + random.below(horizontal.count);
    });
    return true;
  }

  /** Where a window may begin along an axis. */
  #places(extent: number, before: number, after: number, size: number): { first: number; count: number } {
    const room = before + extent + after - size;
    if (room >= 0) return { first: -before, count: room + 1 };
    if (this.padIfNeeded) return { first: -before + room, count: 1 - room };
    throw new RangeError(
      `RandomCrop: size is [${this.size.join(', ')}], an axis of the images has ${extent} pixels and ${before + after} of padding`,
    );
  }
}

/** The window at the centre of each image; where that is smaller, it is padded with zeros. */
export class CenterCrop extends WindowTransform {
  readonly size: readonly [number, number];

  constructor(size: Pair) {
    super();
    this.size = windowSize('CenterCrop', size);
  }

  override join(plan: WindowPlan): boolean {
    if (!plan.choose(this.size, { paddingMode: 'constant', fill: 0 })) return false;
    const first = (extent: number, size: number) => {
      const half = Math.floor((extent - size) / 2);
      // What is odd goes to the even place, as Python rounds; padding has less before than after.
      return (extent - size) % 2 !== 0 && (extent < size || half % 2 !== 0) ? half + 1 : half;
    };
    const [top, left] = [first(plan.height, this.size[0]), first(plan.width, this.size[1])];
    for (let i = 0; i < plan.windows.length; i += 4) {
      plan.windows[i] = top;
      plan.windows[i + 1] = left;
    }
    return true;
  }
}

/** Images with pixels around them. */
export class Pad extends WindowTransform {
  readonly padding: readonly number[];
  readonly #beyond: { fill: PerChannel; paddingMode: PaddingMode };

  /** @param padding a number, [height, width] or [top, bottom, left, right] */
  constructor(padding: Pair | readonly [number, number, number, number], options: PaddingOptions = {}) {
    super();
    this.padding = paddingSides('Pad', padding);
    this.#beyond = checkedPadding('Pad', options);
  }

  override join(plan: WindowPlan): boolean {
    const [top = 0, bottom = 0, left = 0, right = 0] = this.padding;
    const size = [top + plan.height + bottom, left + plan.width + right] as const;
    if (!plan.choose(size, this.#beyond)) return false;
    for (let i = 0; i < plan.windows.length; i += 4) {
      plan.windows[i] = -top;
      plan.windows[i + 1] = -left;
    }
    return true;
  }
}
