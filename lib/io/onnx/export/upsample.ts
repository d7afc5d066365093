import { imageName, imageValue } from './conv.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import { count } from './operand.js';

/** A factor as a float by which a runtime, which rounds down, comes to the size. */
function factorOf(size: number, wanted: number): number {
  let factor = Math.fround(wanted / size);
  for (
    let ulp = 2 ** -24;
    Math.floor(Math.fround(size * factor)) < wanted || size * factor < wanted;
    ulp *= 2
  ) {
    factor = Math.fround(factor * (1 + ulp));
  }
  return factor;
}

function resize(
  graph: Graph,
  name: string,
  factors: readonly number[],
  mode: string,
  places: string,
): string {
  const scales = graph.made('scales', [1, 1, ...factors], [4]);
  return graph.node('Resize', [name, '', scales.name], {
    mode: { kind: 'string', value: mode },
    coordinate_transformation_mode: { kind: 'string', value: places },
    nearest_mode: { kind: 'string', value: 'floor' },
  });
}

export const upsampling: Exporters = {
  upsample2d: (graph, [input, size, mode], { results }) => {
    const extents = graph
      .shapeOf(input)
      .slice(1, 3)
      .map(([n]) => n);
    let name = imageName(graph, input);
    if (mode !== 'nearest') {
      const places = mode === 'bilinear' ? 'half_pixel' : 'align_corners';
      const factors = extents.map((extent, axis) => factorOf(extent, size[axis]!));
      return imageValue(graph, resize(graph, name, factors, 'linear', places), results[0]!);
    }
    if (extents.every((extent, axis) => size[axis]! % extent === 0)) {
      const factors = extents.map((extent, axis) => size[axis]! / extent);
      return imageValue(graph, resize(graph, name, factors, 'nearest', 'asymmetric'), results[0]!);
    }
    // With other factors runtimes may round to another place.
    for (const [axis, extent] of extents.entries()) {
      const places = count(size[axis]!).map((i) => Math.floor((i * extent) / size[axis]!));
      name = graph.node('Gather', [name, graph.integers(places, 'places')], {
        axis: { kind: 'int', value: axis + 2 },
      });
    }
    return imageValue(graph, name, results[0]!);
  },
};
