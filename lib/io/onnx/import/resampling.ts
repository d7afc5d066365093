/** How Resize computes values between places. */
export interface Sampling {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  /** Where a place of the result is in the input. */
  readonly coordinates: string;
  /** Which neighbour is the nearest. */
  readonly rounding: string;
  /** The constant of cubic convolution (Keys, 1981). */
  readonly cubic: number;
  /** Whether places beyond the input do not count; else they are those at its border. */
  readonly excludeOutside: boolean;
  /** Whether the kernel grows where the result is smaller, so that all of the input counts. */
  readonly antialias: boolean;
}

/** One axis of a Resize. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  /** The part of the input that is taken, from 0 to 1, where coordinates are of such. */
  readonly start: number;
  readonly end: number;
}

export const coordinateModes: readonly string[] = [
  'align_corners',
  'asymmetric',
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'tf_crop_and_resize',
  'tf_half_pixel_for_nn',
];

export const roundings: readonly string[] = ['ceil', 'floor', 'round_prefer_ceil', 'round_prefer_floor'];

/** Where place i of the result is in the input. */
export function origin(i: number, { from, to, scale, start, end }: Stretch, coordinates: string): number {
  const size = from * scale;
  switch (coordinates) {
    case 'align_corners':
      return size === 1 ? 0 : (i * (from - 1)) / (size - 1);
    case 'asymmetric':
      return i / scale;
    case 'half_pixel_symmetric':
      return (from / 2) * (1 - to / size) + (i + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return size === 1 ? -0.5 : (i + 0.5) / scale - 0.5;
    case 'tf_crop_and_resize':
      return size === 1
        ? ((start + end) * (from - 1)) / 2
        : start * (from - 1) + (i * (end - start) * (from - 1)) / (size - 1);
    case 'tf_half_pixel_for_nn':
      return (i + 0.5) / scale;
    default:
      return (i + 0.5) / scale - 0.5;
  }
}

function nearest(x: number, rounding: string): number {
  switch (rounding) {
    case 'ceil':
      return Math.ceil(x);
    case 'floor':
      return Math.floor(x);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** The weight of a place at distance d. */
function kernel(mode: 'linear' | 'cubic', d: number, a: number): number {
  const t = Math.abs(d);
  if (mode === 'linear') return Math.max(0, 1 - t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/** The matrix [to, from] by which an axis is resized: each place of the result is a sum of places of the input. */
export function resizeMatrix(stretch: Stretch, sampling: Sampling): Float32Array {
  const { from, to, scale } = stretch;
  const { mode, antialias, excludeOutside } = sampling;
  const matrix = new Float32Array(to * from);
  const within = (i: number) => Math.max(0, Math.min(from - 1, i));
  const squeeze = antialias ? Math.min(1, scale) : 1;
  const reach = (mode === 'cubic' ? 2 : 1) / squeeze;
  for (let i = 0; i < to; i++) {
    const x = origin(i, stretch, sampling.coordinates);
    const row = matrix.subarray(i * from, (i + 1) * from);
    if (mode === 'nearest') {
      row[within(nearest(x, sampling.rounding))] = 1;
      continue;
    }
    let total = 0;
    const weights: [place: number, weight: number][] = [];
    for (let place = Math.ceil(x - reach); place <= Math.floor(x + reach); place++) {
      if (excludeOutside && (place < 0 || place >= from)) continue;
      const weight = kernel(mode, (place - x) * squeeze, sampling.cubic);
      weights.push([within(place), weight]);
      total += weight;
    }
    for (const [place, weight] of weights) row[place]! += weight / (total === 0 ? 1 : total);
  }
  return matrix;
}
