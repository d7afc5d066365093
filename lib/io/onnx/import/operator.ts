import type { NodeBuilder } from './nodeBuilder.js';
import type { Host, Value } from './value.js';

/**
 * How an operator of ONNX becomes operations of ours. A file of such has a table by ONNX's names, which operators.ts
 * collects.
 */
export interface Operator {
  /**
   * What its first input is laid out as, for the network's inputs, which take what the first operator wants that is not
   * indifferent: 'spatial' wants channels last, 'any' takes every layout (and gives the same), 'written' that of the file.
   */
  readonly layout: 'spatial' | 'any' | 'written';
  /** Since which version of ONNX's operators it has been what it is; earlier files are refused. Default: 7. */
  readonly since?: number;
  /** Builds a node's operations out of tensors. Returns the values of its outputs, in the file's order. */
  build(node: NodeBuilder): Value | readonly Value[];
  /**
   * Computes small arrays where all inputs are such: of shapes, and constants. Called when a file is read, with all that is
   * known, and if that is not everything, when the network runs. Null where this cannot be told yet how large the results
   * are; the node is built then.
   *
   * @param inputs null for one that is left out
   */
  host?(node: NodeBuilder, inputs: readonly (Host | null)[]): Host | readonly Host[] | null;
}

export type Operators = Readonly<Record<string, Operator>>;
