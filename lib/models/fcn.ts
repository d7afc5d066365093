import * as init from '../init/index.js';
import * as nn from '../nn/index.js';
import { add } from '../ops/elementwise.js';
import { slice } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import { madeFor, type SegmentationOptions } from './options.js';
import { Staged } from './staged.js';
import { depths, vggFeatures } from './vgg.js';

export interface FCNOptions extends SegmentationOptions {
  /** Channels of the two layers that VGG's large linear ones have become. Default: 4096. */
  hidden?: number;
}

/** The layers after which VGG-16's third and fourth stage end. */
const stageEnds = [17, 24];

/** Enlarges scores by `factor`, bilinearly at first. */
function enlarging(classes: number, factor: number): nn.ConvTranspose2d {
  const layer = new nn.ConvTranspose2d(classes, classes, 2 * factor, {
    stride: factor,
    padding: factor / 2,
    bias: false,
  });
  init.bilinear(layer.weight);
  return layer;
}

/** Scores of places, all 0 at first, so that training begins with what is known from elsewhere. */
function scoring(inputs: number, classes: number): nn.Conv2d {
  const layer = new nn.Conv2d(inputs, classes, 1);
  init.zeros(layer.weight);
  init.zeros(layer.bias!);
  return layer;
}

/** The top left part of the scores: what the image covers of them. */
function cropped(scores: Tensor, { shape: [, height, width] }: Tensor): Tensor {
  return slice(scores, [0, 0, 0], [Infinity, height!, width!]);
}

/** See fcn32s. */
class FCN extends nn.Module {
  readonly features: Staged;
  readonly fc6: nn.Conv2d;
  readonly drop6: nn.Dropout;
  readonly fc7: nn.Conv2d;
  readonly drop7: nn.Dropout;
  readonly scoreFr: nn.Conv2d;
  readonly upscore2: nn.ConvTranspose2d | null;
  readonly scorePool4: nn.Conv2d | null;
  readonly upscorePool4: nn.ConvTranspose2d | null;
  readonly scorePool3: nn.Conv2d | null;
  readonly upscore: nn.ConvTranspose2d;

  constructor(stride: 8 | 16 | 32, { classes = 21, channels = 3, hidden = 4096 }: FCNOptions) {
    super();
    const layers = Object.entries(vggFeatures(depths[16], { channels, ceilMode: true }));
    const ends = [0, ...stageEnds, layers.length];
    this.features = new Staged(ends.slice(1).map((end, i) => Object.fromEntries(layers.slice(ends[i], end))));
    this.fc6 = new nn.Conv2d(512, hidden, 7, { padding: 3 });
    this.drop6 = new nn.Dropout();
    this.fc7 = new nn.Conv2d(hidden, hidden, 1);
    this.drop7 = new nn.Dropout();
    this.scoreFr = scoring(hidden, classes);
    this.upscore2 = stride < 32 ? enlarging(classes, 2) : null;
    this.scorePool4 = stride < 32 ? scoring(512, classes) : null;
    this.upscorePool4 = stride < 16 ? enlarging(classes, 2) : null;
    this.scorePool3 = stride < 16 ? scoring(256, classes) : null;
    this.upscore = enlarging(classes, stride);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const [pool3, pool4, pool5] = this.features.stages(x) as [Tensor, Tensor, Tensor];
      const a = this.drop6.forward(this.fc6.forwardRelu(pool5));
      const b = this.drop7.forward(this.fc7.forwardRelu(a));
      let scores = this.scoreFr.forward(b);
      for (const [enlarge, score, finer] of [
        [this.upscore2, this.scorePool4, pool4],
        [this.upscorePool4, this.scorePool3, pool3],
      ] as const) {
        if (enlarge && score) scores = add(score.forward(finer), cropped(enlarge.forward(scores), finer));
      }
      return cropped(this.upscore.forward(scores), x);
    });
  }
}

/**
 * The fully convolutional network FCN-32s (Long, Shelhamer and Darrell, 2015): VGG-16 with its linear layers as
 * convolutions of 7×7 and 1×1 places, a score for each class and place, and a transposed convolution that enlarges these 32
 * times. Images [N, H, W, channels] of any size to scores [N, H, W, classes]. 136,152,917 parameters.
 *
 * Names of VGG's convolutions are torchvision's, those of the other layers the paper's. Its transposed convolutions start
 * bilinear and its scores at 0; all are learnt. Where the paper pads images by 100 pixels, each convolution pads itself here,
 * poolings keep what is left over at the end, and the result is cropped.
 */
export function fcn32s(options: FCNOptions = {}): nn.Module {
  return madeFor(224, options.channels ?? 3, new FCN(32, options));
}

/** FCN-16s: see fcn32s; scores of VGG's fourth stage are added before they are enlarged 16 times. 134,815,994 parameters. */
export function fcn16s(options: FCNOptions = {}): nn.Module {
  return madeFor(224, options.channels ?? 3, new FCN(16, options));
}

/** FCN-8s: see fcn16s; those of the third stage, too, before they are enlarged 8 times. 134,489,759 parameters. */
export function fcn8s(options: FCNOptions = {}): nn.Module {
  return madeFor(224, options.channels ?? 3, new FCN(8, options));
}
