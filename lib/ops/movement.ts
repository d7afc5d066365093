import type { Handle } from '../../binding.js';
import { record } from '../autograd.js';
import { native } from '../native.js';
import { defineMethods, handleOf, requireLive, scope, Tensor, type DType, type Shape } from '../tensor.js';

/** An axis counted from the front, or from the back where negative. */
function axisOf(operation: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(`${operation}: axis ${axis} is not in a tensor of ${rank} axes`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** x under another shape with as many elements, over the same storage. */
function view<D extends DType>(operation: string, x: Tensor<D>, shape: Shape): Tensor<D> {
  const y = new Tensor(native.reshape(x.handle, shape), x.dtype, x.versions);
  const before = x.requiresGrad ? x.shape : [];
  return record(operation, y, [x], [], (g) => [
    new Tensor(native.reshape(g.handle, before), 'f32', g.versions),
  ]);
}

/**
 * The elements in the same order under another shape. Shares x's storage.
 *
 * @param shape one of its sizes may be −1, which stands for what the others leave.
 * @throws RangeError where the shape has another number of elements.
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  requireLive('reshape', 'input', x);
  const open = Array.isArray(shape) ? shape.indexOf(-1) : -1;
  if (open < 0) return view('reshape', x, shape);
  const known = shape.reduce((n, extent, axis) => (axis === open ? n : n * extent), 1);
  const left = x.size / known;
  if (!(known > 0 && Number.isInteger(left))) {
    throw new RangeError(
      `reshape: shape [${shape.join(', ')}] does not fit the ${x.size} elements of input [${x.shape.join(', ')}]; ` +
        'one -1 stands for what the other sizes leave',
    );
  }
  return view('reshape', x, shape.with(open, left));
}

/**
 * All axes from `startAxis` on as one: [N, H, W, C] becomes [N, H·W·C]. Shares x's storage.
 *
 * @param startAxis counted from the back where negative; 0 for a scalar, which becomes [1]. Default: 1.
 */
export function flatten<D extends DType>(x: Tensor<D>, startAxis = 1): Tensor<D> {
  const { shape } = requireLive('flatten', 'input', x);
  const start = axisOf('flatten', startAxis, Math.max(1, shape.length));
  const size = shape.slice(start).reduce((n, extent) => n * extent, 1);
  return view('flatten', x, [...shape.slice(0, start), size]);
}

/**
 * Without axes of extent 1: all of them, or those named. Shares x's storage.
 *
 * @throws RangeError for a named axis whose extent is not 1.
 */
export function squeeze<D extends DType>(x: Tensor<D>, axes?: number | readonly number[]): Tensor<D> {
  const { shape } = requireLive('squeeze', 'input', x);
  const named = typeof axes === 'number' ? [axes] : axes;
  const gone = new Set(named?.map((axis) => axisOf('squeeze', axis, shape.length)));
  for (const axis of gone) {
    if (shape[axis] !== 1) {
      throw new RangeError(
        `squeeze: axis ${axis} of [${shape.join(', ')}] has extent ${shape[axis]}, wants 1`,
      );
    }
  }
  return view(
    'squeeze',
    x,
    shape.filter((extent, axis) => (named ? !gone.has(axis) : extent !== 1)),
  );
}

/** With a new axis of extent 1 at `axis`, counted from the back of the result where negative. Shares x's storage. */
export function unsqueeze<D extends DType>(x: Tensor<D>, axis: number): Tensor<D> {
  const { shape } = requireLive('unsqueeze', 'input', x);
  return view('unsqueeze', x, shape.toSpliced(axisOf('unsqueeze', axis, shape.length + 1), 0, 1));
}

/**
 * The axes in another order: axis i of the result is axis axes[i] of x.
 *
 * @param axes every axis once. Default: all in reverse, which transposes a matrix.
 */
export function transpose<D extends DType>(x: Tensor<D>, axes?: readonly number[]): Tensor<D> {
  const order = axes ?? Array.from({ length: x.rank }, (_, i) => x.rank - 1 - i);
  const y = new Tensor(native.transpose(handleOf(x), order), x.dtype);
  return record('transpose', y, [x], [], (g) => {
    const inverse = order.map(() => 0);
    order.forEach((axis, i) => (inverse[axis < 0 ? axis + order.length : axis] = i));
    return [new Tensor(native.transpose(g.handle, inverse), 'f32')];
  });
}

/** Indices, where ±Infinity is past every end; what is no array is passed as it is, for the binding to refuse. */
function finite(indices: readonly number[]): readonly number[] {
  const most = Number.MAX_SAFE_INTEGER;
  const place = (index: number) => (Math.abs(index) === Infinity ? Math.sign(index) * most : index);
  return Array.isArray(indices) ? indices.map(place) : indices;
}

/**
 * The part x[begin[0]:end[0]:step[0], begin[1]:end[1]:step[1], …]. As in Python, negative indices count from the end,
 * indices past the end stand for it, and a negative step walks back. What is not given, for an axis or for all, is taken
 * whole. −Infinity as the end of a walk back is the place before the first.
 *
 * ```ts
 * slice(x, [2], [5]); // rows 2, 3, 4
 * slice(x, [0, -3]); // the last three columns
 * slice(x, [0, 1], [Infinity, Infinity], [1, 2]); // every second column from the second on
 * slice(x, [], [], [-1]); // the rows from the last to the first
 * ```
 *
 * @throws RangeError for more indices than axes, and for steps of 0.
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  begin: readonly number[],
  end: readonly number[] = [],
  step: readonly number[] = [],
): Tensor<D> {
  const [from, to, by] = [finite(begin), finite(end), finite(step)];
  const y = new Tensor(native.slice(handleOf(x), from, to, by), x.dtype);
  const shape = x.requiresGrad ? x.shape : [];
  return record('slice', y, [x], [], (g) => [
    new Tensor(native.sliceBackward(g.handle, shape, from, by), 'f32'),
  ]);
}

/** x[…, from:to, …] along one axis. */
function along<D extends DType>(x: Tensor<D>, axis: number, from: number, to: number): Tensor<D> {
  const before = Array.from({ length: axis }, () => 0);
  return slice(x, [...before, from], [...before.map(() => Infinity), to]);
}

/**
 * x with more elements in front of it and after it along each axis.
 *
 * @param padding [before, after] for every axis of x.
 * @param value of the new elements. Default: 0.
 */
export function pad<D extends DType>(
  x: Tensor<D>,
  padding: readonly (readonly [before: number, after: number])[],
  value = 0,
): Tensor<D> {
  const before = padding.map((pair) => pair[0]);
  const after = padding.map((pair) => pair[1]);
  const y = new Tensor(native.pad(handleOf(x), before, after, value), x.dtype);
  const shape = x.requiresGrad ? x.shape : [];
  return record('pad', y, [x], [], (g) => {
    const end = before.map((n, axis) => n + (shape[axis] ?? 0));
    return [new Tensor(native.slice(g.handle, before, end, []), 'f32')];
  });
}

/** As handleOf: what is no array is passed as it is, for the binding to refuse. */
function handlesOf(tensors: readonly Tensor<DType>[]): readonly Handle[] {
  return Array.isArray(tensors) ? tensors.map(handleOf) : (tensors as unknown as readonly Handle[]);
}

/**
 * Tensors one after the other along an axis; the other axes must be equal.
 *
 * @param axis counted from the back where negative. Default: 0.
 */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  const y = new Tensor(native.concat(handlesOf(tensors), axis), tensors[0]!.dtype);
  if (!tensors.some((x) => x.requiresGrad)) return y;
  const at = axis < 0 ? axis + y.rank : axis;
  const extents = tensors.map((x) => x.shape[at]!);
  return record('concat', y, tensors, [], (g, _saved, needs) =>
    native
      .split(g.handle, extents, at)
      .map((handle) => new Tensor(handle, 'f32'))
      .map((part, i) => (needs[i] ? part : null)),
  );
}

/**
 * Tensors of one shape side by side along a new axis: n of shape [A, B] become [n, A, B], or [A, n, B] with axis 1.
 *
 * @param axis of the result, counted from the back where negative. Default: 0.
 */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  const [first] = tensors;
  if (!first) throw new RangeError('stack: tensors is empty, wants at least one');
  const { shape } = first;
  const at = axisOf('stack', axis, shape.length + 1);
  tensors.forEach((x, i) => {
    if (x.rank !== shape.length || x.shape.some((extent, other) => extent !== shape[other])) {
      throw new RangeError(
        `stack: tensors[${i}] has shape [${x.shape.join(', ')}], wants that of tensors[0], [${shape.join(', ')}]`,
      );
    }
  });
  return scope(() =>
    concat(
      tensors.map((x) => unsqueeze(x, at)),
      at,
    ),
  );
}

/**
 * The parts of x along an axis, in order.
 *
 * @param sizes of the parts, which must add up to the axis; or one size for all of them, where the last may be smaller.
 * @param axis counted from the back where negative. Default: 0.
 */
export function split<D extends DType>(
  x: Tensor<D>,
  sizes: number | readonly number[],
  axis = 0,
): Tensor<D>[] {
  const { shape } = requireLive('split', 'input', x);
  const at = axisOf('split', axis, shape.length);
  const extent = shape[at]!;
  const ends: number[] = [];
  if (typeof sizes === 'number') {
    if (!Number.isInteger(sizes) || sizes < 1) {
      throw new RangeError(`split: size is ${sizes}, wants a whole number from 1 on`);
    }
    for (let end = 0; end < extent;) ends.push((end = Math.min(end + sizes, extent)));
  } else {
    for (const size of sizes) ends.push((ends.at(-1) ?? 0) + size);
    if (!sizes.every((size) => Number.isInteger(size) && size >= 0) || (ends.at(-1) ?? 0) !== extent) {
      throw new RangeError(
        `split: sizes are [${sizes.join(', ')}], wants whole numbers that add up to ${extent}, axis ${at} of [${shape.join(', ')}]`,
      );
    }
  }
  return ends.map((end, i) => along(x, at, ends[i - 1] ?? 0, end));
}

/** Sums a gradient over the axes along which `shape` was broadcast: the adjoint of broadcastTo. */
export function unbroadcast(gradient: Tensor, shape: Shape): Tensor {
  const extra = gradient.rank - shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    axis < extra || (shape[axis - extra] === 1 && extent !== 1) ? [axis] : [],
  );
  if (axes.length === 0) return gradient;
  const sum = new Tensor(native.sum(gradient.handle, axes, false), 'f32');
  return new Tensor(native.reshape(sum.handle, shape), 'f32');
}

/**
 * x repeated along new axes in front and along its axes of extent 1, until it has the shape.
 *
 * @throws RangeError where an axis of x, aligned at the end, is neither 1 nor that of the shape.
 */
export function broadcastTo<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const y = new Tensor(native.broadcastTo(handleOf(x), shape), x.dtype);
  const before = x.requiresGrad ? x.shape : [];
  return record('broadcastTo', y, [x], [], (g) => [unbroadcast(g, before)]);
}

/**
 * Parts of x along an axis: y[…, i…, …] = x[…, indices[i…], …], where the axes of the indices stand in place of the axis.
 * Along the first axis, rows of a table. The gradient of what was taken twice is added, in the order of the indices.
 *
 * @param axis counted from the back where negative. Default: 0.
 * @throws RangeError for an axis that the tensor does not have; at the next read of the result, StriateError for an index
 * that is not in [0, extent).
 */
export function gather<D extends DType>(x: Tensor<D>, indices: Tensor<'i32'>, axis = 0): Tensor<D> {
  const y = new Tensor(native.gather(handleOf(x), handleOf(indices), axis), x.dtype);
  if (!x.requiresGrad) return y;
  const at = axis < 0 ? axis + x.rank : axis;
  const rows = x.shape[at] ?? 0;
  return record('gather', y, [x], [indices], (g, [i]) => [
    new Tensor(native.gatherBackward(g.handle, i.handle, rows, at), 'f32'),
  ]);
}

declare module '../tensor.js' {
  interface Tensor<D extends DType = 'f32'> {
    /** {@link reshape} as a method. */
    reshape(shape: Shape): Tensor<D>;
    /** {@link flatten} as a method. */
    flatten(startAxis?: number): Tensor<D>;
    /** {@link squeeze} as a method. */
    squeeze(axes?: number | readonly number[]): Tensor<D>;
    /** {@link unsqueeze} as a method. */
    unsqueeze(axis: number): Tensor<D>;
    /** {@link transpose} as a method. */
    transpose(axes?: readonly number[]): Tensor<D>;
    /** {@link slice} as a method. */
    slice(begin: readonly number[], end?: readonly number[], step?: readonly number[]): Tensor<D>;
    /** {@link pad} as a method. */
    pad(padding: readonly (readonly [before: number, after: number])[], value?: number): Tensor<D>;
    /** {@link split} as a method. */
    split(sizes: number | readonly number[], axis?: number): Tensor<D>[];
    /** {@link broadcastTo} as a method. */
    broadcastTo(shape: Shape): Tensor<D>;
    /** {@link gather} as a method. */
    gather(indices: Tensor<'i32'>, axis?: number): Tensor<D>;
  }
}

defineMethods({
  reshape,
  flatten,
  squeeze,
  unsqueeze,
  transpose,
  slice,
  pad,
  split,
  broadcastTo,
  gather,
});
