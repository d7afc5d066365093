import { groupNorm, instanceNorm, layerNorm, type InstanceNormOptions } from '../../lib/ops/groupNorm.js';
import type { Tensor } from '../../lib/tensor.js';
import { volume } from '../check.js';

/** How x [images, places, channels] is normalized, and by which weights: `channels` of them. */
export interface Groups {
  images: number;
  places: number;
  channels: number;
  groups: number;
}

/** The definition in double precision: y, the statistics, and the gradients of Σ y·dy. */
export function definition(
  { images, places, channels, groups }: Groups,
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  dy: Float32Array,
  eps: number,
) {
  const inGroup = channels / groups;
  const count = places * inGroup;
  const y = new Float64Array(x.length);
  const dx = new Float64Array(x.length);
  const dw = new Float64Array(channels);
  const db = new Float64Array(channels);
  const statistics: { mean: number; variance: number }[] = [];
  for (let image = 0; image < images; image++)
    for (let group = 0; group < groups; group++) {
      const members = Array.from(
        { length: count },
        (_, i) => (image * places + Math.floor(i / inGroup)) * channels + group * inGroup + (i % inGroup),
      );
      const mean = members.reduce((sum, i) => sum + x[i]!, 0) / count;
      const variance = members.reduce((sum, i) => sum + (x[i]! - mean) ** 2, 0) / count;
      const inverse = 1 / Math.sqrt(variance + eps);
      statistics.push({ mean, variance });
      const xHat = (i: number) => (x[i]! - mean) * inverse;
      let sum = 0;
      let product = 0;
      for (const i of members) {
        const c = i % channels;
        y[i] = xHat(i) * weight[c]! + bias[c]!;
        dw[c]! += dy[i]! * xHat(i);
        db[c]! += dy[i]!;
        sum += dy[i]! * weight[c]!;
        product += dy[i]! * weight[c]! * xHat(i);
      }
      for (const i of members) {
        dx[i] = inverse * (dy[i]! * weight[i % channels]! - sum / count - (xHat(i) * product) / count);
      }
    }
  return { y, dx, dw, db, statistics };
}

export type Kind = 'layer' | 'group' | 'instance';

export function groupsOf(kind: Kind, shape: number[], how: number): Groups {
  if (kind === 'layer') {
    const channels = volume(shape.slice(shape.length - how));
    return { images: volume(shape) / channels, places: 1, channels, groups: 1 };
  }
  const channels = shape.at(-1)!;
  const [images = 0] = shape;
  const places = volume(shape.slice(1, -1));
  return { images, places, channels, groups: kind === 'group' ? how : channels };
}

export function normalize(
  kind: Kind,
  shape: readonly number[],
  how: number,
): (x: Tensor, options: InstanceNormOptions) => Tensor {
  if (kind === 'layer') return (x, options) => layerNorm(x, shape.slice(shape.length - how), options);
  return kind === 'group' ? (x, options) => groupNorm(x, how, options) : instanceNorm;
}
