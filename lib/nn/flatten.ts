import { flatten } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** All axes from `startAxis` on as one: [N, H, W, C] → [N, H·W·C]. */
export class Flatten extends Module {
  readonly startAxis: number;

  constructor(startAxis = 1) {
    super();
    this.startAxis = startAxis;
  }

  override forward(x: Tensor): Tensor {
    return flatten(x, this.startAxis);
  }
}
