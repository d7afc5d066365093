import { describe } from '../describe.js';
import * as init from '../init/index.js';
import * as nn from '../nn/index.js';
import { requireFlag, requireSize } from '../nn/arguments.js';
import { concat, pad, slice } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import { madeFor } from './options.js';

export interface UNetOptions {
  /** Scores of each pixel. Default: 2. */
  classes?: number;
  /** Channels of the images. Default: 1. */
  channels?: number;
  /** How often images are halved, and enlarged again. Default: 4. */
  depth?: number;
  /** Channels of the first layers; they double wherever images are halved. Default: 64. */
  width?: number;
  /** Whether each 3×3 convolution is followed by batch normalization (Ioffe and Szegedy, 2015). Default: false. */
  batchNorm?: boolean;
  /**
   * 'same': the scores have the size of the image; 'valid': convolutions are not padded, as in the paper, so that each score
   * is of a pixel whose whole surroundings the network sees: of 572×572 pixels, 388×388 in the middle. Default: 'same'.
   */
  padding?: 'same' | 'valid';
  /**
   * 'transposed': images are enlarged by learnt 2×2 transposed convolutions; 'bilinear': by interpolation, after a 1×1
   * convolution that halves the channels likewise. Default: 'transposed'.
   */
  upsampling?: 'transposed' | 'bilinear';
}

/** Two 3×3 convolutions, each with ReLU, after batch normalization where wanted. */
function twoConvolutions(
  inputs: number,
  outputs: number,
  { batchNorm, padding }: { batchNorm: boolean; padding: number },
): nn.Sequential {
  const layer = (from: number): nn.Module[] => {
    const conv = new nn.Conv2d(from, outputs, 3, { padding, bias: !batchNorm });
    init.kaimingNormal(conv.weight);
    return [conv, ...(batchNorm ? [new nn.BatchNorm2d(outputs)] : []), new nn.ReLU()];
  };
  return new nn.Sequential(...layer(inputs), ...layer(outputs));
}

/** Twice as large with half the channels, [N, H, W, C] → [N, 2H, 2W, C/2]. */
function enlarging(inputs: number, upsampling: 'transposed' | 'bilinear'): nn.Module {
  const outputs = inputs / 2;
  if (upsampling === 'transposed') return new nn.ConvTranspose2d(inputs, outputs, 2, { stride: 2 });
  // Before the interpolation a 1×1 convolution gives the same as after it, with a quarter of the work.
  return new nn.Sequential({
    conv: new nn.Conv2d(inputs, outputs, 1),
    upsample: new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }),
  });
}

/** x with the height and width of `like`: cut equally on both sides, or with zeros at the bottom and to the right. */
function fitted(x: Tensor, like: Tensor): Tensor {
  const [height, width] = [1, 2].map((axis) => like.shape[axis]! - x.shape[axis]!) as [number, number];
  if (height === 0 && width === 0) return x;
  if (height >= 0 && width >= 0) return pad(x, [[0, 0], [0, height], [0, width], [0, 0]]); // prettier-ignore
  const [top, left] = [Math.floor(-height / 2), Math.floor(-width / 2)];
  return slice(x, [0, top, left], [Infinity, top + like.shape[1]!, left + like.shape[2]!]);
}

/** See unet. `encoder` has one block more than `decoder`: the last is that of the smallest images. */
export class UNet extends nn.Module {
  readonly encoder: readonly nn.Sequential[];
  readonly pool: nn.MaxPool2d;
  readonly up: readonly nn.Module[];
  readonly decoder: readonly nn.Sequential[];
  readonly head: nn.Conv2d;
  readonly padding: 'same' | 'valid';

  constructor({
    classes = 2,
    channels = 1,
    depth = 4,
    width = 64,
    batchNorm = false,
    padding = 'same',
    upsampling = 'transposed',
  }: UNetOptions = {}) {
    super();
    for (const [name, size] of Object.entries({ classes, channels, depth, width })) {
      requireSize('unet', name, size);
    }
    requireFlag('unet', 'batchNorm', batchNorm);
    if (padding !== 'same' && padding !== 'valid') {
      throw new RangeError(`unet: padding is ${describe(padding)}, wants 'same' or 'valid'`);
    }
    if (upsampling !== 'transposed' && upsampling !== 'bilinear') {
      throw new RangeError(`unet: upsampling is ${describe(upsampling)}, wants 'transposed' or 'bilinear'`);
    }
    const options = { batchNorm, padding: padding === 'same' ? 1 : 0 };
    const widths = Array.from({ length: depth + 1 }, (_, i) => width * 2 ** i);
    const above = widths.slice(1).reverse();
    this.encoder = widths.map((outputs, i) => twoConvolutions(widths[i - 1] ?? channels, outputs, options));
    this.pool = new nn.MaxPool2d(2);
    this.up = above.map((inputs) => enlarging(inputs, upsampling));
    this.decoder = above.map((inputs) => twoConvolutions(inputs, inputs / 2, options));
    this.head = new nn.Conv2d(width, classes, 1);
    this.padding = padding;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const skips: Tensor[] = [];
      let current = x;
      for (const [i, block] of this.encoder.entries()) {
        if (i > 0) {
          skips.push(current);
          current = this.pool.forward(current);
        }
        const next = block.forward(current);
        if (i > 0) current.dispose();
        current = next;
      }
      for (const [i, block] of this.decoder.entries()) {
        const up = this.up[i]!.forward(current);
        const skip = skips.pop()!;
        // What has a pixel less is what was enlarged of an odd size; in the paper's form, the skip has more than enough.
        const pair = this.padding === 'same' ? [skip, fitted(up, skip)] : [fitted(skip, up), up];
        const both = concat(pair, -1);
        const next = block.forward(both);
        for (const used of [current, up, skip, both, ...pair]) used.dispose();
        current = next;
      }
      const scores = this.head.forward(current);
      current.dispose();
      return scores;
    });
  }
}

/**
 * U-Net (Ronneberger, Fischer and Brox, 2015): images are halved and halved again, then enlarged as often, and each time what
 * they were at that size before is put beside them. Images [N, H, W, channels] to scores [N, H, W, classes], or smaller with
 * padding 'valid'. 31,030,658 parameters. Weights of 3×3 convolutions start as He et al., 2015, have it.
 *
 * @throws TypeError, RangeError for options that are none
 */
export function unet(options: UNetOptions = {}): UNet {
  const side = options.padding === 'valid' ? 572 : 256;
  return madeFor(side, options.channels ?? 1, new UNet(options));
}
