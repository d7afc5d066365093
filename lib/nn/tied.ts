import { describe } from '../describe.js';
import { convMoves } from '../ops/convMoves.js';
import { convTranspose2d, type ConvTranspose2dOptions } from '../ops/convTranspose.js';
import { uniform } from '../ops/creation.js';
import { add } from '../ops/elementwise.js';
import { matmul } from '../ops/matmul.js';
import { pair, type Pair } from '../ops/pair.js';
import { requireLive, type Shape, type Tensor } from '../tensor.js';
import { Conv2d } from './conv.js';
import { placesOf, transposed, windowsOf, type Window } from './convArithmetic.js';
import { Linear } from './linear.js';
import { Module, Parameter } from './module.js';

/** A bias of its own, uniform in ±bound. */
function biasOf(units: number, bound: number): Parameter {
  return new Parameter(uniform([units], -bound, bound));
}

/**
 * The decoder of a linear layer, with tied weights: y [..., inFeatures] = x [..., outFeatures]·weightᵀ + bias, where weight
 * is the very parameter of that layer, so that what both of them ask of it adds up. A model's parameters and its state dict
 * have it once.
 *
 * The bias [inFeatures] starts uniform in ±1/√outFeatures, as that of Linear from so many features.
 *
 * @throws TypeError for what is no Linear
 */
export class TiedLinear extends Module {
  /** That of the layer, [inFeatures, outFeatures]. */
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(layer: Linear, { bias = true }: { bias?: boolean } = {}) {
    super();
    if (!(layer instanceof Linear)) {
      throw new TypeError(`TiedLinear: layer is ${describe(layer)}, wants the Linear whose weight it shares`);
    }
    this.weight = layer.weight;
    const [inFeatures = 1, outFeatures = 1] = layer.weight.shape;
    this.bias = bias ? biasOf(inFeatures, 1 / Math.sqrt(outFeatures)) : null;
  }

  override forward(x: Tensor): Tensor {
    const features = this.weight.shape[1];
    const { shape } = requireLive('TiedLinear', 'input', x);
    if (shape.length < 2 || shape.at(-1) !== features) {
      throw new RangeError(`TiedLinear: input is [${shape.join(', ')}], wants [..., ${features}]`);
    }
    const product = matmul(x, this.weight, { transposeB: true });
    if (!this.bias) return product;
    using unbiased = product;
    return add(unbiased, this.bias);
  }

  override multiplyAdds(input: Shape): number {
    return placesOf(input) * this.weight.size;
  }
}

export interface TiedConvTranspose2dOptions {
  /** Whether a bias is added to each output channel. Default: true. */
  bias?: boolean;
  /** Rows and columns added at the bottom and at the right, fewer than the stride. Default: 0. */
  outputPadding?: Pair;
}

/**
 * The decoder of a convolution, with tied weights: the transposed convolution by the same kernels, with the same stride,
 * padding, dilation and groups, from the convolution's output channels back to its input channels. The weight is the very
 * parameter of the convolution, so that what both of them ask of it adds up.
 *
 * Where a stride has left rows over, as it does of an even side by a 3×3 kernel with stride 2 and padding 1, an
 * outputPadding of as many gives them back. The bias starts uniform in ±1/√(KH·KW·inChannels/groups).
 *
 * @throws TypeError for what is no Conv2d
 */
export class TiedConvTranspose2d extends Module {
  /** That of the convolution, [KH, KW, inChannels/groups, outChannels]. */
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: ConvTranspose2dOptions;

  constructor(layer: Conv2d, { bias = true, outputPadding = 0 }: TiedConvTranspose2dOptions = {}) {
    super();
    if (!(layer instanceof Conv2d)) {
      throw new TypeError(
        `TiedConvTranspose2d: layer is ${describe(layer)}, wants the Conv2d whose weight it shares`,
      );
    }
    const [stride, padding, dilation, groups] = convMoves(layer.weight, layer.options);
    this.weight = layer.weight;
    this.options = {
      stride: stride as [number, number],
      padding: padding as [number, number, number, number],
      dilation: dilation as [number, number],
      groups,
      outputPadding: pair('TiedConvTranspose2d', 'outputPadding', outputPadding),
    };
    const [height = 1, width = 1, inGroup = 1] = layer.weight.shape;
    this.bias = bias ? biasOf(inGroup * groups, 1 / Math.sqrt(height * width * inGroup)) : null;
  }

  override forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }

  override forwardRelu(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, { ...this.options, relu: true });
  }

  override multiplyAdds(input: Shape): number {
    return placesOf(input) * this.weight.size;
  }

  override windows(): Window[] {
    return windowsOf(this.weight.shape, this.options).map(transposed);
  }
}
