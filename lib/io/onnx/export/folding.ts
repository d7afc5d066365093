import type { Binding, Handle } from '../../../../binding.js';
import type { TracedCall } from '../trace.js';
import type { Constant } from './constant.js';
import type { Graph } from './graph.js';

/** y·scale + shift for each channel, to be done by the layer that gives y. */
export interface Affine {
  scale: () => Float64Array;
  shift: () => Float64Array;
}

/** Layers into which a batch norm can be folded: with ReLU or an addition in between it cannot. */
function foldable({ operation, args }: TracedCall): boolean {
  switch (operation) {
    case 'conv2d':
      return args[3] === null && args[8] === false;
    case 'convTranspose2d':
      return args[8] === false;
    case 'linear':
      return args[3] === false;
    default:
      return false;
  }
}

/** Finds the batch norms that the layers before them can do, and tells the graph. */
export function foldNorms(graph: Graph, calls: readonly TracedCall[]): void {
  const makers = new Map(calls.flatMap((call) => call.results.map((handle) => [handle, call] as const)));
  for (const call of calls) {
    if (call.operation !== 'batchNormInference') continue;
    const args = call.args as Parameters<Binding['batchNormInference']>;
    let [handle] = args;
    let maker = makers.get(handle);
    // Other shapes in between, as of a sequence that was an image of one row.
    while (
      maker &&
      (maker.operation === 'reshape' || maker.operation === 'alias') &&
      graph.onlyUser(handle)
    ) {
      handle = maker.args[0] as Handle;
      maker = makers.get(handle);
    }
    if (!maker || !foldable(maker) || !graph.onlyUser(handle)) continue;
    const [channels, given] = [args[0], handle].map((one) => graph.shapeOf(one).at(-1)![0]);
    if (channels !== given || !parametersAreConstant(graph, maker, args)) continue;
    graph.fold(handle, affineOf(graph, args), call.results[0]!);
  }
}

function parametersAreConstant(
  graph: Graph,
  { args }: TracedCall,
  [, ...norm]: Parameters<Binding['batchNormInference']>,
): boolean {
  const handles = [...args.slice(1, 3), ...norm.slice(0, 4)] as (Handle | null)[];
  return handles.every((handle) => handle === null || graph.isConstant(handle));
}

/** What a batch norm does in use: s = weight / √(var + eps), and bias − mean·s. */
function affineOf(
  graph: Graph,
  [, weight, bias, runningMean, runningVar, , eps]: Parameters<Binding['batchNormInference']>,
): Affine {
  const of = (handle: Handle | null): Constant | null =>
    handle === null ? null : graph.constant(handle, 'weight, bias and statistics');
  const [factor, summand, mean, variance] = [of(weight), of(bias), of(runningMean)!, of(runningVar)!];
  const scale = (): Float64Array => {
    const values = factor?.make();
    return Float64Array.from(variance.make(), (v, i) => (values?.[i] ?? 1) / Math.sqrt(v + eps));
  };
  return {
    scale,
    shift: () => {
      const [s, added] = [scale(), summand?.make()];
      return Float64Array.from(mean.make(), (m, i) => (added?.[i] ?? 0) - m * s[i]!);
    },
  };
}
