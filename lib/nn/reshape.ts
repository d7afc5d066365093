import { reshape } from '../ops/movement.js';
import type { Shape, Tensor } from '../tensor.js';
import { Module } from './module.js';

/** Each sample under another shape: [N, …] → [N, ...shape]. One of the sizes may be −1, which stands for what is left. */
export class Reshape extends Module {
  readonly shape: Shape;

  constructor(shape: Shape) {
    super();
    this.shape = Object.freeze([...shape]);
  }

  override forward(x: Tensor): Tensor {
    return reshape(x, [x.shape[0] ?? 1, ...this.shape]);
  }
}
