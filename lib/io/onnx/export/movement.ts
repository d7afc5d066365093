import { cast } from './elementwise.js';
import type { Exporters } from './exporter.js';
import { Constant } from './constant.js';
import { count, fixed, numbers, same } from './operand.js';
import { fromFront } from './reduce.js';
import { Value } from './value.js';

/** Past the end of every axis. */
const end = 2 ** 31 - 1;

export const movement: Exporters = {
  alias: (graph, [input]) => graph.operand(input),
  reshape: (graph, [input], { results }) => graph.operand(input).reshaped(graph.shapeOf(results[0]!)),
  dropout: (graph, [input, probability, training]) => {
    if (training && probability > 0) throw graph.error('draws random numbers, which a graph cannot do');
    return graph.operand(input);
  },
  transpose: (graph, [input, axes]) => {
    const x = graph.operand(input);
    return x.transposed(axes.map((axis) => fromFront(axis, axes.length)));
  },
  slice: (graph, [input, begin, ends, step], { results, others }) => {
    const x = graph.value(input);
    const order = x.order();
    const name = x.grouped(order.map((axis) => [axis]));
    const [otherBegin, otherEnds] = [others[1], others[2]] as [readonly number[], readonly number[]];
    const cut = count(x.shape.length).flatMap((axis) => {
      const [extent, otherExtent] = x.shape[axis]!;
      const by = step[axis] ?? 1;
      const [first, past] = by < 0 ? [end, -end] : [0, end];
      const [from, otherFrom] = [begin[axis] ?? first, otherBegin[axis] ?? first];
      const [to, otherTo] = [ends[axis] ?? past, otherEnds[axis] ?? past];
      const reaches = by > 0 && to >= extent && otherTo >= otherExtent;
      if (from !== otherFrom || (to !== otherTo && !reaches)) {
        throw graph.error('takes a part that depends on the size of the batch');
      }
      // An end that is a number stays one where there may be more samples.
      const last =
        to !== otherTo || (reaches && extent === otherExtent) ? end : Math.max(-end, Math.min(to, end));
      return from === 0 && last === end && by === 1
        ? []
        : [{ axis, from: Math.max(-end, Math.min(from, end)), to: last, by }];
    });
    if (cut.length === 0) return x;
    const y = graph.node('Slice', [
      name,
      graph.integers(
        cut.map(({ from }) => from),
        'starts',
      ),
      graph.integers(
        cut.map(({ to }) => to),
        'ends',
      ),
      graph.integers(
        cut.map(({ axis }) => order.indexOf(axis)),
        'axes',
      ),
      graph.integers(
        cut.map(({ by }) => by),
        'steps',
      ),
    ]);
    return Value.of(graph, y, x.dtype, graph.shapeOf(results[0]!), order);
  },
  pad: (graph, [input, before, after, value], { results, others }) => {
    const x = graph.value(input);
    if ([before, after].join(';') !== others.slice(1, 3).join(';')) {
      throw graph.error('adds places that depend on the size of the batch');
    }
    const order = x.order();
    const name = x.grouped(order.map((axis) => [axis]));
    const pads = [before, after].flatMap((sides) => order.map((axis) => sides[axis] ?? 0));
    const y = graph.node('Pad', [name, graph.integers(pads, 'pads'), graph.scalar(value, x.dtype)]);
    return Value.of(graph, y, x.dtype, graph.shapeOf(results[0]!), order);
  },
  concat: (graph, [inputs, axis], { results }) => {
    const operands = inputs.map((handle) => graph.operand(handle));
    const shape = graph.shapeOf(results[0]!);
    const order = operands.find((operand) => operand instanceof Value)?.order() ?? count(shape.length);
    const groups = order.map((one) => [one]);
    const names = operands.map((operand) => graph.valueOf(operand).grouped(groups));
    const place = order.indexOf(fromFront(axis, shape.length));
    const y = graph.node('Concat', names, { axis: { kind: 'int', value: place } });
    return Value.of(graph, y, operands[0]!.dtype, shape, order);
  },
  broadcastTo: (graph, [input], { results }) => {
    const x = graph.operand(input);
    const shape = graph.shapeOf(results[0]!);
    const ones = shape.slice(x.shape.length).map(() => fixed(1));
    const full = graph.valueOf(x.reshaped([...ones, ...x.shape]));
    if (full.shape.every((extent, axis) => same(extent, shape[axis]!))) return full;
    const order = full.order();
    const name = full.grouped(order.map((axis) => [axis]));
    const sizes = graph.sizes(order.map((axis) => shape[axis]!));
    return Value.of(graph, graph.node('Expand', [name, sizes]), x.dtype, shape, order);
  },
  /** Of one value; only where there may be as many as samples. */
  full: (graph, [, value, dtype], { results }) => {
    const shape = graph.shapeOf(results[0]!);
    const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };
    const extents = numbers(shape);
    if (extents) {
      const size = extents.reduce((n, extent) => n * extent, 1);
      return new Constant(graph, String(value), dtype, extents, () => new arrays[dtype](size).fill(value));
    }
    const name = graph.node('Expand', [graph.scalar(value, dtype), graph.sizes(shape)]);
    return Value.of(graph, name, dtype, shape, count(shape.length));
  },
  gather: (graph, [input, indices, axis], { results }) => {
    const [x, places] = [input, indices].map((handle) => graph.operand(handle));
    const straight = [x!, places!].map((operand) =>
      operand.grouped(count(operand.shape.length).map((axis) => [axis])),
    );
    const y = graph.node('Gather', straight, { axis: { kind: 'int', value: axis } });
    const shape = graph.shapeOf(results[0]!);
    return Value.of(graph, y, x!.dtype, shape, count(shape.length));
  },
  oneHot: (graph, [indices, classes], { results }) => {
    const places = graph.valueOf(graph.operand(indices));
    const straight = places.grouped(count(places.shape.length).map((axis) => [axis]));
    // Before 0 and after the last class there is none; ONNX's would count from the end.
    const range = graph.made('classes', count(classes), [classes]);
    const hot = graph.node('Equal', [
      graph.node('Unsqueeze', [cast(graph, straight, 'f32'), graph.integers([-1], 'axes')]),
      range.name,
    ]);
    const shape = graph.shapeOf(results[0]!);
    return Value.of(graph, cast(graph, hot, 'f32'), 'f32', shape, count(shape.length));
  },
};
