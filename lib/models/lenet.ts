import * as nn from '../nn/index.js';

export interface LeNet5Options {
  /** Default: 10. */
  classes?: number;
  /** Channels of the images. Default: 1. */
  channels?: number;
  /** Height and width of the images: 28, which the first layer pads to 32, or 32. Default: 28. */
  side?: 28 | 32;
}

/**
 * LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998) as it is taught today, with ReLU and maximum pooling: images
 * [N, side, side, channels] to scores [N, classes]. 61,706 parameters for digits.
 */
export function lenet5({ classes = 10, channels = 1, side = 28 }: LeNet5Options = {}): nn.Sequential {
  if (side !== 28 && side !== 32) throw new RangeError(`lenet5: side is ${String(side)}, wants 28 or 32`);
  return new nn.Sequential({
    conv1: new nn.Conv2d(channels, 6, 5, { padding: side === 28 ? 2 : 0 }),
    relu1: new nn.ReLU(),
    pool1: new nn.MaxPool2d(2),
    conv2: new nn.Conv2d(6, 16, 5),
    relu2: new nn.ReLU(),
    pool2: new nn.MaxPool2d(2),
    flatten: new nn.Flatten(),
    fc1: new nn.Linear(400, 120),
    relu3: new nn.ReLU(),
    fc2: new nn.Linear(120, 84),
    relu4: new nn.ReLU(),
    fc3: new nn.Linear(84, classes),
  });
}
