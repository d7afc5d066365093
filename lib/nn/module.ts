import { native } from '../native.js';
import { StriateError, Tensor, type DType, type Shape } from '../tensor.js';
import type { Window } from './convArithmetic.js';

/** A tensor that training adjusts: it wants a gradient, and no scope disposes it. Takes over the tensor given. */
export class Parameter extends Tensor {
  constructor(initial: Tensor) {
    super(native.alias(initial.handle), 'f32', initial.versions);
    initial.dispose();
    this.requiresGrad = true;
    this.keep();
  }
}

/** Tensors by the names of a state dict. */
export type StateDict = Map<string, Tensor<DType>>;

/** Options of loadStateDict(). */
export interface LoadOptions {
  /** Whether names must agree exactly. Otherwise those in common are loaded. Default: true. */
  strict?: boolean;
}

/**
 * A part of a network: a plain class whose fields hold parameters (Parameter), buffers (other tensors) and submodules
 * (modules, and arrays of them). Names are the fields' paths, as in `features.0.weight`.
 */
export abstract class Module {
  /** Whether layers behave as in training (dropout drops, batch norm uses the batch); see train() and eval(). */
  training = true;

  /** Of one sample, as [H, W, C], where the module is made for such: other sizes may do, too. */
  declare inputShape?: Shape;

  /** Whether freeze() has taken this module out of training. */
  frozen = false;

  /** The output for a batch of inputs. */
  abstract forward(x: Tensor): Tensor;

  /** forward(x) followed by ReLU, for layers that do both in one pass. */
  forwardRelu?(x: Tensor): Tensor;

  /**
   * Folds the batch norms that are fields of this module into convolutions, see fuseForInference, which calls it for
   * every module inside: each sees to its own fields.
   */
  fuse?(): void;

  /** Multiply-adds of forward() where it is given and gives these shapes, without those of modules inside; for summary(). */
  multiplyAdds?(input: Shape, output: Shape): number;

  /**
   * Along each axis of an image, how places of the output see those of the input, for summary(). Layers without it see
   * place by place; those whose result has no such axes, everything.
   */
  windows?(input: Shape, output: Shape): Window[];

  /** The modules directly inside, by name. */
  *children(): Generator<[name: string, module: Module]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value];
      if (!Array.isArray(value)) continue;
      for (const [i, item] of value.entries()) if (item instanceof Module) yield [`${name}.${i}`, item];
    }
  }

  /** This module and all inside, by path. */
  *modules(prefix = ''): Generator<[path: string, module: Module]> {
    yield [prefix, this];
    for (const [name, child] of this.children()) yield* child.modules(prefix ? `${prefix}.${name}` : name);
  }

  /**
   * Calls `work` for every module inside and then for this one, inner ones before those that they are in; for
   * initializations and the like. One that stands in several places is given at each.
   */
  apply(work: (module: Module, path: string) => void): this {
    const visit = (module: Module, path: string): void => {
      for (const [name, child] of module.children()) visit(child, path ? `${path}.${name}` : name);
      work(module, path);
    };
    visit(this, '');
    return this;
  }

  /** All parameters inside, by path; one that stands in several places is given at the first. */
  *namedParameters(): Generator<[path: string, parameter: Parameter]> {
    const seen = new Set<Tensor>();
    for (const [path, tensor] of this.#tensors()) {
      if (!(tensor instanceof Parameter) || seen.has(tensor)) continue;
      seen.add(tensor);
      yield [path, tensor];
    }
  }

  /** All tensors inside that are not parameters, by path: state that training does not adjust by gradients. */
  *namedBuffers(): Generator<[path: string, buffer: Tensor<DType>]> {
    for (const [path, tensor] of this.#tensors()) if (!(tensor instanceof Parameter)) yield [path, tensor];
  }

  /** The parameters, for an optimizer. */
  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, parameter]) => parameter);
  }

  *#tensors(): Generator<[path: string, tensor: Tensor<DType>]> {
    for (const [path, module] of this.modules()) {
      for (const [name, value] of Object.entries(module)) {
        if (value instanceof Tensor) yield [path ? `${path}.${name}` : name, value as Tensor<DType>];
      }
    }
  }

  /** Makes this module and all inside behave as in training, or, given false, as in use. */
  train(mode = true): this {
    for (const [, module] of this.modules()) module.training = mode;
    return this;
  }

  /** train(false) */
  eval(): this {
    return this.train(false);
  }

  /** Parameters and buffers by path. The tensors are the module's own, not copies. */
  stateDict(): StateDict {
    return new Map<string, Tensor<DType>>([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /**
   * Copies values into parameters and buffers of the same names.
   *
   * @throws StriateError, before anything is changed, where a name is missing or unknown (if strict) or a shape or dtype
   *   differs; it lists them all
   */
  loadStateDict(state: ReadonlyMap<string, Tensor<DType>>, { strict = true }: LoadOptions = {}): void {
    const own = this.stateDict();
    const pairs: [Tensor<DType>, Tensor<DType>][] = [];
    const problems: string[] = [];
    for (const [name, target] of own) {
      const source = state.get(name);
      if (!source) {
        if (strict) problems.push(`${name} is missing`);
      } else if (source.dtype !== target.dtype || source.shape.join() !== target.shape.join()) {
        problems.push(`${name} is ${describe(source)}, wants ${describe(target)}`);
      } else {
        pairs.push([target, source]);
      }
    }
    if (strict)
      for (const name of state.keys()) if (!own.has(name)) problems.push(`${name} is not in the module`);
    if (problems.length > 0) throw new StriateError(`loadStateDict: ${problems.join('; ')}`);
    for (const [target, source] of pairs) target.assign(source);
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /**
   * Takes this module and all inside out of training: parameters want no gradient and lose the one that they have, and
   * running statistics are used, and stay, as they are, also in training (as in Keras). Nothing is recorded for a backward
   * pass from the input up to the first parameter that is trained.
   */
  freeze(): this {
    for (const [, module] of this.modules()) module.frozen = true;
    this.zeroGrad();
    for (const parameter of this.parameters()) parameter.requiresGrad = false;
    return this;
  }

  /** Undoes freeze(). */
  unfreeze(): this {
    for (const [, module] of this.modules()) module.frozen = false;
    for (const parameter of this.parameters()) parameter.requiresGrad = true;
    return this;
  }

  /** Disposes parameters, their gradients and buffers. */
  dispose(): void {
    this.zeroGrad();
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  /** dispose(), for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function describe(tensor: Tensor<DType>): string {
  return `${tensor.dtype} [${tensor.shape.join(', ')}]`;
}
