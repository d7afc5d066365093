import { Tensor, type DType } from '../tensor.js';
import { completed, kind } from './options.js';

/** Parameters with options of their own; those that are left out are the optimizer's. */
export type ParameterGroup<Options> = Options & { readonly parameters: Iterable<Tensor> };

/** What an optimizer is given: parameters, or groups of them. */
export type OptimizedParameters<Options> = Iterable<Tensor> | Iterable<ParameterGroup<Options>>;

interface Owner<Options> {
  /** Throws TypeError or RangeError that begins with `name` where an option is out of range. */
  check(name: string, options: Options): void;
}

/** Parameters of an optimizer that share options. */
export class Group<Options extends { readonly lr: number } = { readonly lr: number }> {
  readonly parameters: readonly Tensor[];
  /** What errors call it: `SGD`, or `SGD: groups[1]`. */
  readonly #name: string;
  readonly #owner: Owner<Options>;
  #options: Options;

  /** Called by optimizers. */
  constructor(name: string, parameters: readonly Tensor[], options: Options, owner: Owner<Options>) {
    owner.check(name, options);
    this.parameters = Object.freeze(parameters);
    this.#name = name;
    this.#owner = owner;
    this.#options = Object.freeze({ ...options });
  }

  /** Learning rate, momentum and the like, of the next step; to change some, set `{ ...group.options, momentum: 0.8 }`. */
  get options(): Options {
    return this.#options;
  }

  set options(options: Options) {
    this.check(options);
    this.#options = Object.freeze({ ...options });
  }

  /** The learning rate; set it to change it from the next step on. */
  get lr(): number {
    return this.#options.lr;
  }

  set lr(lr: number) {
    this.options = { ...this.#options, lr };
  }

  /** Throws what setting the options would throw. */
  check(options: Options): void {
    this.#owner.check(this.#name, options);
  }
}

/** Parameters and complete options, as they were given. */
export interface Given<Options> {
  /** What errors call them: '' or `groups[1]`. */
  readonly name: string;
  readonly parameters: readonly Tensor[];
  readonly options: Options;
}

/**
 * The groups that an optimizer is given, one where it is given parameters.
 *
 * @throws TypeError or RangeError that begins with `optimizer` for what cannot be optimized, and unknown options
 */
export function groupsOf<Options extends object>(
  optimizer: string,
  given: OptimizedParameters<Partial<Options>>,
  options: Options,
): Given<Options>[] {
  const list = itemsOf(`${optimizer}: parameters`, given, 'one, as of model.parameters()');
  const inGroups = isGroup(list[0]);
  const groups = inGroups
    ? list.map((group, i) => groupOf(optimizer, i, group, options))
    : [{ name: '', parameters: checked(`${optimizer}: parameters`, list), options }];
  requireDistinct(optimizer, groups);
  if (!groups.some(({ parameters }) => parameters.some((parameter) => parameter.requiresGrad))) {
    throw new RangeError(`${optimizer}: no tensor in parameters has requiresGrad`);
  }
  return groups;
}

/** One group, the i-th. */
export function groupOf<Options extends object>(
  optimizer: string,
  i: number,
  group: unknown,
  defaults: Options,
): Given<Options> {
  const name = `groups[${i}]`;
  if (!isGroup(group)) {
    throw new TypeError(`${optimizer}: ${name} is no group, wants { parameters, … } with options`);
  }
  const { parameters, ...own } = group;
  const label = `${optimizer}: ${name}`;
  const list = itemsOf(`${label}.parameters`, parameters, 'one');
  return {
    name,
    parameters: checked(`${label}.parameters`, list),
    options: completed(label, defaults, own as Partial<Options>),
  };
}

/** Refuses a tensor that is there twice. */
export function requireDistinct(
  optimizer: string,
  groups: readonly { readonly name: string; readonly parameters: readonly Tensor[] }[],
): void {
  const places = new Map<object, string>();
  for (const { name, parameters } of groups) {
    for (const [i, { versions }] of parameters.entries()) {
      const place = `${name}${name && '.'}parameters[${i}]`;
      // Tensors over one storage share their versions.
      const other = places.get(versions);
      if (other !== undefined) throw new RangeError(`${optimizer}: ${place} is the same tensor as ${other}`);
      places.set(versions, place);
    }
  }
}

function isGroup(item: unknown): item is { parameters: unknown } {
  return typeof item === 'object' && item !== null && !(item instanceof Tensor) && 'parameters' in item;
}

function itemsOf(name: string, given: unknown, wanted: string): unknown[] {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    throw new TypeError(`${name} is no list of tensors, wants ${wanted}`);
  }
  const list = [...(given as Iterable<unknown>)];
  if (list.length === 0) throw new RangeError(`${name} is empty, wants at least one tensor`);
  return list;
}

function checked(name: string, list: readonly unknown[]): Tensor[] {
  return list.map((item, i) => {
    const label = `${name}[${i}]`;
    if (!(item instanceof Tensor)) throw new TypeError(`${label} is no tensor but ${kind(item)}`);
    const parameter = item as Tensor<DType>;
    if (parameter.dtype !== 'f32') {
      const { dtype, shape } = parameter;
      throw new TypeError(`${label} is ${dtype} [${shape.join(', ')}], wants dtype f32`);
    }
    if (parameter.node) {
      throw new RangeError(
        `${label} is the result of ${parameter.node.operation}, wants a tensor that is none`,
      );
    }
    return parameter as Tensor;
  });
}
