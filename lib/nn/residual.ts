import { add } from '../ops/elementwise.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * f(x) + shortcut(x) (He, Zhang, Ren and Sun, 2015): f learns what is to be added to its input. The shortcut is x itself
 * unless given: a 1×1 convolution where f changes the shape.
 *
 * Followed by a ReLU, a block whose last layer is zero is the ReLU of its input: a deeper network starts no worse.
 */
export class Residual extends Module {
  readonly body: Module;
  readonly shortcut: Module | null;

  constructor(body: Module, shortcut: Module | null = null) {
    super();
    for (const [name, given] of Object.entries({ body, shortcut })) {
      if (given !== null && !(given instanceof Module)) throw new TypeError(`Residual: ${name} is no Module`);
    }
    this.body = body;
    this.shortcut = shortcut;
  }

  override forward(x: Tensor): Tensor {
    const y = this.body.forward(x);
    const beside = this.shortcut?.forward(x) ?? x;
    const sum = add(y, beside);
    for (const part of new Set([y, beside])) if (part !== x && !part.kept) part.dispose();
    return sum;
  }
}
