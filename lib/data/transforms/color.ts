import { adjustColors, rgbToGrayscale } from '../../ops/color.js';
import type { Tensor } from '../../tensor.js';
import { forSamples } from './random.js';
import {
  floats,
  imagesOf,
  InputTransform,
  integers,
  requireNumber,
  requireProbability,
  requireRange,
  type Draws,
} from './transform.js';

export interface ColorJitterOptions {
  /** Factor of brightness: b for [max(0, 1 − b), 1 + b], or [least, most]. Default: none. */
  brightness?: number | readonly [number, number] | undefined;
  /** Factor of contrast, likewise. Default: none. */
  contrast?: number | readonly [number, number] | undefined;
  /** Factor of saturation, likewise. Default: none. */
  saturation?: number | readonly [number, number] | undefined;
  /** What is added to the hue, in turns: h for [−h, h], at most ½, or [least, most]. Default: none. */
  hue?: number | readonly [number, number] | undefined;
}

/** The range that is drawn from; none where nothing changes. */
function rangeOf(
  name: string,
  value: number | readonly [number, number],
  centre: number,
  least: number,
  most: number,
): readonly [number, number] | null {
  let range: unknown = value;
  if (typeof value === 'number') {
    requireNumber('ColorJitter', name, value, 0);
    range = [centre === 1 ? Math.max(least, centre - value) : centre - value, centre + value];
  }
  requireRange('ColorJitter', name, range, least, most);
  return range[0] === centre && range[1] === centre ? null : range;
}

/** In adjustColors' numbering: what leaves a place of the order free. */
const nothing = 4;

/**
 * Images [N, H, W, 1 or 3] in [0, 1] with brightness, contrast, saturation and hue changed, by what is drawn for each and
 * in an order that is drawn for each; see {@link ops.adjustColors} for the formulas.
 */
export class ColorJitter extends InputTransform {
  /** What each of the four is drawn from, in adjustColors' order. */
  readonly ranges: readonly (readonly [number, number] | null)[];

  constructor({ brightness = 0, contrast = 0, saturation = 0, hue = 0 }: ColorJitterOptions = {}) {
    super();
    const factors = Object.entries({ brightness, contrast, saturation });
    this.ranges = [
      ...factors.map(([name, value]) => rangeOf(name, value, 1, 0, 1e6)),
      rangeOf('hue', hue, 0, -0.5, 0.5),
    ];
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples] = imagesOf('ColorJitter', x, draws.indices.length);
    const factors = new Float32Array(4 * samples);
    const order = new Int32Array(4 * samples);
    forSamples(draws, (random, i) => {
      // All is drawn always: what is left out changes nothing of the rest.
      for (let k = 0; k < 4; k++) {
        const at = random.below(k + 1);
        order[4 * i + k] = order[4 * i + at]!;
        order[4 * i + at] = k;
      }
      for (let k = 0; k < 4; k++) {
        const [least, most] = this.ranges[k] ?? [0, 0];
        factors[4 * i + k] = random.uniform(least, most);
        const kind = order[4 * i + k]!;
        if (this.ranges[kind] === null) order[4 * i + k] = nothing;
      }
    });
    using by = floats(factors, [samples, 4]);
    using turns = integers(order, [samples, 4]);
    return adjustColors(x, by, turns);
  }
}

/** Images of red, green and blue in grey: [N, H, W, 3] → [N, H, W, numOutputChannels]. */
export class Grayscale extends InputTransform {
  readonly numOutputChannels: 1 | 3;

  /** @param numOutputChannels 1, or 3 for the same value three times. Default: 1. */
  constructor(numOutputChannels: 1 | 3 = 1) {
    super();
    if (numOutputChannels !== 1 && numOutputChannels !== 3) {
      throw new RangeError(`Grayscale: numOutputChannels is ${String(numOutputChannels)}, wants 1 or 3`);
    }
    this.numOutputChannels = numOutputChannels;
  }

  protected override change(x: Tensor, { indices }: Draws): Tensor {
    imagesOf('Grayscale', x, indices.length);
    return rgbToGrayscale(x, this.numOutputChannels);
  }
}

/** Images in grey, each with probability p; they keep their three channels. */
export class RandomGrayscale extends InputTransform {
  readonly p: number;

  /** @param p Default: 0.1. */
  constructor(p = 0.1) {
    super();
    requireProbability('RandomGrayscale', 'p', p);
    this.p = p;
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples] = imagesOf('RandomGrayscale', x, draws.indices.length);
    const order = new Int32Array(4 * samples).fill(nothing);
    forSamples(draws, (random, i) => {
      if (random.chance(this.p)) order[4 * i] = 2;
    });
    using factors = floats(new Float32Array(4 * samples), [samples, 4]);
    using turns = integers(order, [samples, 4]);
    return adjustColors(x, factors, turns);
  }
}
