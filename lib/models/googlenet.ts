import * as nn from '../nn/index.js';
import { concat } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { convNormRelu } from './convNorm.js';
import type { ModelOptions } from './options.js';

/** Convolution, batch normalization and ReLU. */
class ConvNormReLU extends nn.Module {
  conv: nn.Conv2d;
  bn: nn.BatchNorm2d | null;

  constructor(inputs: number, outputs: number, kernelSize: number, options: nn.Conv2dLayerOptions = {}) {
    super();
    this.conv = new nn.Conv2d(inputs, outputs, kernelSize, { ...options, bias: false });
    this.bn = new nn.BatchNorm2d(outputs, { eps: 1e-3 });
  }

  override forward(x: Tensor): Tensor {
    return convNormRelu(this.conv, this.bn, x);
  }

  override fuse(): void {
    if (!this.bn) return;
    this.conv = nn.fuseConvBatchNorm(this.conv, this.bn);
    this.bn = null;
  }
}

/** The widths of an Inception block's convolutions; those of `reduce` come before the large ones. */
export interface InceptionWidths {
  one: number;
  threeReduce: number;
  three: number;
  fiveReduce: number;
  five: number;
  pool: number;
}

/** Convolutions of 1×1, 3×3 and 5×5 and a maximum pooling side by side; their results are one after the other in depth. */
export class Inception extends nn.Module {
  readonly branch1: nn.Module;
  readonly branch2: nn.Module;
  readonly branch3: nn.Module;
  readonly branch4: nn.Module;

  constructor(inputs: number, widths: InceptionWidths) {
    super();
    const { one, threeReduce, three, fiveReduce, five, pool } = widths;
    this.branch1 = new ConvNormReLU(inputs, one, 1);
    this.branch2 = new nn.Sequential(
      new ConvNormReLU(inputs, threeReduce, 1),
      new ConvNormReLU(threeReduce, three, 3, { padding: 1 }),
    );
    this.branch3 = new nn.Sequential(
      new ConvNormReLU(inputs, fiveReduce, 1),
      new ConvNormReLU(fiveReduce, five, 5, { padding: 2 }),
    );
    this.branch4 = new nn.Sequential(
      new nn.MaxPool2d(3, { stride: 1, padding: 1 }),
      new ConvNormReLU(inputs, pool, 1),
    );
  }

  override forward(x: Tensor): Tensor {
    using a = this.branch1.forward(x);
    using b = this.branch2.forward(x);
    using c = this.branch3.forward(x);
    using d = this.branch4.forward(x);
    return concat([a, b, c, d], -1);
  }
}

/** In the order of InceptionWidths, as in the table of the paper. */
type Row = readonly [number, number, number, number, number, number];

const stages: Record<string, Record<string, Row>> = {
  3: { a: [64, 96, 128, 16, 32, 32], b: [128, 128, 192, 32, 96, 64] },
  4: {
    a: [192, 96, 208, 16, 48, 64],
    b: [160, 112, 224, 24, 64, 64],
    c: [128, 128, 256, 24, 64, 64],
    d: [112, 144, 288, 32, 64, 64],
    e: [256, 160, 320, 32, 128, 128],
  },
  5: { a: [256, 160, 320, 32, 128, 128], b: [384, 192, 384, 48, 128, 128] },
};

/**
 * GoogLeNet (Szegedy et al., 2014) with batch normalization and without auxiliary classifiers: images
 * [N, H, W, channels], of 224×224 and any other size, to scores [N, classes]. 7,005,832 parameters, with the 5×5
 * convolutions of the paper (PyTorch's has 3×3 in their place).
 */
export function googlenet({ classes = 1000, channels = 3 }: ModelOptions = {}): nn.Sequential {
  let inputs = 192;
  const stage = (number: string): Record<string, nn.Module> =>
    Object.fromEntries(
      Object.entries(stages[number] ?? {}).map(([letter, row]) => {
        const [one, threeReduce, three, fiveReduce, five, pool] = row;
        const block = new Inception(inputs, { one, threeReduce, three, fiveReduce, five, pool });
        inputs = one + three + five + pool;
        return [`inception${number}${letter}`, block];
      }),
    );
  return new nn.Sequential({
    conv1: new ConvNormReLU(channels, 64, 7, { stride: 2, padding: 3 }),
    maxpool1: new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    conv2: new ConvNormReLU(64, 64, 1),
    conv3: new ConvNormReLU(64, 192, 3, { padding: 1 }),
    maxpool2: new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    ...stage('3'),
    maxpool3: new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    ...stage('4'),
    maxpool4: new nn.MaxPool2d(2, { ceilMode: true }),
    ...stage('5'),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    dropout: new nn.Dropout(0.2),
    fc: new nn.Linear(1024, classes),
  });
}
