import type { DType } from '../../../../binding.js';
import type { Extent } from '../trace.js';
import type { Graph } from './graph.js';
import { channelsFirst, count, product, same, type Operand } from './operand.js';

/**
 * A factor of an axis, known by its identity: where axes are taken together or apart, their atoms stay. Extents of 1 have
 * none.
 */
export type Atom = Extent;
type Axes = readonly (readonly Atom[])[];

/**
 * A tensor of the graph, and how striate's axes lie in it. Reshaping and transposing only change what is said of them:
 * operators for that are made where an operation asks for a form that the tensor does not have.
 */
export class Value implements Operand {
  readonly graph: Graph;
  readonly name: string;
  readonly dtype: DType;
  /** The atoms of each of the tensor's axes in the graph. */
  readonly physical: Axes;
  /** Those of striate's axes. */
  readonly logical: Axes;
  /** Forms of it that are in the graph. */
  readonly #forms: Map<string, string>;

  constructor(
    graph: Graph,
    name: string,
    dtype: DType,
    physical: Axes,
    logical: Axes,
    forms = new Map<string, string>(),
  ) {
    this.graph = graph;
    this.name = name;
    this.dtype = dtype;
    this.physical = physical;
    this.logical = logical;
    this.#forms = forms;
  }

  /** A new tensor, whose axis i is striate's axis order[i]. */
  static of(
    graph: Graph,
    name: string,
    dtype: DType,
    shape: readonly Extent[],
    order: readonly number[],
  ): Value {
    const logical = shape.map((extent): Atom[] => (same(extent, [1, 1]) ? [] : [[...extent]]));
    return new Value(
      graph,
      name,
      dtype,
      order.map((axis) => logical[axis]!),
      logical,
    );
  }

  get shape(): readonly Extent[] {
    return this.logical.map(product);
  }

  /** Another tensor that lies as this one does. */
  like(name: string, dtype: DType = this.dtype): Value {
    return new Value(this.graph, name, dtype, this.physical, this.logical);
  }

  reshaped(shape: readonly Extent[]): Value {
    const split = new Map<Atom, readonly Atom[]>();
    const logical = aligned(this.logical.flat(), shape, split);
    if (!logical) {
      const whole = this.#as(this.logical);
      const y = this.graph.reshape(whole, this.shape, shape);
      return Value.of(this.graph, y, this.dtype, shape, count(shape.length));
    }
    const parts = (atom: Atom): readonly Atom[] => split.get(atom)?.flatMap(parts) ?? [atom];
    const physical = this.physical.map((atoms) => atoms.flatMap(parts));
    return new Value(this.graph, this.name, this.dtype, physical, logical, this.#forms);
  }

  transposed(axes: readonly number[]): Value {
    const logical = axes.map((axis) => this.logical[axis]!);
    return new Value(this.graph, this.name, this.dtype, this.physical, logical, this.#forms);
  }

  grouped(groups: readonly (readonly number[])[]): string {
    return this.#as(groups.map((group) => group.flatMap((axis) => this.logical[axis]!)));
  }

  /** The same elements in the order in which they lie, each atom as an axis. */
  apart(): Value {
    const physical = this.physical.flat().map((atom) => [atom]);
    return new Value(this.graph, this.#as(physical), this.dtype, physical, this.logical);
  }

  /** The last axis's atoms, by their places among them, in the order in which they lie in the graph. */
  featureOrder(): number[] {
    const features = this.logical.at(-1) ?? [];
    return this.physical
      .flat()
      .map((atom) => features.indexOf(atom))
      .filter((place) => place >= 0);
  }

  /** This tensor with its features after the first axis and before the others, their atoms in the order they lie in. */
  channelsFirst(): Value {
    const rank = this.logical.length;
    const features = this.featureOrder().map((place) => this.logical[rank - 1]![place]!);
    const physical = channelsFirst(rank).map((axis) => (axis === rank - 1 ? features : this.logical[axis]!));
    return new Value(this.graph, this.#as(physical), this.dtype, physical, this.logical);
  }

  /** Striate's axes in an order in which they lie in the graph without being transposed, where there is one. */
  order(): number[] {
    const rank = this.logical.length;
    const atoms = this.physical.flat();
    const full = count(rank).filter((axis) => this.logical[axis]!.length > 0);
    const begin = (axis: number): number => atoms.indexOf(this.logical[axis]![0]!);
    const whole = (axis: number): boolean =>
      this.logical[axis]!.every((atom, i) => atoms[begin(axis) + i] === atom);
    if (!full.every(whole)) return count(rank);
    const lying = full.toSorted((a, b) => begin(a) - begin(b));
    const ones = count(rank).filter((axis) => this.logical[axis]!.length === 0);
    const candidates = [channelsFirst(rank), count(rank)];
    if (this.physical.length === rank && this.physical.every(({ length }) => length <= 1)) {
      const [next, nextOne] = [lying.values(), ones.values()];
      candidates.unshift(
        this.physical.map(({ length }) => (length === 0 ? nextOne : next).next().value ?? 0),
      );
    }
    const fits = (order: readonly number[]): boolean =>
      order.filter((axis) => !ones.includes(axis)).join() === lying.join();
    return candidates.find(fits) ?? [...lying, ...ones];
  }

  /** The name of this tensor in another form. */
  #as(target: Axes): string {
    if (sameAxes(this.physical, target)) return this.name;
    const atoms = this.physical.flat();
    const wanted = target.flat();
    const key = target.map((axis) => axis.map((atom) => `${this.graph.number(atom)}`).join('.')).join();
    const known = this.#forms.get(key);
    if (known !== undefined) return known;
    let name = this.name;
    let shape = this.physical.map(product);
    const reshape = (to: Axes): void => {
      const next = to.map(product);
      name = this.graph.reshape(name, shape, next);
      shape = next;
    };
    const transpose = (order: readonly number[]): void => {
      name = this.graph.node('Transpose', [name], { perm: { kind: 'ints', value: order } });
      shape = order.map((axis) => shape[axis]!);
    };
    const direct = permutation(this.physical, target);
    if (sameAxes([atoms], [wanted])) {
      reshape(target);
    } else if (direct) {
      transpose(direct);
    } else {
      const runs = runsOf(atoms, wanted);
      if (!sameAxes(this.physical, runs)) reshape(runs);
      const place = (run: number): number => wanted.indexOf(runs[run]![0]!);
      const order = count(runs.length).sort((a, b) => place(a) - place(b));
      transpose(order);
      const after = order.map((run) => runs[run]!);
      if (!sameAxes(after, target)) reshape(target);
    }
    this.#forms.set(key, name);
    return name;
  }
}

function sameAxes(a: Axes, b: Axes): boolean {
  return (
    a.length === b.length &&
    a.every(
      (atoms, axis) => atoms.length === b[axis]!.length && atoms.every((atom, i) => atom === b[axis]![i]),
    )
  );
}

/** By which order of its axes a tensor has the others, if by any. */
function permutation(from: Axes, to: Axes): number[] | null {
  if (from.length !== to.length) return null;
  const left = new Set(from.keys());
  const order = to.map((wanted) => {
    const found = [...left].find((axis) => sameAxes([from[axis]!], [wanted])) ?? -1;
    left.delete(found);
    return found;
  });
  return order.includes(-1) ? null : order;
}

/** Atoms in the order in which they lie, those together that stay together. */
function runsOf(atoms: readonly Atom[], wanted: readonly Atom[]): Atom[][] {
  const runs: Atom[][] = [];
  for (const [i, atom] of atoms.entries()) {
    const goesOn = i > 0 && wanted.indexOf(atom) === wanted.indexOf(atoms[i - 1]!) + 1;
    if (goesOn) runs.at(-1)!.push(atom);
    else runs.push([atom]);
  }
  return runs;
}

/** Atoms as the axes of a shape; `split` takes the parts of those that lie across axes. Null where they do not align. */
function aligned(
  atoms: readonly Atom[],
  shape: readonly Extent[],
  split: Map<Atom, readonly Atom[]>,
): Atom[][] | null {
  const waiting = [...atoms];
  const axes = shape.map((extent): Atom[] | null => {
    const axis: Atom[] = [];
    for (let rest: Extent = extent; !same(rest, [1, 1]);) {
      const atom = waiting.shift();
      if (!atom) return null;
      const [left, over] = [quotient(rest, atom), quotient(atom, rest)];
      if (left) {
        axis.push(atom);
        rest = left;
      } else if (over) {
        const first: Atom = [...rest];
        split.set(atom, [first, over]);
        waiting.unshift(over);
        axis.push(first);
        rest = [1, 1];
      } else return null;
    }
    return axis;
  });
  return waiting.length === 0 && axes.every((axis) => axis !== null) ? axes : null;
}

/** a / b, where it is whole. */
function quotient(a: Extent, b: Extent): Extent | null {
  const [x, y] = [a[0] / b[0], a[1] / b[1]];
  return Number.isInteger(x) && Number.isInteger(y) && x > 0 && y > 0 ? [x, y] : null;
}
