import type { Handle, TypedArray } from '../../../../binding.js';
import type { Graph as StoredGraph } from '../schema.js';
import type { Trace } from '../trace.js';
import { activation } from './activation.js';
import { convolutions } from './conv.js';
import { elementwise } from './elementwise.js';
import type { Exporters } from './exporter.js';
import { foldNorms } from './folding.js';
import { Graph } from './graph.js';
import { products } from './matmul.js';
import { movement } from './movement.js';
import { norms } from './norm.js';
import { pools } from './pool.js';
import { reductions } from './reduce.js';
import { upsampling } from './upsample.js';

const exporters: Exporters = {
  ...elementwise,
  ...activation,
  ...movement,
  ...reductions,
  ...products,
  ...convolutions,
  ...pools,
  ...norms,
  ...upsampling,
};

export interface GraphOptions {
  opset: number;
  inputName: string;
  outputName: string;
}

/**
 * What a trace computes, as a graph of ONNX.
 *
 * @param values those of the trace's constants
 * @throws StriateError for an operation that has no form in ONNX; it names the layer that called it
 */
export function exportGraph(
  trace: Trace,
  values: ReadonlyMap<Handle, TypedArray>,
  { opset, inputName, outputName }: GraphOptions,
): StoredGraph {
  const graph = new Graph(trace, values, opset, inputName);
  const calls = graph.needed();
  foldNorms(graph, calls);
  for (const call of calls) {
    graph.within(call, () => {
      const exporter = exporters[call.operation];
      if (!exporter) throw graph.error('has no form in ONNX here');
      const made = [exporter(graph, call.args as never, call)].flat();
      call.results.forEach((handle, i) => {
        const operand = made[i];
        if (handle !== null && operand) graph.define(handle, operand);
      });
    });
  }
  const output = graph.finish(outputName);
  const { nodes, constants } = graph;
  return { name: 'striate', nodes, constants, inputs: [graph.inputInfo()], outputs: [output] };
}
