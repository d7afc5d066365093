import { StriateError } from '../native.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** Modules in a list, named '0', '1', …; what is done with them is up to the module that holds the list. */
export class ModuleList extends Module implements Iterable<Module> {
  readonly #modules: Module[] = [];

  constructor(modules: Iterable<Module> = []) {
    super();
    for (const module of modules) this.append(module);
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    if (!(module instanceof Module)) {
      throw new TypeError(`ModuleList: module ${this.#modules.length} is no Module`);
    }
    this.#modules.push(module);
    return this;
  }

  get length(): number {
    return this.#modules.length;
  }

  /** The i-th module, from the back where negative. */
  at(i: number): Module {
    const module = this.#modules.at(i);
    if (!module) throw new RangeError(`ModuleList: there is no module ${i} among ${this.length}`);
    return module;
  }

  /** The modules, in their order. */
  [Symbol.iterator](): Iterator<Module> {
    return this.#modules.values();
  }

  override *children(): Generator<[name: string, module: Module]> {
    for (const [i, module] of this.#modules.entries()) yield [String(i), module];
  }

  override forward(_x: Tensor): Tensor {
    throw new StriateError('ModuleList: a list has no forward; call its modules');
  }
}
