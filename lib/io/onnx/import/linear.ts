import { add, mul } from '../../../ops/elementwise.js';
import { linear, matmul } from '../../../ops/matmul.js';
import { broadcastTo, reshape } from '../../../ops/movement.js';
import { scope, type Shape, type Tensor } from '../../../tensor.js';
import { asWritten } from './layout.js';
import type { Move } from './moves.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { Extent, TensorValue, Value } from './value.js';

/** The moves that bring the rows of a matrix [C·H·W, out] into the order of images that are flattened as they lie. */
function rowMoves(node: NodeBuilder, shape: readonly number[], channels: number): Move[] {
  const [rows = 0, outputs = 0] = shape;
  const places = rows / channels;
  if (!Number.isInteger(places)) node.fail(`its weight has ${rows} rows, its input ${channels} channels`);
  return [{ shape: [channels, places, outputs] }, { axes: [1, 0, 2] }, { shape: [rows, outputs] }];
}

/** A matrix [in, out] for the rows of x, as a weight; null where it is not known well enough. */
function matrix(node: NodeBuilder, x: TensorValue, value: Value, transposed: boolean): TensorValue | null {
  if (value.kind !== 'constant' || value.shape.length !== 2) return null;
  const turned: Move[] = transposed ? [{ axes: [1, 0] }] : [];
  const shape = transposed ? value.shape.toReversed() : value.shape;
  const inner = x.shape.at(-1);
  if (typeof inner === 'number' && inner !== shape[0])
    node.fail(`its input has ${inner} features, its weight wants ${shape[0]!}`);
  return node.weight(value, [
    ...turned,
    ...(x.flatChannels > 0 ? rowMoves(node, shape, x.flatChannels) : []),
  ]);
}

function gemm(node: NodeBuilder): TensorValue {
  const [a, b, c] = [node.input(0), node.input(1), node.optional(2)];
  for (const [what, value] of [['its input', a], ['its weight', b]] as const) {
    node.requireFloat(what, value);
    node.requireRank(what, value, [2]);
  } // prettier-ignore
  const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)];
  const [transA, transB] = [node.flag('transA', false), node.flag('transB', false)];
  const outputs = b.shape[transB ? 0 : 1];
  const rows = a.shape[transA ? 1 : 0];
  const result = { shape: [rows, outputs], type: a.type };
  const vector = c && alpha === 1 && beta === 1 ? biasOf(node, c, outputs) : null;
  const plain = b.kind === 'constant' && !transA && alpha === 1 && (!c || vector !== null);
  const x = plain ? flatRows(node, a) : null;
  const weight = x && matrix(node, x, b, transB);
  if (x && weight) {
    return node.emit(
      [x, weight, ...(vector ? [vector] : [])],
      result,
      ([input, kernels, bias], { relu, allow }) => {
        allow([input!.shape[0]!, kernels!.shape[1]!]);
        return linear(input!, kernels!, bias ?? null, { relu });
      },
      { kind: { is: 'layer' }, takes: { relu: true } },
    );
  }
  const [left, right] = [node.tensor(a), node.tensor(b)];
  const offset = c && node.tensor(c);
  return node.emit([left, right, ...(offset ? [offset] : [])], result, ([u, v, w], { allow }) =>
    scope(() => {
      allow([u!.shape[transA ? 1 : 0]!, v!.shape[transB ? 0 : 1]!]);
      const product = matmul(u!, v!, { transposeA: transA, transposeB: transB });
      const scaled = alpha === 1 ? product : mul(product, alpha);
      return w ? add(scaled, beta === 1 ? w : mul(w, beta)) : scaled;
    }),
  );
}

/** The input of a product with a weight, which may be of images flattened as they lie. */
function flatRows(node: NodeBuilder, value: Value): TensorValue {
  if (value.kind === 'tensor' && value.flatChannels > 0) return value;
  return node.tensor(value);
}

/** What is added to each row, as a vector; null for what is no such thing. */
function biasOf(node: NodeBuilder, value: Value, outputs: Extent): TensorValue | null {
  const { kind, shape } = value;
  if (kind !== 'constant' || shape.at(-1) !== outputs) return null;
  const alone = shape.slice(0, -1).every((extent) => extent === 1);
  return alone ? node.weight(value, [{ shape: [shape.at(-1)!] }]) : null;
}

function matMul(node: NodeBuilder): TensorValue {
  const [a, b] = [node.input(0), node.input(1)];
  node.requireFloat('its first input', a);
  node.requireFloat('its second input', b);
  if (a.shape.length === 0 || b.shape.length === 0) node.fail('an input is a scalar');
  if (b.kind === 'constant' && b.shape.length === 2 && a.shape.length >= 2) {
    const x = a.shape.length === 2 ? flatRows(node, a) : node.tensor(a);
    const weight = matrix(node, x, b, false)!;
    const result = { shape: [...a.shape.slice(0, -1), b.shape[1]!], type: a.type };
    return node.emit(
      [x, weight],
      result,
      ([input, kernels], { relu, allow }) => {
        allow([...input!.shape.slice(0, -1), kernels!.shape[1]!]);
        return linear(input!, kernels!, null, { relu });
      },
      { kind: { is: 'layer' }, takes: { relu: true } },
    );
  }
  const [left, right] = [node.tensor(a), node.tensor(b)];
  return node.emit(
    [left, right],
    { shape: productShape(node, a.shape, b.shape), type: a.type },
    ([u, v], { allow }) => scope(() => product(u!, v!, allow)),
  );
}

function productShape(node: NodeBuilder, a: readonly Extent[], b: readonly Extent[]): Extent[] {
  const [inner, rows] = [a.at(-1), b.length === 1 ? b[0] : b.at(-2)];
  if (typeof inner === 'number' && typeof rows === 'number' && inner !== rows) {
    node.fail(`its inputs are [${a.map(String).join(', ')}] and [${b.map(String).join(', ')}]`);
  }
  const [before, after] = [a.slice(0, -2), b.slice(0, -2)];
  const rank = Math.max(before.length, after.length);
  const leading = asWritten(rank).map((axis) =>
    node.bothExtents(before[axis - rank + before.length] ?? 1, after[axis - rank + after.length] ?? 1),
  );
  return [...leading, ...(a.length > 1 ? [a.at(-2)] : []), ...(b.length > 1 ? [b.at(-1)] : [])];
}

/** The product as NumPy's matmul has it: vectors are a row and a column, axes in front broadcast. */
function product(a: Tensor, b: Tensor, allow: (shape: Shape) => void): Tensor {
  const u = a.rank === 1 ? reshape(a, [1, ...a.shape]) : a;
  const v = b.rank === 1 ? reshape(b, [...b.shape, 1]) : b;
  const [before, after] = [u.shape.slice(0, -2), v.shape.slice(0, -2)];
  const rank = Math.max(before.length, after.length);
  const leading = asWritten(rank).map((axis) => {
    const [m, n] = [before[axis - rank + before.length] ?? 1, after[axis - rank + after.length] ?? 1];
    return m === 1 ? n : m;
  });
  const shape = [...leading, u.shape.at(-2)!, v.shape.at(-1)!];
  allow(shape);
  const whole = (x: Tensor): Tensor => {
    const wanted = [...leading, ...x.shape.slice(-2)];
    if (x.rank === 2 || x.shape.join() === wanted.join()) return x;
    allow(wanted);
    return broadcastTo(x, wanted);
  };
  const y = matmul(whole(u), whole(v));
  return reshape(y, [
    ...leading,
    ...(a.rank > 1 ? [shape.at(-2)!] : []),
    ...(b.rank > 1 ? [shape.at(-1)!] : []),
  ]);
}

export const products: Operators = {
  Gemm: { layout: 'written', build: gemm },
  MatMul: { layout: 'written', since: 1, build: matMul },
};
