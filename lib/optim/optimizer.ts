import { native, StriateError } from '../native.js';
import { handleOf, Tensor, type DType } from '../tensor.js';

/** What an optimizer knows: enough to go on elsewhere as if nothing had happened. */
export interface OptimizerState<Options = object> {
  /** Learning rate, momentum and the like. */
  options: Options;
  /** How many steps each parameter has taken. */
  steps: readonly number[];
  /** The state of the parameters, by their index and its name, as in `0.velocity`. */
  tensors: ReadonlyMap<string, Tensor>;
}

/** What every optimizer takes. */
export interface CommonOptions {
  /** The learning rate. */
  readonly lr?: number;
  /** λ of a penalty λ/2·‖p‖² on the parameters. */
  readonly weightDecay?: number;
  /** Elements of gradients are clipped to [−clipValue, clipValue], before anything else. Default: null, not at all. */
  readonly clipValue?: number | null;
  /**
   * Gradients are scaled so that their norm, of all parameters' as one vector, is at most this (Pascanu et al., 2013), as
   * by `clipGradNorm`, but on the way: `grad` stays as it is. Default: null, not at all.
   */
  readonly clipNorm?: number | null;
  /**
   * After the step, the weights of each unit, w[…, unit] of a parameter with two or more axes, are scaled so that their
   * norm is at most this (Srivastava et al., 2014). Default: null, not at all.
   */
  readonly maxNorm?: number | null;
}

/** One step of the parameters that have a gradient. */
export interface Step<Name extends string = string> {
  parameters: readonly Tensor[];
  gradients: readonly Tensor[];
  /** By name, a tensor for each parameter. */
  state: ReadonlyMap<Name, readonly Tensor[]>;
  /** How many steps each parameter has taken with this one. */
  steps: readonly number[];
}

/** A parameter and what the optimizer knows of it. */
interface Slot<Name> {
  readonly parameter: Tensor;
  steps: number;
  /** Tensors of the parameter's shape; made at its first step. */
  readonly state: Map<Name, Tensor>;
}

/**
 * Changes parameters in place along the gradients that `backward()` has left in their `grad`. A subclass says what its
 * options are, what state belongs to a parameter, and what a step is.
 */
export abstract class Optimizer<
  Options extends Required<CommonOptions> = Required<CommonOptions>,
  Name extends string = string,
> implements Disposable {
  /** The tensors that step() changes, in the order given. */
  readonly parameters: readonly Tensor[];
  readonly #slots: readonly Slot<Name>[];
  #options: Options;

  /** @throws TypeError or RangeError for parameters that cannot be optimized, and options out of range */
  constructor(parameters: Iterable<Tensor>, options: Options) {
    this.#check(options);
    this.parameters = Object.freeze(checkedParameters(new.target.name, parameters));
    this.#slots = this.parameters.map((parameter) => ({ parameter, steps: 0, state: new Map() }));
    this.#options = Object.freeze({ ...options });
  }

  /** Throws TypeError or RangeError where an option of this kind of optimizer is out of range. */
  protected abstract checkOptions(options: Options): void;

  #check(options: Options): void {
    const { name } = this.constructor;
    requireNumber(`${name}: lr`, options.lr, 0);
    requireNumber(`${name}: weightDecay`, options.weightDecay, 0);
    for (const key of ['clipValue', 'clipNorm', 'maxNorm'] as const) {
      const value: unknown = options[key];
      if (value === 0) throw new RangeError(`${name}: ${key} is 0, wants a number above 0, or null`);
      if (value !== null) requireNumber(`${name}: ${key}`, value, 0);
    }
    this.checkOptions(options);
  }

  /** The names of the state that a parameter has. */
  protected abstract stateNames(options: Options): readonly Name[];

  /** What state is made of before the first step. */
  protected initialState(_name: Name, _options: Options): number {
    return 0;
  }

  /** Makes a step, in one call of the native side. */
  protected abstract update(step: Step<Name>, options: Options): void;

  /** Learning rate, momentum and the like. */
  get options(): Options {
    return this.#options;
  }

  /** The learning rate; set it to change it from the next step on. */
  get lr(): number {
    return this.#options.lr;
  }

  set lr(lr: number) {
    const options = { ...this.#options, lr };
    this.#check(options);
    this.#options = Object.freeze(options);
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /**
   * Changes every parameter that has a gradient. Where computing a gradient has failed, all parameters stay as they
   * were, and the next read tells.
   */
  step(): void {
    const slots = this.#slots.filter(({ parameter }) => parameter.grad);
    if (slots.length === 0) return;
    const parameters = slots.map(({ parameter }) => parameter);
    const gradients = parameters.flatMap(({ grad }) => grad ?? []);
    const names = this.stateNames(this.#options);
    const state = new Map(names.map((name) => [name, slots.map((slot) => this.#stateOf(slot, name))]));
    const steps = slots.map((slot) => slot.steps + 1);
    this.update({ parameters, gradients, state, steps }, this.#options);
    for (const slot of slots) slot.steps++;
    for (const parameter of parameters) parameter.versions.changes++;
  }

  #stateOf({ parameter, state }: Slot<Name>, name: Name): Tensor {
    let tensor = state.get(name);
    if (!tensor) state.set(name, (tensor = full(parameter, this.initialState(name, this.#options))));
    return tensor;
  }

  /** Options and state. The tensors are the optimizer's own, not copies: step() changes them. */
  stateDict(): OptimizerState<Options> {
    const tensors = new Map<string, Tensor>();
    for (const [i, { state }] of this.#slots.entries()) {
      for (const [name, tensor] of state) tensors.set(`${i}.${name}`, tensor);
    }
    return { options: this.#options, steps: this.#slots.map(({ steps }) => steps), tensors };
  }

  /**
   * Takes over the options and copies of the state of an optimizer of the same kind, whose parameters had the same
   * shapes.
   *
   * @throws StriateError, before anything is changed, where the state does not fit (it lists why); TypeError or
   *   RangeError for options out of range
   */
  loadStateDict({ options, steps, tensors }: OptimizerState<Options>): void {
    this.#check(options);
    const names = this.stateNames(options);
    const problems: string[] = [];
    if (steps.length !== this.#slots.length) {
      problems.push(`the state is of ${steps.length} parameters, wants ${this.#slots.length}`);
    }
    const loaded: { slot: Slot<Name>; count: number; sources: [Name, Tensor][] }[] = [];
    const known = new Set<string>();
    for (const [i, slot] of this.#slots.entries()) {
      const count = steps[i] ?? 0;
      if (!Number.isSafeInteger(count) || count < 0) problems.push(`steps[${i}] is ${count}`);
      const sources: [Name, Tensor][] = [];
      for (const name of count > 0 ? names : []) {
        const key = `${i}.${name}`;
        known.add(key);
        const source = tensors.get(key);
        if (!source) problems.push(`${key} is missing`);
        else if (describe(source) === describe(slot.parameter)) sources.push([name, source]);
        else problems.push(`${key} is ${describe(source)}, wants ${describe(slot.parameter)}`);
      }
      loaded.push({ slot, count, sources });
    }
    for (const key of tensors.keys()) if (!known.has(key)) problems.push(`${key} is not in the optimizer`);
    if (problems.length > 0) throw new StriateError(`loadStateDict: ${problems.join('; ')}`);
    for (const { slot, count, sources } of loaded) {
      // Copied before the old state goes: it may be what is loaded.
      const copies = sources.map(([name, source]): [Name, Tensor] => {
        const copy = full(source, 0);
        copy.assign(source);
        return [name, copy];
      });
      forget(slot);
      slot.steps = count;
      for (const [name, copy] of copies) slot.state.set(name, copy);
    }
    this.#options = Object.freeze({ ...options });
  }

  /** Gives back the state, after which the next step is the first again. Parameters and gradients stay. */
  dispose(): void {
    for (const slot of this.#slots) forget(slot);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function full(like: Tensor, value: number): Tensor {
  return new Tensor(native.lasting(like.shape, value), 'f32').keep();
}

/** The last arguments of every native step. */
export function clippingOf({ clipValue, clipNorm, maxNorm }: Required<CommonOptions>) {
  return [clipValue ?? Infinity, clipNorm ?? Infinity, maxNorm ?? Infinity] as const;
}

/** The handles of one kind of state, none where it is not kept. */
export function handlesOf<Name extends string>({ state }: Step<Name>, name: Name) {
  return (state.get(name) ?? []).map(handleOf);
}

function forget(slot: Slot<unknown>): void {
  for (const tensor of slot.state.values()) tensor.dispose();
  slot.state.clear();
  slot.steps = 0;
}

function describe(tensor: Tensor<DType>): string {
  return `${tensor.dtype} [${tensor.shape.join(', ')}]`;
}

function checkedParameters(optimizer: string, parameters: Iterable<Tensor>): Tensor[] {
  const given: unknown = parameters;
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    throw new TypeError(
      `${optimizer}: parameters is no list of tensors, wants one, as of model.parameters()`,
    );
  }
  const list = [...parameters] as Tensor<DType>[];
  if (list.length === 0) throw new RangeError(`${optimizer}: parameters is empty, wants at least one tensor`);
  const indices = new Map<object, number>();
  for (const [i, parameter] of list.entries()) {
    const name = `${optimizer}: parameters[${i}]`;
    if (!(parameter instanceof Tensor)) throw new TypeError(`${name} is no tensor`);
    if (parameter.dtype !== 'f32') throw new TypeError(`${name} is ${describe(parameter)}, wants dtype f32`);
    if (parameter.node) {
      throw new RangeError(
        `${name} is the result of ${parameter.node.operation}, wants a tensor that is none`,
      );
    }
    // Tensors over one storage share their versions.
    const other = indices.get(parameter.versions);
    if (other !== undefined) throw new RangeError(`${name} is the same tensor as parameters[${other}]`);
    indices.set(parameter.versions, i);
  }
  if (!list.some((parameter) => parameter.requiresGrad)) {
    throw new RangeError(`${optimizer}: no tensor in parameters has requiresGrad`);
  }
  return list as Tensor[];
}

/** Refuses an option that is not a finite number from `least` on, less than `bound`. */
export function requireNumber(name: string, value: unknown, least = -Infinity, bound = Infinity): void {
  const from = least === -Infinity ? '' : ` from ${least} on`;
  const wanted = `a finite number${from}${bound === Infinity ? '' : `, less than ${bound}`}`;
  if (typeof value !== 'number') throw new TypeError(`${name} is ${kind(value)}, wants ${wanted}`);
  if (!Number.isFinite(value) || value < least || value >= bound) {
    throw new RangeError(`${name} is ${value}, wants ${wanted}`);
  }
}

/** Refuses an option that is neither true nor false. */
export function requireFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new TypeError(`${name} is ${kind(value)}, wants true or false`);
}

function kind(value: unknown): string {
  return value === null ? 'null' : value === undefined ? 'undefined' : `of type ${typeof value}`;
}
