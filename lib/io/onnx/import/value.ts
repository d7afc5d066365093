import type { Constant, ElementType } from '../schema.js';
import type { Move } from './moves.js';

/**
 * An extent as far as it is known before the network runs: a number, a name that stands for one number throughout a run,
 * or nothing known.
 */
export type Extent = number | string | undefined;

/** Whether two extents are known to be equal. */
export function sameExtent(a: Extent, b: Extent): boolean {
  return a !== undefined && a === b;
}

/**
 * A small array on the JavaScript side, in ONNX's layout: shapes and what is computed of them. When the network runs, its
 * elements are numbers.
 */
export interface Host {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly elements: readonly Extent[];
}

interface Known {
  /** The name in the file; '' for what it does not name. */
  readonly name: string;
  readonly type: ElementType;
  /** In the order of axes that the file has. */
  readonly shape: readonly Extent[];
}

/** A tensor of the file that nothing has been made of yet. */
export interface ConstantValue extends Known {
  readonly kind: 'constant';
  readonly constant: Constant;
  /** What the file's nodes have made of its layout. */
  readonly moves: readonly Move[];
  /** Whether it is one of the network's weights, which training adjusts. */
  readonly trainable: boolean;
  readonly shape: readonly number[];
}

/** An array on the JavaScript side. */
export interface HostValue extends Known {
  readonly kind: 'host';
  /** Where it is when the network runs; null where all of it is known. */
  readonly slot: number | null;
  readonly host: Host;
  readonly shape: readonly number[];
}

/** A tensor that is there when the network runs. */
export interface TensorValue extends Known {
  readonly kind: 'tensor';
  readonly slot: number;
  /** How it is laid out: axis i of the tensor is axis order[i] of the file's. */
  readonly order: readonly number[];
  /**
   * Above 0, for a matrix: its rows are images of so many channels, flattened as they lie in memory, [H·W·C], where the
   * file has [C·H·W].
   */
  readonly flatChannels: number;
}

export type Value = ConstantValue | HostValue | TensorValue;

/** The elements of an array that is known as a whole; null where something is not. */
export function knownElements({ elements }: Host): readonly number[] | null {
  return elements.every((element) => typeof element === 'number') ? elements : null;
}
