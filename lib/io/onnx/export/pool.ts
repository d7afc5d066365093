import type { Handle } from '../../../../binding.js';
import type { Attribute } from '../schema.js';
import { imageName, imageValue, padsOf } from './conv.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import { count } from './operand.js';
import type { Value } from './value.js';

const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });

/** Along an axis: how windows lie, and what has to be added after the image for the last to be whole. */
interface Windows {
  size: number;
  output: number;
  before: number;
  after: number;
  stride: number;
  /** From the first place of a window to the last. */
  reach: number;
}

function windowsAlong(
  axis: 0 | 1,
  graph: Graph,
  [input, output]: readonly [Handle, Handle],
  kernel: readonly number[],
  stride: readonly number[],
  padding: readonly number[],
  dilation: readonly number[],
): Windows {
  const [size, outputs] = [input, output].map((handle) => graph.shapeOf(handle)[axis + 1]![0]) as [
    number,
    number,
  ];
  const reach = (kernel[axis]! - 1) * dilation[axis]! + 1;
  const [before, given] = [padding[2 * axis]!, padding[2 * axis + 1]!];
  // A window that ceilMode lets reach past the end: operators of ONNX disagree about it, but not about padding.
  const after = Math.max(given, (outputs - 1) * stride[axis]! + reach - size - before);
  return { size, output: outputs, before, after, stride: stride[axis]!, reach };
}

const padded = (vertical: Windows, horizontal: Windows): Attribute =>
  padsOf([vertical.before, vertical.after, horizontal.before, horizontal.after]);

/** Where each of `outputs` windows that are spread evenly begins and ends. */
function spread(size: number, outputs: number): (readonly [begin: number, end: number])[] {
  return count(outputs).map((i) => [Math.floor((i * size) / outputs), Math.ceil(((i + 1) * size) / outputs)]);
}

/** Pools to a given size where that is one of windows side by side; null elsewhere. */
function evenly(
  graph: Graph,
  kind: 'Average' | 'Max',
  input: Handle,
  size: readonly number[],
  result: Handle,
) {
  const [, height, width] = graph.shapeOf(input).map(([n]) => n) as [number, number, number];
  const [rows, columns] = size as [number, number];
  if (rows === 1 && columns === 1) {
    return imageValue(graph, graph.node(`Global${kind}Pool`, [imageName(graph, input)]), result);
  }
  if (height % rows !== 0 || width % columns !== 0) return null;
  const kernel = [height / rows, width / columns];
  const y = graph.node(`${kind}Pool`, [imageName(graph, input)], {
    kernel_shape: ints(kernel),
    strides: ints(kernel),
  });
  return imageValue(graph, y, result);
}

export const pools: Exporters = {
  maxPool2d: (graph, [input, kernel, stride, padding, dilation], { results }) => {
    const [result, indices] = results;
    const along = [input, result!] as const;
    const [vertical, horizontal] = ([0, 1] as const).map((axis) =>
      windowsAlong(axis, graph, along, kernel, stride, padding, dilation),
    );
    const attributes = {
      kernel_shape: ints(kernel),
      strides: ints(stride),
      pads: padded(vertical!, horizontal!),
      dilations: ints(dilation),
    };
    const wanted = indices != null && graph.isUsed(indices);
    const names = graph.nodeWith(wanted ? 2 : 1, 'MaxPool', [imageName(graph, input)], attributes);
    const y = imageValue(graph, names[0]!, result!);
    return [y, wanted ? y.like(names[1]!) : null];
  },
  /** ONNX counts places in all images and channels, striate in one. */
  maxPool2dPlaces: (graph, [indices, shape], { results }) => {
    const places = graph.value(indices);
    const inImage = graph.integers([shape[1]! * shape[2]!], 'places');
    const y = graph.node('Cast', [graph.node('Mod', [places.name, inImage])], {
      to: { kind: 'int', value: 6 },
    });
    return imageValue(graph, y, results[0]!).like(y, 'i32');
  },
  maxUnpool2d: (graph, [input, indices, size], { results }) => {
    const [height, width] = size as [number, number];
    const channels = graph.shapeOf(input)[3]!;
    const flat = (handle: Handle): string => {
      const x = graph.value(handle);
      return x.grouped([[0], [3], [1, 2]]);
    };
    const places = graph.node('Cast', [flat(indices)], { to: { kind: 'int', value: 7 } });
    const shape = [graph.shapeOf(input)[0]!, channels, [height * width, height * width] as const];
    const zeros = graph.node('Expand', [graph.scalar(0), graph.sizes(shape)]);
    const laid = graph.node('ScatterElements', [zeros, places, flat(input)], {
      axis: { kind: 'int', value: 2 },
    });
    const result = graph.shapeOf(results[0]!);
    const whole = [result[0]!, result[3]!, result[1]!, result[2]!];
    return imageValue(graph, graph.reshape(laid, shape, whole), results[0]!);
  },
  avgPool2d: (graph, [input, kernel, stride, padding, , countIncludePad], { results }) => {
    const result = results[0]!;
    const [vertical, horizontal] = ([0, 1] as const).map((axis) =>
      windowsAlong(axis, graph, [input, result], kernel, stride, padding, [1, 1]),
    ) as [Windows, Windows];
    const cut = vertical.after > padding[1]! || horizontal.after > padding[3]!;
    const attributes = {
      kernel_shape: ints(kernel),
      strides: ints(stride),
      pads: padded(vertical, horizontal),
    };
    const y = graph.node('AveragePool', [imageName(graph, input)], {
      ...attributes,
      count_include_pad: { kind: 'int', value: Number(countIncludePad || cut) },
    });
    if (!cut) return imageValue(graph, y, result);
    // What was divided by all places of a window is to be divided by those that count.
    const places = ([vertical, horizontal] as const).map(
      ({ size, before, stride: step, reach, output }, axis) => {
        const given = padding[2 * axis + 1]!;
        const [least, most] = countIncludePad ? [-before, size + given] : [0, size];
        return count(output).map((i) => {
          const begin = i * step - before;
          return Math.min(begin + reach, most) - Math.max(begin, least);
        });
      },
    );
    const [rows, columns] = places as [number[], number[]];
    const whole = kernel[0]! * kernel[1]!;
    const factors = rows.flatMap((high) => columns.map((wide) => whole / (high * wide)));
    const scale = graph.made('shares', factors, [rows.length, columns.length]);
    return imageValue(graph, graph.node('Mul', [y, scale.name]), result);
  },
  adaptiveAvgPool2d: (graph, [input, size], { results }) => {
    const even = evenly(graph, 'Average', input, size, results[0]!);
    if (even) return even;
    const [, height, width] = graph.shapeOf(input).map(([n]) => n) as [number, number, number];
    const [rows, columns] = size as [number, number];
    // Products with a matrix of shares along each axis, [rows, height] and [width, columns].
    const share = (places: number, outputs: number) => {
      const windows = spread(places, outputs);
      return (place: number, i: number): number => {
        const [begin, end] = windows[i]!;
        return place >= begin && place < end ? 1 / (end - begin) : 0;
      };
    };
    const [high, wide] = [share(height, rows), share(width, columns)];
    const left = count(rows).flatMap((i) => count(height).map((u) => high(u, i)));
    const right = count(width).flatMap((v) => count(columns).map((j) => wide(v, j)));
    const across = graph.node('MatMul', [
      imageName(graph, input),
      graph.made('columns', right, [width, columns]).name,
    ]);
    const y = graph.node('MatMul', [graph.made('rows', left, [rows, height]).name, across]);
    return imageValue(graph, y, results[0]!);
  },
  adaptiveMaxPool2d: (graph, [input, size], { results }) => {
    const [result, places] = results;
    if (places != null && graph.isUsed(places)) {
      throw graph.error('gives the places of the largest values, which has no form in ONNX');
    }
    const even: Value | null = evenly(graph, 'Max', input, size, result!);
    if (even) return [even, null];
    const extents = graph.shapeOf(input).map(([n]) => n);
    // Windows of the largest one's size side by side, where smaller ones have their last place more than once.
    const name = ([0, 1] as const).reduce(
      (x, axis) => {
        const windows = spread(extents[axis + 1]!, size[axis]!);
        const most = Math.max(...windows.map(([begin, end]) => end - begin));
        const rows = windows.flatMap(([begin, end]) => count(most).map((i) => Math.min(begin + i, end - 1)));
        const kernel = ints(axis === 0 ? [most, 1] : [1, most]);
        const spaced = graph.node('Gather', [x, graph.integers(rows, 'places')], {
          axis: { kind: 'int', value: axis + 2 },
        });
        return graph.node('MaxPool', [spaced], { kernel_shape: kernel, strides: kernel });
      },
      imageName(graph, input),
    );
    return [imageValue(graph, name, result!), null];
  },
};
