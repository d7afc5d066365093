import { convTranspose2d, type ConvTranspose2dOptions } from '../ops/convTranspose.js';
import { uniform } from '../ops/creation.js';
import { pair, type Pair } from '../ops/pair.js';
import type { Shape, Tensor } from '../tensor.js';
import { placesOf, transposed, windowsOf, type Window } from './convArithmetic.js';
import { Module, Parameter } from './module.js';
import { requireChannels } from './sizes.js';

export interface ConvTranspose2dLayerOptions extends Omit<ConvTranspose2dOptions, 'relu'> {
  /** Whether a bias is added to each output channel. Default: true. */
  bias?: boolean;
}

/**
 * 2-D transposed convolution of [N, H, W, inChannels] to [N, OH, OW, outChannels]; see {@link ops.convTranspose2d} for the
 * formula.
 *
 * Weights [KH, KW, outChannels/groups, inChannels] and bias start uniform in ±1/√(KH·KW·outChannels/groups), as in
 * PyTorch.
 */
export class ConvTranspose2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: ConvTranspose2dOptions;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Pair,
    { bias = true, ...options }: ConvTranspose2dLayerOptions = {},
  ) {
    super();
    const [height, width] = pair('ConvTranspose2d', 'kernelSize', kernelSize);
    const { groups = 1 } = options;
    requireChannels('ConvTranspose2d', inChannels, outChannels, [height, width], groups);
    const inGroup = outChannels / groups;
    const bound = 1 / Math.sqrt(height * width * inGroup);
    this.weight = new Parameter(uniform([height, width, inGroup, inChannels], -bound, bound));
    this.bias = bias ? new Parameter(uniform([outChannels], -bound, bound)) : null;
    this.options = options;
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
