import type { Tensor } from '../../../tensor.js';
import type { Host } from './value.js';

/** What an operation is told when it runs. */
export interface Run {
  readonly training: boolean;
  /** The arrays on the JavaScript side that it asked for, all of whose elements are numbers. */
  readonly hosts: readonly Host[];
  /** To be added to the result, before ReLU; only for steps that say that they do so. */
  readonly residual: Tensor | null;
  /** Whether ReLU is to follow; only for steps that say that they do so. */
  readonly relu: boolean;
  /**
   * Refuses results so large that no network makes them of these inputs.
   *
   * @param shape of a tensor that is about to be made
   */
  readonly allow: (shape: readonly number[]) => void;
}

export type Compute = (inputs: readonly Tensor[], run: Run) => Tensor | Host | readonly (Tensor | Host)[];

/** What a step is, for others that can be one with it. */
export type Kind =
  | { readonly is: 'relu' }
  /** Of two tensors of one shape and layout. */
  | { readonly is: 'add' }
  /** A convolution or a linear layer: inputs are [x, weight, bias?], and the weight's last axis is that of outputs. */
  | { readonly is: 'layer' }
  /** In use: inputs are [x, weight, bias, mean, variance]. */
  | { readonly is: 'batchNorm'; readonly eps: number };

/** One operation of the network. Inputs and outputs are places of a run, slots. */
export interface Step {
  /** For errors. */
  readonly title: string;
  readonly inputs: readonly number[];
  /** Slots of the arrays on the JavaScript side; a Host is one that is known. */
  readonly hosts: readonly (number | Host)[];
  readonly outputs: readonly number[];
  readonly compute: Compute;
  readonly kind: Kind | null;
  /** What it can do in its own pass: ReLU, and adding a tensor before that. */
  readonly takes: { readonly relu?: boolean; readonly residual?: boolean };
}
