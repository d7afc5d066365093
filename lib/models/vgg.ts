import * as nn from '../nn/index.js';
import { madeFor, type ModelOptions } from './options.js';

/** How many convolutions each of the five stages has, by the number of layers with weights. */
export const depths = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
};

export interface VGGOptions extends ModelOptions {
  /** Whether each convolution is followed by batch normalization (Ioffe and Szegedy, 2015). Default: false. */
  batchNorm?: boolean;
}

/**
 * The convolutions and poolings of a VGG, with so many convolutions in each of its five stages.
 *
 * @param ceilMode whether poolings keep what is left over at the end of an image
 */
export function vggFeatures(
  stages: readonly number[],
  {
    channels,
    batchNorm = false,
    ceilMode = false,
  }: { channels: number; batchNorm?: boolean; ceilMode?: boolean },
): nn.Module[] {
  const features: nn.Module[] = [];
  let inputs = channels;
  stages.forEach((depth, stage) => {
    const outputs = Math.min(64 << stage, 512);
    for (let i = 0; i < depth; i++) {
      features.push(
        new nn.Conv2d(inputs, outputs, 3, { padding: 1 }),
        ...(batchNorm ? [new nn.BatchNorm2d(outputs)] : []),
        new nn.ReLU(),
      );
      inputs = outputs;
    }
    features.push(new nn.MaxPool2d(2, ceilMode ? { ceilMode } : {}));
  });
  return features;
}

/**
 * VGG (Simonyan and Zisserman, 2014) with so many layers: images [N, H, W, channels], of
 * 224×224 and from 32×32 on, to scores [N, classes].
 *
 * @throws RangeError for another number of layers than 11, 13, 16 and 19.
 */
export function vgg(
  layers: 11 | 13 | 16 | 19,
  { classes = 1000, channels = 3, batchNorm = false }: VGGOptions = {},
): nn.Sequential {
  if (!Object.hasOwn(depths, layers)) {
    throw new RangeError(`vgg: layers is ${String(layers)}, wants 11, 13, 16 or 19`);
  }
  const network = new nn.Sequential({
    features: new nn.Sequential(...vggFeatures(depths[layers], { channels, batchNorm })),
    avgpool: new nn.AdaptiveAvgPool2d(7),
    flatten: new nn.Flatten(),
    classifier: new nn.Sequential(
      new nn.Linear(512 * 7 * 7, 4096),
      new nn.ReLU(),
      new nn.Dropout(),
      new nn.Linear(4096, 4096),
      new nn.ReLU(),
      new nn.Dropout(),
      new nn.Linear(4096, classes),
    ),
  });
  return madeFor(224, channels, network);
}

/** VGG with 11 layers: 132,863,336 parameters, 132,868,840 with batch normalization. See vgg. */
export function vgg11(options?: VGGOptions): nn.Sequential {
  return vgg(11, options);
}

/** VGG with 13 layers: 133,047,848 parameters, 133,053,736 with batch normalization. See vgg. */
export function vgg13(options?: VGGOptions): nn.Sequential {
  return vgg(13, options);
}

/** VGG with 16 layers: 138,357,544 parameters, 138,365,992 with batch normalization. See vgg. */
export function vgg16(options?: VGGOptions): nn.Sequential {
  return vgg(16, options);
}

/** VGG with 19 layers: 143,667,240 parameters, 143,678,248 with batch normalization. See vgg. */
export function vgg19(options?: VGGOptions): nn.Sequential {
  return vgg(19, options);
}
