import { uniform } from '../ops/creation.js';
import { linear } from '../ops/matmul.js';
import type { Shape, Tensor } from '../tensor.js';
import { placesOf } from './convArithmetic.js';
import { Module, Parameter } from './module.js';
import { requireSizes } from './sizes.js';

/**
 * The fully connected layer: y [..., outFeatures] = x [..., inFeatures]·weight + bias.
 *
 * Weight [inFeatures, outFeatures] and bias [outFeatures] start uniform in ±1/√inFeatures, as in PyTorch.
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    requireSizes('Linear', { inFeatures, outFeatures });
    const bound = 1 / Math.sqrt(inFeatures);
    this.weight = new Parameter(uniform([inFeatures, outFeatures], -bound, bound));
    this.bias = bias ? new Parameter(uniform([outFeatures], -bound, bound)) : null;
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override multiplyAdds(_input: Shape, output: Shape): number {
    return placesOf(output) * this.weight.size;
  }

  override forwardRelu(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias, { relu: true });
  }
}
