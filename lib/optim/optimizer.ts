import { native, StriateError } from '../native.js';
import { handleOf, handleOrNull, Tensor, type DType } from '../tensor.js';
import {
  Group,
  groupOf,
  groupsOf,
  requireDistinct,
  type Given,
  type OptimizedParameters,
  type ParameterGroup,
} from './group.js';
import { completed, requireKnown, requireNumber, type CommonOptions } from './options.js';

/** What an optimizer knows: enough to go on elsewhere as if nothing had happened. */
export interface OptimizerState<Options = object> {
  /** Learning rate, momentum and the like of each group, and the indices of its parameters, among all. */
  groups: readonly { options: Options; parameters: readonly number[] }[];
  /** How many steps each parameter has taken. */
  steps: readonly number[];
  /** The state of the parameters, by their index and its name, as in `0.velocity`. */
  tensors: ReadonlyMap<string, Tensor>;
}

/** One step of a group's parameters that have a gradient. */
export interface Step<Name extends string = string> {
  parameters: readonly Tensor[];
  gradients: readonly Tensor[];
  /** By name, a tensor for each parameter. */
  state: ReadonlyMap<Name, readonly Tensor[]>;
  /** How many steps each parameter has taken with this one. */
  steps: readonly number[];
  /** The norm of the gradients of all groups, where there are several and it is to be clipped. */
  totalNorm: Tensor | null;
}

/** A parameter and what the optimizer knows of it. */
interface Slot<Name> {
  readonly parameter: Tensor;
  steps: number;
  /** Tensors of the parameter's shape; made at its first step. */
  readonly state: Map<Name, Tensor>;
}

/** A group and its parameters' slots. */
interface Member<Options extends { readonly lr: number }, Name> {
  readonly group: Group<Options>;
  readonly slots: readonly Slot<Name>[];
}

/**
 * Changes parameters in place along the gradients that `backward()` has left in their `grad`. A subclass says what its
 * options are, what state belongs to a parameter, and what a step is.
 *
 * Parameters may come in groups with options of their own: `new Adam([{ parameters: body, lr: 1e-4 }, { parameters: head }],
 * { lr: 1e-3 })`.
 */
export abstract class Optimizer<
  Options extends Required<CommonOptions> = Required<CommonOptions>,
  Name extends string = string,
> implements Disposable {
  /** For options that a group is not given. */
  readonly #defaults: Options;
  readonly #members: Member<Options, Name>[] = [];

  /** @throws TypeError or RangeError for parameters that cannot be optimized, and options unknown or out of range */
  constructor(
    parameters: OptimizedParameters<Partial<Options>>,
    defaults: Options,
    options: Partial<Options>,
  ) {
    const { name } = new.target;
    this.#defaults = completed(name, defaults, options);
    this.#check(name, this.#defaults);
    const given = groupsOf(name, parameters, this.#defaults);
    this.#members = given.map((group) => this.#member(group));
    this.#checkTogether(this.groups.map((group) => group.options));
  }

  #member({ name, parameters, options }: Given<Options>): Member<Options, Name> {
    const kind = this.constructor.name;
    const check = (label: string, changed: Options) => this.#check(label, changed);
    const group = new Group(name ? `${kind}: ${name}` : kind, parameters, options, { check });
    return { group, slots: parameters.map((parameter) => ({ parameter, steps: 0, state: new Map() })) };
  }

  /** Throws TypeError or RangeError that begins with `name` where an option of this kind of optimizer is out of range. */
  protected abstract checkOptions(name: string, options: Options): void;

  #check(name: string, options: Options): void {
    requireKnown(name, options, this.#defaults);
    requireNumber(`${name}: lr`, options.lr, 0);
    requireNumber(`${name}: weightDecay`, options.weightDecay, 0);
    for (const key of ['clipValue', 'clipNorm', 'maxNorm'] as const) {
      const value: unknown = options[key];
      if (value === 0) throw new RangeError(`${name}: ${key} is 0, wants a number above 0, or null`);
      if (value !== null) requireNumber(`${name}: ${key}`, value, 0);
    }
    this.checkOptions(name, options);
  }

  /** The norm that clipNorm bounds is of all gradients, after clipValue. */
  #checkTogether(all: readonly Options[]): void {
    const [first] = all;
    for (const [i, options] of all.entries()) {
      for (const key of ['clipNorm', 'clipValue'] as const) {
        if (first && options[key] !== first[key]) {
          throw new RangeError(
            `${this.constructor.name}: groups[${i}]: ${key} is ${String(options[key])}, wants ${String(first[key])} as in groups[0]: the norm is of all gradients together`,
          );
        }
        if (first?.clipNorm === null) break;
      }
    }
  }

  /** The names of the state that a parameter has. */
  protected abstract stateNames(options: Options): readonly Name[];

  /** What state is made of before the first step. */
  protected initialState(_name: Name, _options: Options): number {
    return 0;
  }

  /** Makes a step of a group, in one call of the native side. */
  protected abstract update(step: Step<Name>, options: Options): void;

  /** The groups of parameters, one where parameters were given without groups. */
  get groups(): readonly Group<Options>[] {
    return this.#members.map(({ group }) => group);
  }

  /** The tensors that step() changes, in the order given. */
  get parameters(): readonly Tensor[] {
    return this.#members.flatMap(({ group }) => group.parameters);
  }

  get #slots(): readonly Slot<Name>[] {
    return this.#members.flatMap(({ slots }) => slots);
  }

  /** Learning rate, momentum and the like, of the first group. */
  get options(): Options {
    return this.#members[0]!.group.options;
  }

  /** The learning rate, of the first group; setting it sets that of all, from the next step on. */
  get lr(): number {
    return this.options.lr;
  }

  set lr(lr: number) {
    const { groups } = this;
    for (const group of groups) group.check({ ...group.options, lr });
    for (const group of groups) group.lr = lr;
  }

  /**
   * Takes up further parameters, as layers that were frozen until now; they begin at their first step.
   *
   * @throws TypeError or RangeError as the constructor, also for a parameter that another group has
   */
  addGroup(group: ParameterGroup<Partial<Options>>): void {
    const { name } = this.constructor;
    const given = groupOf(name, this.#members.length, group, this.#defaults);
    const others = this.groups.map(({ parameters }, i) => ({ name: `groups[${i}]`, parameters }));
    requireDistinct(name, [...others, given]);
    const member = this.#member(given);
    this.#checkTogether([...this.groups, member.group].map(({ options }) => options));
    this.#members.push(member);
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /**
   * Changes every parameter that has a gradient. Where computing a gradient has failed, all parameters of its group stay
   * as they were, and the next read tells.
   */
  step(): void {
    this.#checkTogether(this.groups.map(({ options }) => options));
    const stepping = this.#members
      .map(({ group, slots }) => ({ group, slots: slots.filter(({ parameter }) => parameter.grad) }))
      .filter(({ slots }) => slots.length > 0);
    const totalNorm = stepping.length > 1 ? this.#totalNorm() : null;
    for (const { group, slots } of stepping) this.#stepOf(group, slots, totalNorm);
    totalNorm?.dispose();
  }

  #stepOf({ options }: Group<Options>, slots: readonly Slot<Name>[], totalNorm: Tensor | null): void {
    const parameters = slots.map(({ parameter }) => parameter);
    const gradients = parameters.flatMap(({ grad }) => grad ?? []);
    const names = this.stateNames(options);
    const state = new Map(
      names.map((name) => [name, slots.map((slot) => this.#stateOf(slot, name, options))]),
    );
    const steps = slots.map((slot) => slot.steps + 1);
    this.update({ parameters, gradients, state, steps, totalNorm }, options);
    for (const slot of slots) slot.steps++;
    for (const parameter of parameters) parameter.versions.changes++;
  }

  #totalNorm(): Tensor | null {
    const { clipNorm, clipValue } = this.options;
    if (clipNorm === null) return null;
    const gradients = this.parameters.flatMap(({ grad }) => grad ?? []);
    return new Tensor(native.gradientNorm(gradients.map(handleOf), clipValue ?? Infinity), 'f32');
  }

  #stateOf({ parameter, state }: Slot<Name>, name: Name, options: Options): Tensor {
    let tensor = state.get(name);
    if (!tensor) state.set(name, (tensor = full(parameter, this.initialState(name, options))));
    return tensor;
  }

  /** Options and state. The tensors are the optimizer's own, not copies: step() changes them. */
  stateDict(): OptimizerState<Options> {
    const tensors = new Map<string, Tensor>();
    const indices = this.#indices();
    for (const [g, { group, slots }] of this.#members.entries()) {
      for (const [k, slot] of slots.entries()) {
        // What options ask for now, which may have changed since the last step.
        for (const name of slot.steps > 0 ? this.stateNames(group.options) : []) {
          tensors.set(`${indices[g]![k]!}.${name}`, this.#stateOf(slot, name, group.options));
        }
      }
    }
    const groups = this.groups.map(({ options }, g) => ({ options, parameters: indices[g]! }));
    return { groups, steps: this.#slots.map(({ steps }) => steps), tensors };
  }

  /** Of each group's parameters, among all. */
  #indices(): number[][] {
    let next = 0;
    return this.#members.map(({ slots }) => slots.map(() => next++));
  }

  /**
   * Takes over the options and copies of the state of an optimizer of the same kind, whose groups had parameters of the
   * same shapes.
   *
   * @throws StriateError, before anything is changed, where the state does not fit (it lists why); TypeError or
   *   RangeError for options out of range
   */
  loadStateDict(state: OptimizerState<Options>): void {
    const { groups, steps, tensors } = state;
    const list: unknown = groups;
    if (!Array.isArray(list)) throw new StriateError('loadStateDict: the state has no groups');
    const problems = this.#misfits(state);
    const loaded: { slot: Slot<Name>; count: number; sources: [Name, Tensor][] }[] = [];
    const known = new Set<string>();
    for (const [g, { group, slots }] of this.#members.entries()) {
      const { options, parameters: indices } = groups[g] ?? { options: group.options, parameters: [] };
      group.check(options);
      const names = this.stateNames(options);
      for (const [k, slot] of slots.entries()) {
        const i = indices[k] ?? NaN;
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
    }
    for (const key of tensors.keys()) if (!known.has(key)) problems.push(`${key} is not in the optimizer`);
    if (problems.length > 0) throw new StriateError(`loadStateDict: ${problems.join('; ')}`);
    this.#checkTogether(groups.map(({ options }) => options));
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
    for (const [g, { group }] of this.#members.entries()) group.options = groups[g]!.options;
  }

  #misfits({ groups, steps }: OptimizerState<Options>): string[] {
    const problems: string[] = [];
    const count = this.#slots.length;
    if (steps.length !== count) problems.push(`the state is of ${steps.length} parameters, wants ${count}`);
    const shown = (lists: (readonly number[])[]) => lists.map((list) => `[${list.join(', ')}]`).join(' ');
    const given = shown(groups.map(({ parameters }) => parameters));
    const wanted = shown(this.#indices());
    if (given !== wanted) problems.push(`the groups have the parameters ${given}, want ${wanted}`);
    return problems;
  }

  /** Gives back the state, after which the next step is the first again. Parameters and gradients stay. */
  dispose(): void {
    for (const slot of this.#slots) forget(slot);
  }

  /** dispose(), for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function full(like: Tensor, value: number): Tensor {
  return new Tensor(native.lasting(like.shape, value), 'f32').keep();
}

/** The last arguments of every native step. */
export function clippingOf({ totalNorm }: Step, { clipValue, clipNorm, maxNorm }: Required<CommonOptions>) {
  const norm = handleOrNull(totalNorm);
  return [clipValue ?? Infinity, clipNorm ?? Infinity, maxNorm ?? Infinity, norm] as const;
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
