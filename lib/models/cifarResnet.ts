import * as nn from '../nn/index.js';
import { pad, slice } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { convNormAddRelu, convNormRelu } from './convNorm.js';
import type { ModelOptions } from './options.js';

/**
 * Two 3×3 convolutions beside a shortcut without parameters: where the block has stride 2 and twice the channels, the
 * shortcut takes every second pixel and has zeros for the new channels, half of them before the others.
 */
export class PaddedBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d | null;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d | null;
  readonly stride: number;
  readonly more: number;

  constructor(inputs: number, width: number, stride = 1) {
    super();
    this.conv1 = new nn.Conv2d(inputs, width, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.conv2 = new nn.Conv2d(width, width, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(width);
    this.stride = stride;
    this.more = width - inputs;
  }

  override forward(x: Tensor): Tensor {
    using a = convNormRelu(this.conv1, this.bn1, x);
    if (this.stride === 1 && this.more === 0) return convNormAddRelu(this.conv2, this.bn2, a, x);
    using fewer = slice(x, [0, 0, 0], [], [1, this.stride, this.stride]);
    const before = Math.floor(this.more / 2);
    using wider = pad(fewer, [
      ...[0, 1, 2].map(() => [0, 0] as const),
      [before, this.more - before] as const,
    ]);
    return convNormAddRelu(this.conv2, this.bn2, a, wider);
  }

  override fuse(): void {
    if (!this.bn1 || !this.bn2) return;
    this.conv1 = nn.fuseConvBatchNorm(this.conv1, this.bn1);
    this.conv2 = nn.fuseConvBatchNorm(this.conv2, this.bn2);
    this.bn1 = this.bn2 = null;
  }
}

/**
 * A ResNet for CIFAR (He, Zhang, Ren and Sun, 2015, section 4.2) with 6n + 2 layers: three stages of n blocks with 16, 32
 * and 64 channels, and shortcuts without parameters. Images [N, 32, 32, channels] to scores [N, classes].
 *
 * @throws RangeError for a number of layers that is not 6n + 2, n ≥ 1
 */
export function cifarResnet(
  layers: number,
  { classes = 10, channels = 3 }: ModelOptions = {},
): nn.Sequential {
  const blocks = (layers - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new RangeError(`cifarResnet: layers is ${String(layers)}, wants 8, 14, 20, …: 6n + 2`);
  }
  let inputs = 16;
  const stage = (width: number): nn.Sequential =>
    new nn.Sequential(
      ...Array.from({ length: blocks }, () => {
        const block = new PaddedBlock(inputs, width, inputs === width ? 1 : 2);
        inputs = width;
        return block;
      }),
    );
  return new nn.Sequential({
    conv1: new nn.Conv2d(channels, 16, 3, { padding: 1, bias: false }),
    bn1: new nn.BatchNorm2d(16),
    relu: new nn.ReLU(),
    layer1: stage(16),
    layer2: stage(32),
    layer3: stage(64),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    fc: new nn.Linear(64, classes),
  });
}

/** The ResNet for CIFAR with 20 layers: 269,722 parameters. See cifarResnet. */
export function resnet20(options?: ModelOptions): nn.Sequential {
  return cifarResnet(20, options);
}

/** The ResNet for CIFAR with 56 layers: 853,018 parameters. See cifarResnet. */
export function resnet56(options?: ModelOptions): nn.Sequential {
  return cifarResnet(56, options);
}
