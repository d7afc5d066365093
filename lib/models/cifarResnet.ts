import * as nn from '../nn/index.js';
import { pad, slice } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { madeFor, type ModelOptions } from './options.js';
import { BasicBlock } from './resnet.js';

/**
 * Every second pixel of every second row, and zeros for new channels, half of them before the others: a shortcut without
 * parameters.
 */
class PaddedShortcut extends nn.Module {
  readonly before: number;
  readonly after: number;

  constructor(inputs: number, outputs: number) {
    super();
    this.before = Math.floor((outputs - inputs) / 2);
    this.after = outputs - inputs - this.before;
  }

  override forward(x: Tensor): Tensor {
    using fewer = slice(x, [0, 0, 0], [], [1, 2, 2]);
    return pad(fewer, [
      [0, 0],
      [0, 0],
      [0, 0],
      [this.before, this.after],
    ]);
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
        const block =
          inputs === width
            ? new BasicBlock(inputs, width)
            : new BasicBlock(inputs, width, 2, new PaddedShortcut(inputs, width));
        inputs = width;
        return block;
      }),
    );
  const network = new nn.Sequential({
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
  return madeFor(32, channels, network);
}

/** The ResNet for CIFAR with 20 layers: 269,722 parameters. See cifarResnet. */
export function resnet20(options?: ModelOptions): nn.Sequential {
  return cifarResnet(20, options);
}

/** The ResNet for CIFAR with 56 layers: 853,018 parameters. See cifarResnet. */
export function resnet56(options?: ModelOptions): nn.Sequential {
  return cifarResnet(56, options);
}
