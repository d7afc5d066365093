import * as nn from '../nn/index.js';
import { concat } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { madeFor, sideOf, type SmallImageOptions } from './options.js';

/** A 1×1 convolution that narrows, then a 1×1 and a 3×3 side by side, one after the other in depth; each with ReLU. */
export class Fire extends nn.Module {
  readonly squeeze: nn.Conv2d;
  readonly expand1x1: nn.Conv2d;
  readonly expand3x3: nn.Conv2d;

  constructor(inputs: number, squeezed: number, one: number, three: number) {
    super();
    this.squeeze = new nn.Conv2d(inputs, squeezed, 1);
    this.expand1x1 = new nn.Conv2d(squeezed, one, 1);
    this.expand3x3 = new nn.Conv2d(squeezed, three, 3, { padding: 1 });
  }

  override forward(x: Tensor): Tensor {
    using narrow = this.squeeze.forwardRelu(x);
    using one = this.expand1x1.forwardRelu(narrow);
    using three = this.expand3x3.forwardRelu(narrow);
    return concat([one, three], -1);
  }
}

/** Fire blocks by what they squeeze to and expand to on each side, and 'pool'. */
type Plan = readonly (readonly [squeezed: number, expanded: number] | 'pool')[];

const plans: Record<string, { stem: readonly [outputs: number, kernelSize: number]; blocks: Plan }> = {
  '1.0': {
    stem: [96, 7],
    blocks: [
      ...(['pool', [16, 64], [16, 64], [32, 128]] as const),
      ...(['pool', [32, 128], [48, 192], [48, 192], [64, 256]] as const),
      ...(['pool', [64, 256]] as const),
    ],
  },
  '1.1': {
    stem: [64, 3],
    blocks: [
      ...(['pool', [16, 64], [16, 64]] as const),
      ...(['pool', [32, 128], [32, 128]] as const),
      ...(['pool', [48, 192], [48, 192], [64, 256], [64, 256]] as const),
    ],
  },
};

/** With smallImages the first convolution has stride 1 and a padding. */
export interface SqueezeNetOptions extends SmallImageOptions {
  /** '1.0' is the paper's; '1.1', by its authors, computes 2.4 times less. Default: '1.1'. */
  version?: '1.0' | '1.1';
}

/**
 * SqueezeNet (Iandola et al., 2016): images [N, H, W, channels], of 224×224 and from 21×21 on, to scores [N, classes].
 * 1,235,496 parameters, version 1.0 1,248,424; with torchvision's names.
 *
 * @throws RangeError for another version
 */
export function squeezenet({
  classes = 1000,
  channels = 3,
  version = '1.1',
  smallImages = false,
}: SqueezeNetOptions = {}): nn.Sequential {
  if (!Object.hasOwn(plans, version)) {
    throw new RangeError(`squeezenet: version is '${version as string}', wants '1.0' or '1.1'`);
  }
  const { stem, blocks } = plans[version]!;
  let [inputs] = stem;
  const [, kernelSize] = stem;
  const move = smallImages ? { padding: (kernelSize - 1) / 2 } : { stride: 2 };
  const features: nn.Module[] = [new nn.Conv2d(channels, ...stem, move), new nn.ReLU()];
  for (const block of blocks) {
    if (block === 'pool') {
      features.push(new nn.MaxPool2d(3, { stride: 2, ceilMode: true }));
      continue;
    }
    const [squeezed, expanded] = block;
    features.push(new Fire(inputs, squeezed, expanded, expanded));
    inputs = 2 * expanded;
  }
  const network = new nn.Sequential({
    features: new nn.Sequential(...features),
    classifier: new nn.Sequential(
      new nn.Dropout(),
      new nn.Conv2d(inputs, classes, 1),
      new nn.ReLU(),
      new nn.AdaptiveAvgPool2d(1),
    ),
    flatten: new nn.Flatten(),
  });
  return madeFor(sideOf(smallImages), channels, network);
}
