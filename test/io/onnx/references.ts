// What operators of ONNX compute, by plain loops over arrays in ONNX's layout.
import type { Constant } from '../../../lib/io/onnx/schema.js';
import { numbersOf } from '../../../lib/io/onnx/elements.js';
import { volume } from '../../check.js';
import type { Reference } from './network.js';

type OfImage = (x: Float32Array) => Reference;

/** The index along each axis of the i-th element. */
function placeOf(shape: readonly number[], i: number): number[] {
  const place: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place.unshift(i % shape[axis]!);
    i = Math.floor(i / shape[axis]!);
  }
  return place;
}

function offsetOf(shape: readonly number[], place: readonly number[]): number {
  return place.reduce((offset, index, axis) => offset * shape[axis]! + index, 0);
}

export function each(shape: readonly number[], f: (v: number) => number): OfImage {
  return (x) => ({ shape, data: Float64Array.from(x, f) });
}

/** f of each element and that of a constant, which is broadcast to the shape. */
export function broadcasting(
  shape: readonly number[],
  other: Constant,
  f: (a: number, b: number) => number,
): OfImage {
  const numbers = numbersOf(other);
  const more = shape.length - other.shape.length;
  return (x) => ({
    shape,
    data: Float64Array.from(x, (v, i) => {
      const place = placeOf(shape, i).slice(more);
      return f(v, numbers[offsetOf(other.shape, place.map((index, axis) => (other.shape[axis] === 1 ? 0 : index)))]!);
    }),
  }); // prettier-ignore
}

/** Lists of the elements, by their places in a shape where `axes` are 1. */
function groups(shape: readonly number[], axes: readonly number[]): number[][] {
  const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const lists: number[][] = Array.from({ length: volume(kept) }, () => []);
  for (let i = 0; i < volume(shape); i++) {
    const place = placeOf(shape, i).map((index, axis) => (axes.includes(axis) ? 0 : index));
    lists[offsetOf(kept, place)]!.push(i);
  }
  return lists;
}

function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  return shape.flatMap((extent, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [extent]));
}

export function reducing(
  shape: readonly number[],
  axes: readonly number[],
  keepDims: boolean,
  f: (list: readonly number[]) => number,
): OfImage {
  return (x) => ({
    shape: reducedShape(shape, axes, keepDims),
    data: groups(shape, axes).map((list) => f(list.map((i) => x[i]!))),
  });
}

export function argOf(
  operation: 'ArgMax' | 'ArgMin',
  shape: readonly number[],
  axis: number,
  keepDims: boolean,
  last: boolean,
): OfImage {
  return reducing(shape, [axis], keepDims, (list) => {
    const best = operation === 'ArgMax' ? Math.max(...list) : Math.min(...list);
    return last ? list.lastIndexOf(best) : list.indexOf(best);
  });
}

export function softmaxOver(
  shape: readonly number[],
  axes: readonly number[],
  after: (v: number) => number,
): OfImage {
  return (x) => {
    const data = new Float64Array(x.length);
    for (const list of groups(shape, axes)) {
      const sum = list.reduce((n, i) => n + Math.exp(x[i]!), 0);
      for (const i of list) data[i] = after(Math.exp(x[i]!) / sum);
    }
    return { shape, data };
  };
}

/** The elements of which `from` tells the place in x, by their place in the result. */
function moved(
  shape: readonly number[],
  result: readonly number[],
  from: (place: readonly number[]) => number[],
): OfImage {
  return (x) => ({
    shape: result,
    data: Array.from({ length: volume(result) }, (_, i) => x[offsetOf(shape, from(placeOf(result, i)))]!),
  });
}

/** @param picks [first, end, step] of each axis, none from the back; null for the whole of one */
export function sliced(
  shape: readonly number[],
  picks: readonly ([first: number, end: number, step: number] | null)[],
): OfImage {
  const result = shape.map((extent, axis) => {
    const pick = picks[axis];
    return pick ? Math.ceil((pick[1] - pick[0]) / pick[2]) : extent;
  });
  return moved(shape, result, (place) =>
    place.map((index, axis) => {
      const [first, , step] = picks[axis] ?? [0, 0, 1];
      return first + index * step;
    }),
  );
}

export function splitInto(
  shape: readonly number[],
  axis: number,
  sizes: readonly number[],
): (x: Float32Array) => Reference[] {
  return (x) =>
    sizes.map((size, i) => {
      const from = sizes.slice(0, i).reduce((n, other) => n + other, 0);
      return moved(shape, shape.with(axis, size), (place) => place.with(axis, place[axis]! + from))(x);
    });
}

export function gathered(
  shape: readonly number[],
  axis: number,
  indices: readonly number[],
  indexShape: readonly number[],
): OfImage {
  const [front, back] = [shape.slice(0, axis), shape.slice(axis + 1)];
  return moved(shape, [...front, ...indexShape, ...back], (place) => {
    const own = place.slice(axis, axis + indexShape.length);
    return [
      ...place.slice(0, axis),
      indices[offsetOf(indexShape, own)]!,
      ...place.slice(axis + indexShape.length),
    ];
  });
}
