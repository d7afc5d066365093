import { native, StriateError } from './native.js';
import { defineMethods, refuseAsync, requireLive, scope, Tensor, type DType } from './tensor.js';

/**
 * The derivative of an operation: the gradient by its result and what it saved, to the gradients by its inputs (null
 * where there is none). `needs[i]` tells whether the i-th is asked for. An operation recorded with `addsGradients` may be
 * given a further gradient, which is to be added to the first.
 */
export type Derivative<Saved extends readonly Input[]> = (
  gradient: Tensor,
  saved: Saved,
  needs: readonly boolean[],
  further?: Tensor,
) => (Tensor | null)[];

type Input = Tensor<DType>;

/** Where a gradient goes: into the operation that produced the input, into a leaf, or nowhere. */
type Edge = Node | Tensor | null;

let enabled = true;

/** Whether operations are recorded for backward(). */
export function gradEnabled(): boolean {
  return enabled;
}

/** Calls `work` without recording its operations: no memory is held for a backward pass. */
export function noGrad<T>(work: () => T): T {
  refuseAsync('noGrad', work);
  const before = enabled;
  enabled = false;
  try {
    return work();
  } finally {
    enabled = before;
  }
}

/** One recorded operation. Saved tensors are handles of its own, so that users may dispose theirs at any time. */
export class Node {
  readonly operation: string;
  /** Whether the derivative adds two gradients in a pass that it makes anyway. */
  readonly addsGradients: boolean;
  edges: readonly Edge[];
  #derivative: Derivative<readonly Input[]> | null;
  #saved: { tensor: Input; changes: number }[];
  /** The result's handle and the operations recorded on it. */
  #users = 1;
  #freed = false;

  constructor(
    operation: string,
    inputs: readonly Input[],
    saved: readonly Input[],
    derivative: Derivative<readonly Input[]>,
    { addsGradients = false }: RecordOptions,
  ) {
    this.operation = operation;
    this.addsGradients = addsGradients;
    this.#derivative = derivative;
    this.edges = inputs.map((input) => {
      if (!input.requiresGrad) return null;
      input.node?.hold();
      return input.node ?? (input as Tensor);
    });
    this.#saved = saved.map((tensor) => ({
      tensor: tensor.detach().keep(),
      changes: tensor.versions.changes,
    }));
  }

  /** The gradients by the inputs, from the one by the result, or two to be added. */
  differentiate(gradient: Tensor, further?: Tensor): (Tensor | null)[] {
    const saved = this.#restored();
    const needs = this.edges.map((edge) => edge !== null);
    return scope(() => this.#derivative?.(gradient, saved, needs, further) ?? []);
  }

  #restored(): Input[] {
    if (this.#freed) {
      throw new StriateError(
        `backward: the graph through ${this.operation} has been used and freed; pass { retainGraph: true } the first time`,
      );
    }
    for (const { tensor, changes } of this.#saved) {
      if (tensor.versions.changes !== changes) {
        throw new StriateError(
          `backward: a tensor [${tensor.shape.join(', ')}] that ${this.operation} saved was changed in place since`,
        );
      }
    }
    return this.#saved.map(({ tensor }) => tensor);
  }

  /** Gives back what was saved, and lets go of the operations before: a result may outlive its graph by long. */
  free(): void {
    for (const edge of this.#release()) if (edge instanceof Node) edge.drop();
  }

  /** One user more. */
  hold(): void {
    this.#users++;
  }

  /** One user less; the last one frees this operation and leaves those before it. */
  drop(): void {
    const unused: Node[] = [this];
    for (let node = unused.pop(); node; node = unused.pop()) {
      if (--node.#users > 0) continue;
      for (const edge of node.#release()) if (edge instanceof Node) unused.push(edge);
    }
  }

  #release(): readonly Edge[] {
    const { edges } = this;
    for (const { tensor } of this.#saved) tensor.discard();
    this.#freed = true;
    this.#saved = [];
    this.edges = [];
    this.#derivative = null;
    return edges;
  }
}

/** Whether record() records an operation of these inputs. */
export function recording(inputs: readonly Input[]): boolean {
  return enabled && inputs.some((input) => input.requiresGrad);
}

export interface RecordOptions {
  /** Whether the derivative is to be given two gradients by the result where there are more than one; see Derivative. */
  addsGradients?: boolean;
}

/**
 * Records that `output` came from `inputs`, where one of them wants a gradient; `saved` is what the derivative is given.
 * Returns `output`.
 */
export function record<T extends Input, const Saved extends readonly Input[]>(
  operation: string,
  output: T,
  inputs: readonly Input[],
  saved: Saved,
  derivative: Derivative<Saved>,
  options: RecordOptions = {},
): T {
  if (recording(inputs)) {
    output.node = new Node(operation, inputs, saved, derivative as Derivative<readonly Input[]>, options);
    output.requiresGrad = true;
  }
  return output;
}

export interface BackwardOptions {
  /** Keep what the operations saved, to go back through the same graph again. Default: false. */
  retainGraph?: boolean;
}

/**
 * Adds to `grad` of every leaf that wants one the gradient of `output`, a tensor with one element (or of the sum of
 * output·gradient, where `gradient` is given in output's shape).
 *
 * @throws StriateError where nothing was recorded, or the graph has been used before without `retainGraph`.
 */
export function backward(output: Tensor, gradient?: Tensor, options: BackwardOptions = {}): void {
  scope(() => {
    const leaves: Tensor[] = [];
    propagate('backward', output, gradient, options, new Set(), (leaf, g) => {
      const target = leaf as Tensor;
      target.grad = added(target.grad, g).keep();
      leaves.push(target);
    });
    const taken = new Set<object>();
    for (const leaf of new Set(leaves)) if (leaf.grad) leaf.grad = alone(leaf.grad, taken).keep();
  });
}

/** The gradient over a storage of its own, so that changing it in place changes no other's: a copy where it is taken. */
function alone(g: Tensor, taken: Set<object>): Tensor {
  if (!taken.has(g.versions)) {
    taken.add(g.versions);
    return g;
  }
  const copy = copyOf(g);
  g.dispose();
  return copy;
}

/** The same elements over a storage of its own. */
function copyOf(source: Tensor): Tensor {
  const copy = new Tensor(native.full(source.shape, 0, 'f32'), 'f32');
  native.assign(copy.handle, source.handle);
  return copy;
}

/** The sum of gradients in place of them: in the memory of one, where no other tensor shares it. */
function sumOf(gradients: readonly Tensor[]): Tensor {
  const [first] = gradients;
  if (first && gradients.length === 1) return first;
  return new Tensor(native.addUp(gradients.map((g) => g.giveUp())), 'f32');
}

function added(before: Tensor | null | undefined, g: Tensor): Tensor {
  return sumOf(before ? [before, g] : [g]);
}

/**
 * Gradients of one result, to be added in one pass over memory when all are there; but at most so many wait that those
 * of a result with many uses do not fill memory.
 */
const mostWaiting = 4;

/**
 * The gradients of `output` by each of `inputs`, without touching their `grad`; zeros where `output` does not depend on
 * one. `gradient` and the options as in `backward`.
 */
export function grad(
  output: Tensor,
  inputs: readonly Tensor[],
  gradient?: Tensor,
  options: BackwardOptions = {},
): Tensor[] {
  for (const [i, input] of inputs.entries()) requireLive('grad', `inputs[${i}]`, input);
  return scope(() => {
    const sums = new Map<Node | Tensor, Tensor>();
    const wanted = new Set(inputs.map((input) => input.node ?? input));
    propagate('grad', output, gradient, options, wanted, (target, g) => {
      if (wanted.has(target)) sums.set(target, added(sums.get(target), g));
      else g.dispose();
    });
    const taken = new Set<object>();
    return inputs.map((input) => {
      const sum = sums.get(input.node ?? input);
      return sum ? alone(sum.detach(), taken) : new Tensor(native.full(input.shape, 0, 'f32'), 'f32');
    });
  });
}

/**
 * Carries the gradient of `output` back. `sink` is given, and owns, every gradient that reaches a leaf or one of the
 * operations in `watched`.
 */
function propagate(
  caller: string,
  output: Tensor,
  gradient: Tensor | undefined,
  options: BackwardOptions,
  watched: ReadonlySet<Node | Tensor>,
  sink: (target: Node | Tensor, gradient: Tensor) => void,
): void {
  if (output instanceof Tensor && output.disposed) {
    throw new StriateError(`${caller}: output has been disposed`);
  }
  const root = output instanceof Tensor && output.requiresGrad ? (output.node ?? output) : null;
  if (!root) throw new StriateError(`${caller}: output was not computed from a tensor with requiresGrad`);
  const seed = seedOf(caller, output, gradient);
  if (root instanceof Tensor) {
    sink(root, seed);
    return;
  }
  noGrad(() => {
    const pending = new Map<Node, Tensor[]>([[root, [seed]]]);
    const order = resultsFirst(root);
    // Held, as each lets go of those before it when it is freed.
    for (const node of order) node.hold();
    try {
      for (const node of order) {
        const waiting = pending.get(node);
        pending.delete(node);
        if (waiting) {
          const [incoming, further] =
            node.addsGradients && !watched.has(node) ? inTwo(waiting) : [sumOf(waiting)];
          if (watched.has(node)) sink(node, incoming.detach());
          for (const [edge, g] of inputGradients(node, incoming, further)) {
            if (edge instanceof Node) pending.set(edge, together(pending.get(edge) ?? [], g));
            else sink(edge, g);
          }
          incoming.discard();
          further?.discard();
        }
        if (!options.retainGraph) node.free();
      }
    } finally {
      for (const node of order) node.drop();
    }
  });
}

/** The gradients that wait for their sum, and one more. */
function together(waiting: readonly Tensor[], g: Tensor): Tensor[] {
  return waiting.length < mostWaiting ? [...waiting, g] : [sumOf([...waiting, g])];
}

/** The sum of gradients, as one or as two that are yet to be added. */
function inTwo([first, ...rest]: readonly Tensor[]): [first: Tensor, further?: Tensor] {
  return rest.length > 0 ? [first!, sumOf(rest)] : [first!];
}

function seedOf(caller: string, output: Tensor, gradient: Tensor | undefined): Tensor {
  const { shape } = output;
  if (!gradient) {
    if (output.size === 1) return new Tensor(native.full(shape, 1, 'f32'), 'f32');
    throw new RangeError(
      `${caller}: output [${shape.join(', ')}] has ${output.size} elements; wants 1, or a gradient`,
    );
  }
  const given: Tensor<DType> = requireLive(caller, 'gradient', gradient);
  if (given.dtype !== 'f32') throw new TypeError(`${caller}: gradient is ${given.dtype}, wants f32`);
  if (given.shape.join() !== shape.join()) {
    throw new RangeError(
      `${caller}: gradient has shape [${given.shape.join(', ')}], wants [${shape.join(', ')}]`,
    );
  }
  // A copy, as it may become the gradient of a leaf.
  return copyOf(gradient);
}

/** The gradients of a node's inputs, each under a handle of its own. */
function inputGradients(node: Node, gradient: Tensor, further?: Tensor): [Node | Tensor, Tensor][] {
  const given = node.differentiate(gradient, further);
  const own: [Node | Tensor, Tensor][] = [];
  node.edges.forEach((edge, i) => {
    const g = given[i];
    if (!g || !edge) return;
    // The incoming gradient, one for two inputs, and what was saved have another owner.
    own.push([edge, g === gradient || given.indexOf(g) < i || g.kept ? g.detach() : g]);
  });
  return own;
}

/** The operations that `root` depends on, each before those whose results it used. */
function resultsFirst(root: Node): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>([root]);
  const stack: { node: Node; next: number }[] = [{ node: root, next: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const edge = top.node.edges[top.next++];
    if (edge === undefined) {
      order.push(top.node);
      stack.pop();
    } else if (edge instanceof Node && !seen.has(edge)) {
      seen.add(edge);
      stack.push({ node: edge, next: 0 });
    }
  }
  return order.reverse();
}

declare module './tensor.js' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- the parameters of a merged interface must agree
  interface Tensor<D extends DType = 'f32'> {
    /** See the function backward. */
    backward(this: Tensor, gradient?: Tensor, options?: BackwardOptions): void;
  }
}

defineMethods({ backward });
