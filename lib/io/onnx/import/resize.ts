import { tensor } from '../../../ops/creation.js';
import { where } from '../../../ops/elementwise.js';
import { matmul } from '../../../ops/matmul.js';
import { reshape } from '../../../ops/movement.js';
import { interpolate } from '../../../ops/upsample.js';
import { scope, type Tensor } from '../../../tensor.js';
import { arranged, asWritten, channelsLast } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import {
  coordinateModes,
  origin,
  resizeMatrix,
  roundings,
  type Sampling,
  type Stretch,
} from './resampling.js';
import type { Run } from './step.js';
import type { HostValue, TensorValue, Value } from './value.js';

/** What a Resize does to shapes. */
interface Sizing {
  /** The axes that are resized, to each of which there is a scale or a size. */
  axes: readonly number[];
  by: 'scales' | 'sizes';
  /** 'stretch', 'not_larger' or 'not_smaller'. */
  policy: string;
}

/** How each axis is resized, from the sizes of the input and the scales or sizes wanted. */
function stretches(
  node: NodeBuilder,
  shape: readonly number[],
  { axes, by, policy }: Sizing,
  wanted: readonly number[],
  roi: readonly number[],
): Stretch[] {
  const all: Stretch[] = shape.map((extent) => ({ from: extent, to: extent, scale: 1, start: 0, end: 1 }));
  if (wanted.length !== axes.length) node.fail(`its ${by} are ${wanted.length}, wants ${axes.length}`);
  if (roi.length !== 0 && roi.length !== 2 * axes.length)
    node.fail(`its roi has ${roi.length} numbers, wants ${2 * axes.length}`);
  const ratios = axes.map((axis, i) => wanted[i]! / shape[axis]!);
  const kept = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  for (const [i, axis] of axes.entries()) {
    const [from, value] = [shape[axis]!, wanted[i]!];
    if (!(value > 0 && value < 2 ** 31) || (by === 'sizes' && !Number.isInteger(value))) {
      node.fail(`its ${by} are [${wanted.slice(0, 8).join(', ')}], wants numbers above 0`);
    }
    const [start, end] = [roi[i] ?? 0, roi[i + axes.length] ?? 1];
    const whole = by === 'sizes' && policy === 'stretch';
    const scale = by === 'scales' ? value : whole ? value / from : kept;
    const to = whole ? value : by === 'scales' ? Math.floor(from * value) : Math.round(from * kept);
    if (!(to >= 1) || from === 0) node.fail(`axis ${axis} of [${shape.join(', ')}] would have ${to} places`);
    all[axis] = { from, to, scale, start, end };
  }
  return all;
}

/** The mode of interpolate() that does the same to these axes of images; null where there is none. */
function builtIn(
  all: readonly Stretch[],
  sampling: Sampling,
): { mode: 'nearest' | 'bilinear'; alignCorners: boolean } | null {
  const { mode, coordinates, rounding, antialias, excludeOutside } = sampling;
  const smaller = all.some(({ from, to }) => to < from);
  const exact = all.every(({ from, to, scale }) => Math.abs(scale * from - to) < 1e-6 * to);
  if (!exact || excludeOutside || (antialias && smaller)) return null;
  if (mode === 'nearest') {
    // With whole factors, whichever way of counting finds the same pixel.
    const whole = all.every(({ from, to }) => to % from === 0);
    const pixels = coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel';
    const floor = coordinates === 'asymmetric' && rounding === 'floor';
    return floor || (whole && pixels && rounding.startsWith('round')) ? { mode, alignCorners: false } : null;
  }
  if (mode !== 'linear') return null;
  if (coordinates === 'align_corners') return { mode: 'bilinear', alignCorners: true };
  const centres =
    coordinates === 'half_pixel' || (coordinates === 'pytorch_half_pixel' && all.every(({ to }) => to > 1));
  return centres ? { mode: 'bilinear', alignCorners: false } : null;
}

/** x with one axis multiplied by a matrix [to, from]. */
function alongAxis(x: Tensor, axis: number, matrix: Float32Array, to: number): Tensor {
  const { shape } = x;
  const count = (extents: readonly number[]) => extents.reduce((n, extent) => n * extent, 1);
  const rows = reshape(x, [count(shape.slice(0, axis)), shape[axis]!, count(shape.slice(axis + 1))]);
  return reshape(matmul(tensor(matrix, [to, shape[axis]!]), rows), shape.with(axis, to));
}

function resized(
  x: Tensor,
  all: readonly Stretch[],
  sampling: Sampling,
  beyond: number,
  { allow }: Run,
): Tensor {
  const shape = all.map(({ to }) => to);
  allow(shape);
  const moved = all.flatMap((one, axis) =>
    one.from !== one.to || one.scale !== 1 || one.start !== 0 || one.end !== 1 ? [axis] : [],
  );
  if (moved.length === 0) return reshape(x, x.shape);
  const places = x.rank === 4 ? [1, 2] : x.rank === 3 ? [1] : [];
  if (moved.every((axis) => places.includes(axis))) {
    const found = builtIn(
      places.map((axis) => all[axis]!),
      sampling,
    );
    if (found) {
      const size: [number, number] = x.rank === 4 ? [shape[1]!, shape[2]!] : [1, shape[1]!];
      const mode = found.mode === 'bilinear' && x.rank === 3 ? 'linear' : found.mode;
      return interpolate(x, { size, ...found, mode });
    }
  }
  return scope(() => {
    let y = x;
    for (const axis of moved) {
      allow([all[axis]!.to, all[axis]!.from]);
      y = alongAxis(y, axis, resizeMatrix(all[axis]!, sampling), all[axis]!.to);
      allow(y.shape);
    }
    if (sampling.coordinates !== 'tf_crop_and_resize') return y;
    for (const axis of moved) {
      const { from, to } = all[axis]!;
      const inside = Uint8Array.from({ length: to }, (_, i) => {
        const at = origin(i, all[axis]!, sampling.coordinates);
        return at >= 0 && at <= from - 1 ? 1 : 0;
      });
      const extents = shape.map((_, other) => (other === axis ? to : 1));
      y = where(tensor(inside, extents), y, beyond);
    }
    return y;
  });
}

/** A list that a Resize was given; null for none, which an empty one is too. */
function listOf(node: NodeBuilder, value: Value | null): HostValue | null {
  if (!value || (value.shape.length === 1 && value.shape[0] === 0)) return null;
  const host = node.asHost(value);
  return host.shape.length === 1 ? host : node.fail('its scales or sizes are no list');
}

function build(
  node: NodeBuilder,
  value: Value,
  sampling: Sampling,
  lists: { roi: HostValue | null; scales: HostValue | null; sizes: HostValue | null },
): TensorValue {
  node.requireFloat('its input', value);
  const rank = value.shape.length;
  const { roi, scales, sizes } = lists;
  const given = scales ?? sizes ?? node.fail('it has neither scales nor sizes');
  const axes = node.ints('axes')?.map((axis) => node.axis(axis, rank)) ?? asWritten(rank);
  const sizing: Sizing = {
    axes,
    by: scales ? 'scales' : 'sizes',
    policy: node.string('keep_aspect_ratio_policy', 'stretch'),
  };
  if (!['stretch', 'not_larger', 'not_smaller'].includes(sizing.policy))
    node.fail(`keep_aspect_ratio_policy is ${JSON.stringify(sizing.policy)}`);
  const x = node.tensor(value, rank === 3 || rank === 4 ? channelsLast(rank) : asWritten(rank));
  const beyond = node.float('extrapolation_value', 0);
  const [wanted, part] = [node.known(given), roi ? node.known(roi) : []];
  const whole = axes.every((axis) => typeof x.shape[axis] === 'number');
  const shape = x.shape.map((extent, axis) => {
    const at = axes.indexOf(axis);
    if (at < 0 || (sizing.by === 'scales' && wanted?.[at] === 1)) return extent;
    const unknown = node.derived(`${node.title} ${axis}`);
    if (sizing.policy !== 'stretch') {
      if (!whole || !wanted || !part) return unknown;
      const known = x.shape.map((one) => (typeof one === 'number' ? one : 1));
      return stretches(node, known, sizing, wanted, part)[axis]!.to;
    }
    if (sizing.by === 'sizes') return given.host.elements[at] ?? unknown;
    return typeof extent === 'number' && wanted ? Math.floor(extent * wanted[at]!) : unknown;
  });
  const { order, type } = x;
  return node.emit(
    [x],
    { shape, order, type },
    ([input], run) => {
      const file = asWritten(rank).map((axis) => input!.shape[order.indexOf(axis)]!);
      const [first, second] = run.hosts.map(({ elements }) => elements as number[]);
      return resized(
        input!,
        arranged(stretches(node, file, sizing, first!, second ?? []), order),
        sampling,
        beyond,
        run,
      );
    },
    { hosts: [given, ...(roi ? [roi] : [])] },
  );
}

function resize(node: NodeBuilder): TensorValue {
  const mode = node.string('mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'cubic')
    node.fail(`mode is ${JSON.stringify(mode)}`);
  const old = node.opset < 11;
  const sampling: Sampling = {
    mode,
    coordinates: old ? 'asymmetric' : node.string('coordinate_transformation_mode', 'half_pixel'),
    rounding: old ? 'floor' : node.string('nearest_mode', 'round_prefer_floor'),
    cubic: node.float('cubic_coeff_a', -0.75),
    excludeOutside: node.flag('exclude_outside', false),
    antialias: node.flag('antialias', false),
  };
  if (!coordinateModes.includes(sampling.coordinates))
    node.fail(`coordinate_transformation_mode is ${JSON.stringify(sampling.coordinates)}`);
  if (!roundings.includes(sampling.rounding))
    node.fail(`nearest_mode is ${JSON.stringify(sampling.rounding)}`);
  const list = (i: number) => listOf(node, node.optional(i));
  if (old) return build(node, node.input(0), sampling, { roi: null, scales: list(1), sizes: null });
  const roi = sampling.coordinates === 'tf_crop_and_resize' ? list(1) : null;
  return build(node, node.input(0), sampling, { roi, scales: list(2), sizes: list(3) });
}

/** What Resize was before version 10. */
function upsample(node: NodeBuilder): TensorValue {
  const mode = node.string('mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear') node.fail(`mode is ${JSON.stringify(mode)}`);
  const sampling: Sampling = {
    mode,
    coordinates: 'asymmetric',
    rounding: 'floor',
    cubic: 0,
    excludeOutside: false,
    antialias: false,
  };
  const given = node.floats('scales');
  const scales: HostValue | null = given
    ? {
        kind: 'host',
        name: '',
        type: 'float32',
        shape: [given.length],
        slot: null,
        host: { type: 'float32', shape: [given.length], elements: given },
      }
    : listOf(node, node.optional(1));
  return build(node, node.input(0), sampling, { roi: null, scales, sizes: null });
}

export const resizes: Operators = {
  Resize: { layout: 'spatial', build: resize },
  Upsample: { layout: 'spatial', build: upsample },
};
