import { noGrad } from '../autograd.js';
import { native, StriateError } from '../native.js';
import { zeros } from '../ops/creation.js';
import { abs, add, mul, sub } from '../ops/elementwise.js';
import { concat, reshape, slice } from '../ops/movement.js';
import { max, sum } from '../ops/reduce.js';
import { handleOf, refuseAsync, requireLive, scope, Tensor } from '../tensor.js';
import { Group, groupsOf, type OptimizedParameters } from './group.js';
import { completed, requireChoice, requireKnown, requireNumber, requireWhole } from './options.js';
import type { OptimizerState } from './optimizer.js';
import { strongWolfe, type Point } from './strongWolfe.js';

export interface LBFGSOptions {
  /** The length of a step along the direction, or the first that the line search tries. Default: 1. */
  readonly lr?: number;
  /** Iterations in a step(). Default: 20. */
  readonly maxIter?: number;
  /** Evaluations of the loss after which a step() ends. Default: null, 1.25·maxIter. */
  readonly maxEval?: number | null;
  /** A step() ends where no element of the gradient is above this. Default: 1e-7. */
  readonly toleranceGrad?: number;
  /** A step() ends where neither a parameter nor the loss changes by more. Default: 1e-9. */
  readonly toleranceChange?: number;
  /** How many of the last moves the curvature is taken from; each holds two copies of the parameters. Default: 100. */
  readonly historySize?: number;
  /** How long moves are: lr, or found by a line search that satisfies the strong Wolfe conditions. Default: null, lr. */
  readonly lineSearch?: 'strongWolfe' | null;
}

/** What L-BFGS knows. */
export interface LBFGSState extends OptimizerState<Required<LBFGSOptions>> {
  /** The length of the last step along the direction. */
  stepLength: number;
}

const defaults: Required<LBFGSOptions> = {
  lr: 1,
  maxIter: 20,
  maxEval: null,
  toleranceGrad: 1e-7,
  toleranceChange: 1e-9,
  historySize: 100,
  lineSearch: null,
};

/** The loss at a place, and its gradient there. */
interface Evaluation {
  readonly loss: number;
  readonly gradient: Tensor;
}

/** Changes of the gradient with moves along the direction as small as this tell nothing of the curvature. */
const leastCurvature = 1e-10;

/**
 * L-BFGS (Liu and Nocedal, 1989), in PyTorch's form: Newton's method with an inverse Hessian made of the last moves. For
 * small networks and whole batches: the loss must be the same function from evaluation to evaluation.
 *
 * ```ts
 * const optimizer = new optim.LBFGS(model.parameters(), { lineSearch: 'strongWolfe' });
 * await optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const l = loss.crossEntropy(model.forward(x), labels);
 *   l.backward();
 *   return l;
 * });
 * ```
 *
 * Memory: 2·historySize copies of the parameters.
 *
 * @throws TypeError or RangeError for options unknown or out of range, several groups, and parameters that are no f32
 *   tensors, the results of operations, none, or one twice
 */
export class LBFGS implements Disposable {
  /** The only one. */
  readonly groups: readonly [Group<Required<LBFGSOptions>>];
  readonly #size: number;
  #iterations = 0;
  #direction: Tensor | null = null;
  #stepLength = 0;
  /** The gradient at which the direction was taken; all parameters' as one vector, as are all here. */
  #gradient: Tensor | null = null;
  /** How the gradient has changed with each of the moves. */
  #differences: Tensor[] = [];
  #moves: Tensor[] = [];
  #stepping = false;

  constructor(parameters: OptimizedParameters<LBFGSOptions>, options: LBFGSOptions = {}) {
    const given = groupsOf('LBFGS', parameters, completed('LBFGS', defaults, options));
    const [first] = given;
    if (!first || given.length > 1) {
      throw new RangeError(`LBFGS: parameters are in ${given.length} groups, wants one`);
    }
    this.groups = [new Group('LBFGS', first.parameters, first.options, { check })];
    this.#size = this.parameters.reduce((n, { size }) => n + size, 0);
    if (this.#size === 0) throw new RangeError('LBFGS: parameters have no elements');
  }

  /** The tensors that step() changes, in the order given. */
  get parameters(): readonly Tensor[] {
    return this.groups[0].parameters;
  }

  get options(): Required<LBFGSOptions> {
    return this.groups[0].options;
  }

  get lr(): number {
    return this.options.lr;
  }

  set lr(lr: number) {
    this.groups[0].lr = lr;
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /**
   * Up to maxIter iterations. `closure` zeroes the gradients, computes the loss, calls backward and returns the loss; what
   * else it creates is disposed.
   *
   * @returns the loss before
   * @throws StriateError while another step() runs, TypeError for a closure that is asynchronous or returns no tensor, and
   *   whatever evaluating the loss throws; the parameters are then as before the iteration that failed
   */
  async step(closure: () => Tensor): Promise<number> {
    if (typeof closure !== 'function') {
      throw new TypeError('LBFGS: step wants a function that computes the loss and its gradients');
    }
    refuseAsync('LBFGS', closure);
    if (this.#stepping) throw new StriateError('LBFGS: another step() runs; wait for it');
    this.#stepping = true;
    try {
      return await this.#minimize(closure);
    } finally {
      this.#stepping = false;
    }
  }

  async #minimize(closure: () => Tensor): Promise<number> {
    const { lr, maxIter, toleranceGrad, toleranceChange, lineSearch } = this.options;
    const maxEval = this.options.maxEval ?? Math.floor(1.25 * maxIter);
    let here = await this.#evaluate(closure);
    const lossBefore = here.loss;
    let evaluations = 1;
    for (let i = 1; i <= maxIter; i++) {
      if ((await largest(here.gradient)) <= toleranceGrad) break;
      const direction = await this.#turn(here.gradient);
      const first = this.#iterations === 1 ? Math.min(1, 1 / (await total(here.gradient))) : 1;
      const slope = await product(here.gradient, direction);
      this.#stepLength = first * lr;
      // Also where it is not a number.
      if (!(slope <= -toleranceChange)) break;

      const { loss } = here;
      if (lineSearch) {
        const start = { ...here, t: 0, slope };
        const found = await this.#search(closure, start, direction, maxEval - evaluations);
        here = found.point;
        evaluations += found.evaluations;
      } else {
        // In the last iteration an evaluation would be for nothing: the next step() begins with it.
        here = await this.#stride(direction, i < maxIter ? closure : null, here);
        evaluations++;
      }
      if (i === maxIter || evaluations >= maxEval) break;
      if ((await largest(direction)) * Math.abs(this.#stepLength) <= toleranceChange) break;
      if (Math.abs(here.loss - loss) < toleranceChange) break;
    }
    if (here.gradient !== this.#gradient) here.gradient.dispose();
    return lossBefore;
  }

  /** The direction from here on, after remembering how the gradient has changed with the last move. */
  async #turn(gradient: Tensor): Promise<Tensor> {
    const { historySize } = this.options;
    if (this.#direction && this.#gradient) {
      const difference = sub(gradient, this.#gradient).keep();
      const move = mul(this.#direction, this.#stepLength).keep();
      if ((await product(difference, move)) > leastCurvature) {
        while (this.#moves.length >= historySize) {
          this.#moves.shift()?.dispose();
          this.#differences.shift()?.dispose();
        }
        this.#differences.push(difference);
        this.#moves.push(move);
      } else {
        difference.dispose();
        move.dispose();
      }
    }
    this.#iterations++;
    if (this.#gradient !== gradient) this.#gradient?.dispose();
    this.#gradient = gradient;
    const handle = native.lbfgsDirection(
      gradient.handle,
      this.#differences.map(handleOf),
      this.#moves.map(handleOf),
    );
    this.#direction?.dispose();
    return (this.#direction = new Tensor(handle, 'f32').keep());
  }

  /** A move of the given length, after which the loss is evaluated where there is a closure. */
  async #stride(direction: Tensor, closure: (() => Tensor) | null, here: Evaluation): Promise<Evaluation> {
    const origin = this.#copies();
    try {
      this.#move(origin, direction, this.#stepLength);
      return closure ? await this.#evaluate(closure) : here;
    } catch (error) {
      this.#move(origin, direction, 0);
      throw error;
    } finally {
      for (const copy of origin) copy.dispose();
    }
  }

  async #search(
    closure: () => Tensor,
    start: Point<Tensor>,
    direction: Tensor,
    mostTrials: number,
  ): Promise<{ point: Point<Tensor>; evaluations: number }> {
    const { toleranceChange } = this.options;
    const origin = this.#copies();
    const gradients: Tensor[] = [];
    const evaluate = async (t: number): Promise<Point<Tensor>> => {
      this.#move(origin, direction, t);
      const { loss, gradient } = await this.#evaluate(closure);
      gradients.push(gradient);
      return { t, loss, gradient, slope: await product(gradient, direction) };
    };
    let kept: Tensor | null = null;
    try {
      const reach = await largest(direction);
      const options = { mostTrials, toleranceChange, reach };
      const found = await strongWolfe(evaluate, start, this.#stepLength, options);
      this.#stepLength = found.point.t;
      kept = found.point.gradient;
      this.#move(origin, direction, found.point.t);
      return found;
    } catch (error) {
      this.#move(origin, direction, 0);
      throw error;
    } finally {
      for (const tensor of [...origin, ...gradients]) if (tensor !== kept) tensor.dispose();
    }
  }

  async #evaluate(closure: () => Tensor): Promise<Evaluation> {
    const { loss, gradient } = scope(() => {
      const loss = requireLive('LBFGS', "the closure's result", closure());
      return { loss, gradient: noGrad(() => this.#flatGradient()).keep() };
    });
    try {
      return { loss: await loss.item(), gradient };
    } finally {
      loss.dispose();
    }
  }

  #flatGradient(): Tensor {
    if (this.parameters.every(({ grad }) => !grad)) {
      throw new StriateError('LBFGS: no parameter has a gradient; the closure is to call backward()');
    }
    return concat(this.parameters.map(({ grad, size }) => (grad ? reshape(grad, [size]) : zeros([size]))));
  }

  #copies(): Tensor[] {
    return this.parameters.map((parameter) => copyOf(parameter));
  }

  /** Sets the parameters to origin + t·direction. */
  #move(origin: readonly Tensor[], direction: Tensor, t: number): void {
    let end = 0;
    for (const [i, parameter] of this.parameters.entries()) {
      const start = end;
      end += parameter.size;
      noGrad(() =>
        scope(() => {
          const part = reshape(slice(direction, [start], [end]), parameter.shape);
          parameter.assign(t === 0 ? origin[i]! : add(origin[i]!, mul(part, t)));
        }),
      );
    }
  }

  /** Options and state. The tensors are the optimizer's own, not copies. */
  stateDict(): LBFGSState {
    const tensors = new Map<string, Tensor>();
    if (this.#direction) tensors.set('direction', this.#direction);
    if (this.#gradient) tensors.set('gradient', this.#gradient);
    for (const [i, tensor] of this.#differences.entries()) tensors.set(`differences.${i}`, tensor);
    for (const [i, tensor] of this.#moves.entries()) tensors.set(`moves.${i}`, tensor);
    return {
      groups: [{ options: this.options, parameters: this.parameters.map((_, i) => i) }],
      steps: [this.#iterations],
      stepLength: this.#stepLength,
      tensors,
    };
  }

  /**
   * Takes over the options and copies of the state of another L-BFGS, whose parameters had as many elements.
   *
   * @throws StriateError, before anything is changed, where the state does not fit or a step() runs; TypeError or
   *   RangeError for options out of range
   */
  loadStateDict({ groups, steps, stepLength, tensors }: LBFGSState): void {
    if (this.#stepping) throw new StriateError('loadStateDict: a step() runs; wait for it');
    const options = groups[0]?.options ?? this.options;
    const [iterations = 0] = steps;
    const pairs = [...tensors.keys()].filter((key) => key.startsWith('moves.')).length;
    const names = iterations > 0 ? ['direction', 'gradient'] : [];
    for (let i = 0; i < pairs; i++) names.push(`differences.${i}`, `moves.${i}`);
    const problems = [...tensors.keys()]
      .filter((key) => !names.includes(key))
      .map((key) => `${key} is not in the optimizer`);
    for (const name of names) {
      const tensor = tensors.get(name);
      if (!tensor) problems.push(`${name} is missing`);
      else if (tensor.dtype !== 'f32' || tensor.shape.join() !== String(this.#size)) {
        problems.push(`${name} is ${tensor.dtype} [${tensor.shape.join(', ')}], wants f32 [${this.#size}]`);
      }
    }
    if (groups.length !== 1) problems.push(`the state has ${groups.length} groups, wants 1`);
    if (!Number.isSafeInteger(iterations) || iterations < 0) problems.push(`steps[0] is ${iterations}`);
    if (!Number.isFinite(stepLength)) problems.push(`stepLength is ${stepLength}`);
    if (problems.length > 0) throw new StriateError(`loadStateDict: ${problems.join('; ')}`);
    this.groups[0].options = options;
    const copies = new Map(names.map((name) => [name, copyOf(tensors.get(name)!)]));
    this.dispose();
    this.#iterations = iterations;
    this.#stepLength = stepLength;
    this.#direction = copies.get('direction') ?? null;
    this.#gradient = copies.get('gradient') ?? null;
    const list = (name: string) => Array.from({ length: pairs }, (_, i) => copies.get(`${name}.${i}`)!);
    this.#differences = list('differences');
    this.#moves = list('moves');
  }

  /** Gives back the state, after which the next step is the first again. Parameters and gradients stay. */
  dispose(): void {
    for (const tensor of this.stateDict().tensors.values()) tensor.dispose();
    this.#iterations = 0;
    this.#stepLength = 0;
    this.#direction = null;
    this.#gradient = null;
    this.#differences = [];
    this.#moves = [];
  }

  /** dispose(), for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function check(name: string, options: Required<LBFGSOptions>): void {
  requireKnown(name, options, defaults);
  requireNumber(`${name}: lr`, options.lr, 0);
  requireWhole(`${name}: maxIter`, options.maxIter, 1);
  if (options.maxEval !== null) requireWhole(`${name}: maxEval`, options.maxEval, 1);
  requireNumber(`${name}: toleranceGrad`, options.toleranceGrad, 0);
  requireNumber(`${name}: toleranceChange`, options.toleranceChange, 0);
  requireWhole(`${name}: historySize`, options.historySize, 1);
  requireChoice(`${name}: lineSearch`, options.lineSearch, [null, 'strongWolfe']);
}

function copyOf(source: Tensor): Tensor {
  const copy = new Tensor(native.lasting(source.shape, 0), 'f32').keep();
  copy.assign(source);
  return copy;
}

/** The largest element, as a distance from 0. */
function largest(x: Tensor): Promise<number> {
  return read(() => max(abs(x)));
}

/** The sum of elements, as distances from 0. */
function total(x: Tensor): Promise<number> {
  return read(() => sum(abs(x)));
}

function product(a: Tensor, b: Tensor): Promise<number> {
  return read(() => new Tensor(native.dot(a.handle, b.handle), 'f32'));
}

/** A scalar, of which nothing is left. */
async function read(compute: () => Tensor): Promise<number> {
  using scalar = noGrad(() => scope(compute));
  return await scalar.item();
}
