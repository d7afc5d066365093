import type { DType, TypedArray } from '../../../../binding.js';
import type { Extent } from '../trace.js';
import type { Graph } from './graph.js';
import { fixed, numbers, product, type Operand } from './operand.js';
import { permuted } from './permute.js';

/** A tensor that the file holds. Its elements are made when it is written. */
export class Constant implements Operand {
  readonly #graph: Graph;
  /** By which it is named in the graph. */
  readonly label: string;
  readonly dtype: DType;
  readonly extents: readonly number[];
  readonly make: () => TypedArray;
  /** What was made of it, so that it is in the file once. */
  readonly #views = new Map<string, Constant>();
  #name: string | undefined;

  constructor(graph: Graph, label: string, dtype: DType, extents: readonly number[], make: () => TypedArray) {
    this.#graph = graph;
    this.label = label;
    this.dtype = dtype;
    this.extents = extents;
    this.make = make;
  }

  get shape(): readonly Extent[] {
    return this.extents.map(fixed);
  }

  get size(): number {
    return this.extents.reduce((n, extent) => n * extent, 1);
  }

  /** The name of the initializer. */
  get name(): string {
    return (this.#name ??= this.#graph.initializer(this));
  }

  reshaped(shape: readonly Extent[]): Constant {
    const extents = numbers(shape);
    if (!extents) throw this.#graph.error('gives a constant a shape that depends on the size of the batch');
    if (extents.join() === this.extents.join()) return this;
    return this.#view(`[${extents.join()}]`, extents, this.make);
  }

  transposed(axes: readonly number[]): Constant {
    if (axes.every((axis, i) => axis === i)) return this;
    const extents = axes.map((axis) => this.extents[axis]!);
    return this.#view(axes.join(), extents, () => permuted(this.make(), this.extents, axes));
  }

  grouped(groups: readonly (readonly number[])[]): string {
    const shape = groups.map((group) => product(group.map((axis) => fixed(this.extents[axis]!))));
    return this.transposed(groups.flat()).reshaped(shape).name;
  }

  #view(key: string, extents: readonly number[], make: () => TypedArray): Constant {
    const known = this.#views.get(key);
    if (known) return known;
    const view = new Constant(this.#graph, this.label, this.dtype, extents, make);
    this.#views.set(key, view);
    return view;
  }
}
