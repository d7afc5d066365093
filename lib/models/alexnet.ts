import * as nn from '../nn/index.js';
import { madeFor, type ModelOptions } from './options.js';

/** What follows the features, [N, H, W, 256]. */
const classifier = (classes: number): Record<string, nn.Module> => ({
  avgpool: new nn.AdaptiveAvgPool2d(6),
  flatten: new nn.Flatten(),
  classifier: new nn.Sequential(
    new nn.Dropout(),
    new nn.Linear(256 * 6 * 6, 4096),
    new nn.ReLU(),
    new nn.Dropout(),
    new nn.Linear(4096, 4096),
    new nn.ReLU(),
    new nn.Linear(4096, classes),
  ),
});

/**
 * AlexNet (Krizhevsky, 2014, "One weird trick for parallelizing convolutional neural networks"), without its local
 * response normalization, as PyTorch has it: images [N, H, W, channels], of 224×224 and from 63×63 on, to scores
 * [N, classes]. 61,100,840 parameters.
 */
export function alexnet({ classes = 1000, channels = 3 }: ModelOptions = {}): nn.Sequential {
  const network = new nn.Sequential({
    features: new nn.Sequential(
      new nn.Conv2d(channels, 64, 11, { stride: 4, padding: 2 }),
      new nn.ReLU(),
      new nn.MaxPool2d(3, { stride: 2 }),
      new nn.Conv2d(64, 192, 5, { padding: 2 }),
      new nn.ReLU(),
      new nn.MaxPool2d(3, { stride: 2 }),
      new nn.Conv2d(192, 384, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.Conv2d(384, 256, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.Conv2d(256, 256, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(3, { stride: 2 }),
    ),
    ...classifier(classes),
  });
  return madeFor(224, channels, network);
}

/**
 * AlexNet as it won in 2012 (Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural
 * networks"): with local response normalization (n = 5, α = 10⁻⁴, β = 0.75, k = 2), and three convolutions in two groups,
 * which ran on a graphics card each. Images [N, H, W, channels], of 224×224 and from 63×63 on, to scores [N, classes].
 * 60,965,224 parameters.
 */
export function alexnet2012({ classes = 1000, channels = 3 }: ModelOptions = {}): nn.Sequential {
  // α is of the mean here, and of the sum over n = 5 channels there.
  const norm = () => new nn.LocalResponseNorm(5, { alpha: 5e-4, beta: 0.75, k: 2 });
  const pool = () => new nn.MaxPool2d(3, { stride: 2 });
  const network = new nn.Sequential({
    features: new nn.Sequential(
      ...[new nn.Conv2d(channels, 96, 11, { stride: 4, padding: 2 }), new nn.ReLU(), norm(), pool()],
      ...[new nn.Conv2d(96, 256, 5, { padding: 2, groups: 2 }), new nn.ReLU(), norm(), pool()],
      ...[new nn.Conv2d(256, 384, 3, { padding: 1 }), new nn.ReLU()],
      ...[new nn.Conv2d(384, 384, 3, { padding: 1, groups: 2 }), new nn.ReLU()],
      ...[new nn.Conv2d(384, 256, 3, { padding: 1, groups: 2 }), new nn.ReLU(), pool()],
    ),
    ...classifier(classes),
  });
  return madeFor(224, channels, network);
}
