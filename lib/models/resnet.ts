import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor.js';
import { convNormAddRelu, convNormRelu } from './convNorm.js';
import { madeFor, sideOf, type SmallImageOptions } from './options.js';

/** With smallImages the first convolution is 3×3 with stride 1, and no pooling follows. */
export type ResNetOptions = SmallImageOptions;

/** What a block adds its body to, where that has another shape than the block's input: a 1×1 convolution. */
function shortcut(inputs: number, outputs: number, stride: number): nn.Sequential | null {
  if (inputs === outputs && stride === 1) return null;
  return new nn.Sequential(
    new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }),
    new nn.BatchNorm2d(outputs),
  );
}

/**
 * Two 3×3 convolutions beside a shortcut: the block of ResNet-18 and 34, and with a shortcut of its own of the ResNets for
 * CIFAR.
 */
export class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d | null;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d | null;
  readonly downsample: nn.Module | null;

  constructor(
    inputs: number,
    width: number,
    stride = 1,
    downsample: nn.Module | null = shortcut(inputs, width, stride),
  ) {
    super();
    this.conv1 = new nn.Conv2d(inputs, width, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, width, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(width);
    this.downsample = downsample;
  }

  override forward(x: Tensor): Tensor {
    using a = convNormRelu(this.conv1, this.bn1, x);
    using projected = this.downsample?.forward(x);
    return convNormAddRelu(this.conv2, this.bn2, a, projected ?? x);
  }

  override fuse(): void {
    if (!this.bn1 || !this.bn2) return;
    this.conv1 = nn.fuseConvBatchNorm(this.conv1, this.bn1);
    this.conv2 = nn.fuseConvBatchNorm(this.conv2, this.bn2);
    this.bn1 = this.bn2 = null;
  }
}

/**
 * A 1×1 convolution that narrows, a 3×3, and a 1×1 that widens, beside a shortcut: the block of ResNet-50. Stride and
 * dilation are those of the 3×3.
 */
export class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d | null;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d | null;
  conv3: nn.Conv2d;
  bn3: nn.BatchNorm2d | null;
  readonly downsample: nn.Sequential | null;

  constructor(inputs: number, width: number, stride = 1, dilation = 1) {
    super();
    const outputs = width * Bottleneck.expansion;
    this.conv1 = new nn.Conv2d(inputs, width, 1, { bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, width, 3, { stride, padding: dilation, dilation, bias: false });
    this.bn2 = new nn.BatchNorm2d(width);
    this.conv3 = new nn.Conv2d(width, outputs, 1, { bias: false });
    this.bn3 = new nn.BatchNorm2d(outputs);
    this.downsample = shortcut(inputs, outputs, stride);
  }

  override forward(x: Tensor): Tensor {
    using a = convNormRelu(this.conv1, this.bn1, x);
    using b = convNormRelu(this.conv2, this.bn2, a);
    using projected = this.downsample?.forward(x);
    return convNormAddRelu(this.conv3, this.bn3, b, projected ?? x);
  }

  override fuse(): void {
    if (!this.bn1 || !this.bn2 || !this.bn3) return;
    this.conv1 = nn.fuseConvBatchNorm(this.conv1, this.bn1);
    this.conv2 = nn.fuseConvBatchNorm(this.conv2, this.bn2);
    this.conv3 = nn.fuseConvBatchNorm(this.conv3, this.bn3);
    this.bn1 = this.bn2 = this.bn3 = null;
  }
}

type Block = typeof BasicBlock | typeof Bottleneck;

/** ResNet with `depths` blocks in its four stages. */
function resnet(
  Block: Block,
  depths: readonly number[],
  { classes = 1000, channels = 3, smallImages = false }: ResNetOptions,
): nn.Sequential {
  let inputs = 64;
  const stage = (depth: number, i: number): [string, nn.Sequential] => {
    const width = 64 << i;
    const blocks = Array.from({ length: depth }, (_, j) => {
      const block = new Block(inputs, width, i > 0 && j === 0 ? 2 : 1);
      inputs = width * Block.expansion;
      return block;
    });
    return [`layer${i + 1}`, new nn.Sequential(...blocks)];
  };
  const [kernel, move] = smallImages ? [3, { padding: 1 }] : [7, { stride: 2, padding: 3 }];
  const layers = {
    conv1: new nn.Conv2d(channels, 64, kernel, { ...move, bias: false }),
    bn1: new nn.BatchNorm2d(64),
    relu: new nn.ReLU(),
    ...(smallImages ? {} : { maxpool: new nn.MaxPool2d(3, { stride: 2, padding: 1 }) }),
    ...Object.fromEntries(depths.map(stage)),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    fc: new nn.Linear(inputs, classes),
  };
  return madeFor(sideOf(smallImages), channels, new nn.Sequential(layers));
}

/**
 * ResNet-18 (He, Zhang, Ren and Sun, 2015): images [N, H, W, channels], of 224×224 and any other size, to scores
 * [N, classes]. 11,689,512 parameters; 11,173,962 with small images and 10 classes.
 */
export function resnet18(options: ResNetOptions = {}): nn.Sequential {
  return resnet(BasicBlock, [2, 2, 2, 2], options);
}

/** ResNet-34 (He, Zhang, Ren and Sun, 2015), as resnet18. 21,797,672 parameters. */
export function resnet34(options: ResNetOptions = {}): nn.Sequential {
  return resnet(BasicBlock, [3, 4, 6, 3], options);
}

/**
 * ResNet-50 (He, Zhang, Ren and Sun, 2015), as resnet18, with the stride of its blocks in their 3×3 convolution.
 * 25,557,032 parameters.
 */
export function resnet50(options: ResNetOptions = {}): nn.Sequential {
  return resnet(Bottleneck, [3, 4, 6, 3], options);
}

/** ResNet-101 (He, Zhang, Ren and Sun, 2015), as resnet50. 44,549,160 parameters. */
export function resnet101(options: ResNetOptions = {}): nn.Sequential {
  return resnet(Bottleneck, [3, 4, 23, 3], options);
}

/** ResNet-152 (He, Zhang, Ren and Sun, 2015), as resnet50. 60,192,808 parameters. */
export function resnet152(options: ResNetOptions = {}): nn.Sequential {
  return resnet(Bottleneck, [3, 8, 36, 3], options);
}
