import { describe } from '../describe.js';
import * as nn from '../nn/index.js';
import { madeFor, type ModelOptions } from './options.js';

export interface SmallVggOptions extends ModelOptions {
  /** Channels of the stages. Default: [64, 128, 256]. */
  widths?: readonly number[];
}

/**
 * A network for images of some 32×32 after VGG's pattern, with batch normalization: stages of two 3×3 convolutions, halved
 * between them by maximum pooling, then the mean over places and a linear layer. [N, H, W, channels] to scores
 * [N, classes]. 1,148,874 parameters with 10 classes.
 */
export function smallVgg({
  classes = 10,
  channels = 3,
  widths = [64, 128, 256],
}: SmallVggOptions = {}): nn.Sequential {
  if (!Array.isArray(widths) || widths.length === 0) {
    throw new RangeError(`smallVgg: widths is ${describe(widths)}, wants a list of channels`);
  }
  let inputs = channels;
  const layer = (outputs: number): nn.Module[] => {
    const made = [
      new nn.Conv2d(inputs, outputs, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(outputs),
      new nn.ReLU(),
    ];
    inputs = outputs;
    return made;
  };
  const features = (widths as readonly number[]).flatMap((width, stage) => [
    ...(stage > 0 ? [new nn.MaxPool2d(2)] : []),
    ...layer(width),
    ...layer(width),
  ]);
  const network = new nn.Sequential({
    features: new nn.Sequential(...features),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    fc: new nn.Linear(inputs, classes),
  });
  return madeFor(32, channels, network);
}
