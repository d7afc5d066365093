import { describe } from '../../describe.js';
import { channelList, type PerChannel } from '../../ops/channels.js';
import { affine, requireInterpolation, type AffineOptions } from '../../ops/warp.js';
import type { Tensor } from '../../tensor.js';
import { forSamples } from './random.js';
import { floats, imagesOf, InputTransform, requireNumber, requireRange, type Draws } from './transform.js';

export interface RandomAffineOptions extends Omit<AffineOptions, 'size'> {
  /** The most that an image moves to each side, as shares of its width and its height. Default: it does not. */
  translate?: readonly [horizontal: number, vertical: number] | undefined;
  /** The least and the largest magnification; below 1 images become smaller. Default: none. */
  scale?: readonly [number, number] | undefined;
  /**
   * Degrees by which vertical lines are tilted, and horizontal ones where there are four numbers: s for [−s, s] of the
   * first, [least, most], or [least, most, least, most]. Default: none.
   */
  shear?: number | readonly [number, number] | readonly [number, number, number, number] | undefined;
}

/** What has been drawn for one image; angles in degrees, translations in pixels. */
export interface AffineMove {
  angle: number;
  translate: readonly [x: number, y: number];
  scale: number;
  shear: readonly [x: number, y: number];
}

/**
 * [a, b, c, d, e, f] of the map from places of the result to those of the image, for an image of this size: around its
 * centre the image is sheared, turned clockwise and magnified, and then moved. With R the rotation by the angle less the
 * vertical shear (y), S that by the horizontal one (x), forward it is
 * scale·[[cos(angle − y), −cos(angle − y)·tan x − sin(angle)·cos y], [sin(angle − y), cos(angle)·cos y −
 * sin(angle − y)·tan x]]/cos y, as torchvision has it.
 */
export function affineMatrix(
  { angle, translate, scale, shear }: AffineMove,
  height: number,
  width: number,
): [number, number, number, number, number, number] {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const [turn, x, y] = [radians(angle), radians(shear[0]), radians(shear[1])];
  const cosine = Math.cos(turn - y) / Math.cos(y);
  const sine = Math.sin(turn - y) / Math.cos(y);
  const forward = [
    scale * cosine,
    scale * (-cosine * Math.tan(x) - Math.sin(turn)),
    scale * sine,
    scale * (-sine * Math.tan(x) + Math.cos(turn)),
  ] as const;
  const determinant = forward[0] * forward[3] - forward[1] * forward[2];
  const [a, b] = [forward[3] / determinant, -forward[1] / determinant];
  const [d, e] = [-forward[2] / determinant, forward[0] / determinant];
  const centre = [(width - 1) / 2, (height - 1) / 2] as const;
  const from = [centre[0] + translate[0], centre[1] + translate[1]] as const;
  return [
    a, b, centre[0] - a * from[0] - b * from[1],
    d, e, centre[1] - d * from[0] - e * from[1],
  ]; // prettier-ignore
}

/** −n to n for a number, or the range given. */
function around(transform: string, name: string, value: unknown): readonly [number, number] {
  if (typeof value === 'number') {
    requireNumber(transform, name, value, 0);
    return [-value, value];
  }
  requireRange(transform, name, value);
  return value;
}

interface Warping {
  interpolation: 'nearest' | 'bilinear';
  paddingMode: 'constant' | 'edge';
  fill: PerChannel;
}

function checkedWarping(transform: string, options: Omit<AffineOptions, 'size'>): Warping {
  const { interpolation = 'nearest', paddingMode = 'constant', fill = 0 } = options;
  requireInterpolation(transform, interpolation);
  channelList(transform, 'fill', fill);
  if (paddingMode !== 'constant' && paddingMode !== 'edge') {
    throw new TypeError(`${transform}: paddingMode is ${describe(paddingMode)}, wants 'constant' or 'edge'`);
  }
  return { interpolation, paddingMode, fill };
}

/**
 * Images turned, moved, magnified and sheared around their centres, each by what is drawn for it, in one pass. A random
 * zoom is `new RandomAffine(0, { scale: [0.8, 1.2] })`, a random translation `new RandomAffine(0, { translate: [0.1, 0.1] })`.
 */
export class RandomAffine extends InputTransform {
  readonly degrees: readonly [number, number];
  readonly translate: readonly [number, number];
  readonly scale: readonly [number, number];
  /** Least and most of x, least and most of y. */
  readonly shear: readonly [number, number, number, number];
  readonly #how: Warping;

  /** @param degrees clockwise: d for [−d, d], or [least, most] */
  constructor(degrees: number | readonly [number, number], options: RandomAffineOptions = {}) {
    super();
    const { translate = [0, 0], scale = [1, 1], shear = 0, ...how } = options;
    this.degrees = around('RandomAffine', 'degrees', degrees);
    const shares: readonly unknown[] = Array.isArray(translate) ? translate : [];
    if (shares.length !== 2) {
      throw new TypeError(
        `RandomAffine: translate is ${describe(translate)}, wants [horizontal, vertical] from 0 to 1`,
      );
    }
    for (const share of shares) requireNumber('RandomAffine', 'translate', share, 0, 1);
    this.translate = translate;
    requireRange('RandomAffine', 'scale', scale, 1e-6, 1e6);
    this.scale = scale;
    const both = Array.isArray(shear) && shear.length === 4;
    const x = around('RandomAffine', 'shear', both ? shear.slice(0, 2) : shear);
    const y = around('RandomAffine', 'shear', both ? shear.slice(2) : 0);
    for (const angle of [...x, ...y]) requireNumber('RandomAffine', 'shear', angle, -89, 89);
    this.shear = [...x, ...y];
    this.#how = checkedWarping('RandomAffine', how);
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples, height, width] = imagesOf('RandomAffine', x, draws.indices.length);
    const [leastX, mostX, leastY, mostY] = this.shear;
    const matrices = new Float32Array(6 * samples);
    forSamples(draws, (random, i) => {
      const angle = random.uniform(...this.degrees);
      const moved = (share: number, extent: number) =>
        Math.round(random.uniform(-share * extent, share * extent));
      const translate = [moved(this.translate[0], width), moved(this.translate[1], height)] as const;
      const scale = random.uniform(...this.scale);
      const shear = [random.uniform(leastX, mostX), random.uniform(leastY, mostY)] as const;
      matrices.set(affineMatrix({ angle, translate, scale, shear }, height, width), 6 * i);
    });
    using maps = floats(matrices, [samples, 2, 3]);
    return affine(x, maps, this.#how);
  }
}

/** Images turned around their centres, each by an angle drawn for it; their size stays. */
export class RandomRotation extends InputTransform {
  readonly degrees: readonly [number, number];
  readonly #how: Warping;

  /** @param degrees counterclockwise: d for [−d, d], or [least, most] */
  constructor(degrees: number | readonly [number, number], options: Omit<AffineOptions, 'size'> = {}) {
    super();
    this.degrees = around('RandomRotation', 'degrees', degrees);
    this.#how = checkedWarping('RandomRotation', options);
  }

  protected override change(x: Tensor, draws: Draws): Tensor {
    const [samples, height, width] = imagesOf('RandomRotation', x, draws.indices.length);
    const matrices = new Float32Array(6 * samples);
    forSamples(draws, (random, i) => {
      const angle = -random.uniform(...this.degrees);
      const move = { angle, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
      matrices.set(affineMatrix(move, height, width), 6 * i);
    });
    using maps = floats(matrices, [samples, 2, 3]);
    return affine(x, maps, this.#how);
  }
}
