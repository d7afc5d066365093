import * as nn from '../nn/index.js';
import { madeFor, type ModelOptions } from './options.js';

/**
 * ZFNet (Zeiler and Fergus, 2013, "Visualizing and understanding convolutional networks"): AlexNet with a smaller first
 * kernel and stride, with the local response normalization that its first two stages end in. Images [N, H, W, channels],
 * of 224×224 and from 63×63 on, to scores [N, classes]. 62,357,608 parameters.
 */
export function zfnet({ classes = 1000, channels = 3 }: ModelOptions = {}): nn.Sequential {
  const pool = (padding: number) => new nn.MaxPool2d(3, { stride: 2, padding });
  const norm = () => new nn.LocalResponseNorm(5, { alpha: 5e-4, beta: 0.75, k: 2 });
  const network = new nn.Sequential({
    features: new nn.Sequential(
      ...[new nn.Conv2d(channels, 96, 7, { stride: 2, padding: 1 }), new nn.ReLU(), pool(1), norm()],
      ...[new nn.Conv2d(96, 256, 5, { stride: 2 }), new nn.ReLU(), pool(1), norm()],
      ...[new nn.Conv2d(256, 384, 3, { padding: 1 }), new nn.ReLU()],
      ...[new nn.Conv2d(384, 384, 3, { padding: 1 }), new nn.ReLU()],
      ...[new nn.Conv2d(384, 256, 3, { padding: 1 }), new nn.ReLU(), pool(0)],
    ),
    avgpool: new nn.AdaptiveAvgPool2d(6),
    flatten: new nn.Flatten(),
    classifier: new nn.Sequential(
      ...[new nn.Linear(256 * 6 * 6, 4096), new nn.ReLU(), new nn.Dropout()],
      ...[new nn.Linear(4096, 4096), new nn.ReLU(), new nn.Dropout()],
      new nn.Linear(4096, classes),
    ),
  });
  return madeFor(224, channels, network);
}
