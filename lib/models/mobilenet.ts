import { describe } from '../describe.js';
import * as nn from '../nn/index.js';
import { add } from '../ops/elementwise.js';
import type { Tensor } from '../tensor.js';
import { madeFor, sideOf, type SmallImageOptions } from './options.js';

/** With smallImages the first two convolutions of stride 2 have stride 1. */
export interface MobileNetOptions extends SmallImageOptions {
  /** Multiplies the channels of all layers; the papers have 0.25 to 1.4. Default: 1. */
  width?: number;
}

function requireWidth(network: string, width: number): void {
  if (!(width > 0 && width <= 16)) {
    throw new RangeError(`${network}: width is ${describe(width)}, wants a number above 0, up to 16`);
  }
}

/** [channels, stride] of MobileNet's separable convolutions. */
const separable: readonly (readonly [number, number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  ...Array.from({ length: 5 }, () => [512, 1] as const),
  [1024, 2],
  [1024, 1],
];

/**
 * MobileNet (Howard et al., 2017): 13 depthwise-separable convolutions, each half with batch normalization and ReLU.
 * Images [N, H, W, channels], of 224×224 and any other size, to scores [N, classes]. 4,231,976 parameters.
 *
 * @throws RangeError for a width that is not above 0
 */
export function mobilenet({
  classes = 1000,
  channels = 3,
  width = 1,
  smallImages = false,
}: MobileNetOptions = {}): nn.Sequential {
  requireWidth('mobilenet', width);
  const scaled = (n: number) => Math.max(1, Math.floor(n * width));
  let inputs = scaled(32);
  const features: nn.Module[] = [
    new nn.Conv2d(channels, inputs, 3, { stride: smallImages ? 1 : 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(inputs),
    new nn.ReLU(),
  ];
  for (const [i, [full, usual]] of separable.entries()) {
    const outputs = scaled(full);
    const stride = smallImages && i === 1 ? 1 : usual;
    features.push(
      new nn.Conv2d(inputs, inputs, 3, { stride, padding: 1, groups: inputs, bias: false }),
      new nn.BatchNorm2d(inputs),
      new nn.ReLU(),
      new nn.Conv2d(inputs, outputs, 1, { bias: false }),
      new nn.BatchNorm2d(outputs),
      new nn.ReLU(),
    );
    inputs = outputs;
  }
  const network = new nn.Sequential({
    features: new nn.Sequential(...features),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    dropout: new nn.Dropout(0.001),
    fc: new nn.Linear(inputs, classes),
  });
  return madeFor(sideOf(smallImages), channels, network);
}

/** Convolution, batch normalization and ReLU6. */
function convNormRelu6(
  inputs: number,
  outputs: number,
  kernelSize: number,
  { stride = 1, groups = 1 } = {},
): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(inputs, outputs, kernelSize, {
      stride,
      padding: (kernelSize - 1) / 2,
      groups,
      bias: false,
    }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU6(),
  );
}

/**
 * A 1×1 convolution that widens by `expansion`, a depthwise 3×3, and a 1×1 that narrows and ends linear, beside a
 * shortcut where the shape stays: the block of MobileNetV2.
 */
export class InvertedResidual extends nn.Module {
  readonly conv: nn.Sequential;
  readonly addsInput: boolean;

  constructor(inputs: number, outputs: number, stride: number, expansion: number) {
    super();
    const between = inputs * expansion;
    this.conv = new nn.Sequential(
      ...(expansion === 1 ? [] : [convNormRelu6(inputs, between, 1)]),
      convNormRelu6(between, between, 3, { stride, groups: between }),
      new nn.Conv2d(between, outputs, 1, { bias: false }),
      new nn.BatchNorm2d(outputs),
    );
    this.addsInput = stride === 1 && inputs === outputs;
  }

  override forward(x: Tensor): Tensor {
    if (!this.addsInput) return this.conv.forward(x);
    using y = this.conv.forward(x);
    return add(y, x);
  }
}

/** [expansion, channels, blocks, stride of the first] of MobileNetV2's stages. */
const inverted = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** The multiple of 8 nearest to n, but no less than nine tenths of it. */
function multipleOf8(n: number): number {
  const nearest = Math.max(8, Math.floor((n + 4) / 8) * 8);
  return nearest < 0.9 * n ? nearest + 8 : nearest;
}

/**
 * MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov and Chen, 2018): inverted residual blocks with linear ends. Images
 * [N, H, W, channels], of 224×224 and any other size, to scores [N, classes]. 3,504,872 parameters, with torchvision's
 * names.
 *
 * @throws RangeError for a width that is not above 0
 */
export function mobilenetV2({
  classes = 1000,
  channels = 3,
  width = 1,
  smallImages = false,
}: MobileNetOptions = {}): nn.Sequential {
  requireWidth('mobilenetV2', width);
  let inputs = multipleOf8(32 * width);
  const last = multipleOf8(1280 * Math.max(1, width));
  const features: nn.Module[] = [convNormRelu6(channels, inputs, 3, { stride: smallImages ? 1 : 2 })];
  for (const [stage, [expansion, full, blocks, usual]] of inverted.entries()) {
    const outputs = multipleOf8(full * width);
    const stride = smallImages && stage === 1 ? 1 : usual;
    for (let i = 0; i < blocks; i++) {
      features.push(new InvertedResidual(inputs, outputs, i === 0 ? stride : 1, expansion));
      inputs = outputs;
    }
  }
  features.push(convNormRelu6(inputs, last, 1));
  const network = new nn.Sequential({
    features: new nn.Sequential(...features),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    classifier: new nn.Sequential(new nn.Dropout(0.2), new nn.Linear(last, classes)),
  });
  return madeFor(sideOf(smallImages), channels, network);
}
