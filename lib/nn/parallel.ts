import { concat } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * Branches side by side, whose results are one after the other along the last axis, the channels:
 * [f₁(x), f₂(x), …], as an Inception block has them (Szegedy et al., 2014). Named '0', '1', … or, given an object, by its
 * keys. The other axes of the results must be equal.
 */
export class Parallel extends Module {
  readonly #branches: readonly [name: string, module: Module][];

  constructor(...branches: Module[] | [Record<string, Module>]) {
    super();
    const [first] = branches;
    const named =
      branches.length === 1 && first !== undefined && !(first instanceof Module) ? first : branches;
    this.#branches = Object.entries(named);
    if (this.#branches.length === 0)
      throw new RangeError('Parallel: there are no branches, wants at least one');
    for (const [name, branch] of this.#branches) {
      if (!(branch instanceof Module)) throw new TypeError(`Parallel: branch ${name} is no Module`);
    }
  }

  override *children(): Generator<[name: string, module: Module]> {
    yield* this.#branches;
  }

  override forward(x: Tensor): Tensor {
    const results: Tensor[] = [];
    try {
      for (const [, branch] of this.#branches) results.push(branch.forward(x));
      return concat(results, -1);
    } finally {
      for (const result of results) if (result !== x && !result.kept && !result.disposed) result.dispose();
    }
  }
}
