import * as nn from '../nn/index.js';
import { interpolate } from '../ops/upsample.js';
import { scope, StriateError, type Tensor } from '../tensor.js';
import { withAuxiliary } from './auxiliary.js';
import { madeFor, type SegmentationOptions } from './options.js';
import { Bottleneck } from './resnet.js';
import { Staged } from './staged.js';

export interface FCNResNetOptions extends SegmentationOptions {
  /** Whether scores of the third stage help in training; see auxiliaryLoss. Default: false. */
  auxLoss?: boolean;
}

/** A stage of a ResNet; with a dilation its convolutions keep the size of images and reach further instead. */
function stage(
  inputs: number,
  width: number,
  depth: number,
  stride: number,
  dilation: number,
): nn.Sequential {
  const outputs = width * Bottleneck.expansion;
  const blocks = Array.from({ length: depth }, (_, i) =>
    i === 0
      ? new Bottleneck(inputs, width, stride, Math.max(1, dilation / 2))
      : new Bottleneck(outputs, width, 1, dilation),
  );
  return new nn.Sequential(...blocks);
}

function head(inputs: number, classes: number): nn.Sequential {
  const between = inputs / 4;
  return new nn.Sequential(
    new nn.Conv2d(inputs, between, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(between),
    new nn.ReLU(),
    new nn.Dropout(0.1),
    new nn.Conv2d(between, classes, 1),
  );
}

/** See fcnResnet50. */
export class FCNResNet extends nn.Module {
  readonly backbone: Staged;
  readonly classifier: nn.Sequential;
  readonly auxClassifier: nn.Sequential | null;

  constructor(depths: readonly number[], { classes = 21, channels = 3, auxLoss = false }: FCNResNetOptions) {
    super();
    const [one = 1, two = 1, three = 1, four = 1] = depths;
    this.backbone = new Staged([
      {
        conv1: new nn.Conv2d(channels, 64, 7, { stride: 2, padding: 3, bias: false }),
        bn1: new nn.BatchNorm2d(64),
        relu: new nn.ReLU(),
        maxpool: new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
        layer1: stage(64, 64, one, 1, 1),
        layer2: stage(256, 128, two, 2, 1),
        layer3: stage(512, 256, three, 1, 2),
      },
      { layer4: stage(1024, 512, four, 1, 4) },
    ]);
    this.classifier = head(2048, classes);
    this.auxClassifier = auxLoss ? head(1024, classes) : null;
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || !this.auxClassifier) {
      return scope(() => enlarged(this.classifier.forward(this.backbone.forward(x)), x));
    }
    const { out, aux } = this.allScores(x);
    return withAuxiliary(out, [aux]);
  }

  /**
   * The scores of both classifiers, [N, H, W, classes] each.
   *
   * @throws StriateError for a network that was made without an auxiliary one
   */
  allScores(x: Tensor): { out: Tensor; aux: Tensor } {
    const { auxClassifier } = this;
    if (!auxClassifier) {
      throw new StriateError('FCNResNet: there is no auxiliary classifier; make it with auxLoss: true');
    }
    return scope(() => {
      const [third, last] = this.backbone.stages(x) as [Tensor, Tensor];
      return {
        out: enlarged(this.classifier.forward(last), x),
        aux: enlarged(auxClassifier.forward(third), x),
      };
    });
  }
}

/** Scores for each pixel of the image. */
function enlarged(scores: Tensor, { shape: [, height, width] }: Tensor): Tensor {
  return interpolate(scores, { size: [height!, width!], mode: 'bilinear' });
}

/**
 * A fully convolutional network on ResNet-50 (after Long, Shelhamer and Darrell, 2015), as torchvision has it: the last two
 * stages keep the images' size and have dilated convolutions instead; scores at an eighth of the size are enlarged
 * bilinearly. Images [N, H, W, channels] of any size to scores [N, H, W, classes]. 32,957,013 parameters, 35,322,218 with an
 * auxiliary classifier, which counts half in torchvision's training: auxiliaryLoss(loss.crossEntropy, 0.5).
 *
 * Names are torchvision's; its aux_classifier is auxClassifier here.
 */
export function fcnResnet50(options: FCNResNetOptions = {}): FCNResNet {
  return madeFor(224, options.channels ?? 3, new FCNResNet([3, 4, 6, 3], options));
}

/** The same on ResNet-101: 51,949,141 parameters, 54,314,346 with an auxiliary classifier. See fcnResnet50. */
export function fcnResnet101(options: FCNResNetOptions = {}): FCNResNet {
  return madeFor(224, options.channels ?? 3, new FCNResNet([3, 4, 23, 3], options));
}
