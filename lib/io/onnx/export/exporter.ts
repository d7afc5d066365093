import type { Binding } from '../../../../binding.js';
import type { TracedCall } from '../trace.js';
import type { Graph } from './graph.js';
import type { Operand } from './operand.js';

/** Puts a call of the native side into the graph; gives its result, or those of a call that has several. */
export type Exporter<K extends keyof Binding> = (
  graph: Graph,
  args: Parameters<Binding[K]>,
  call: TracedCall,
) => Operand | readonly (Operand | null)[];

export type Exporters = { readonly [K in keyof Binding]?: Exporter<K> };
