import * as nn from '../nn/index.js';
import { concat } from '../ops/movement.js';
import { StriateError, type Tensor } from '../tensor.js';
import { withAuxiliary } from './auxiliary.js';
import { convNormRelu } from './convNorm.js';
import { madeFor, sideOf, type SmallImageOptions } from './options.js';

export interface GoogLeNetOptions extends SmallImageOptions {
  /**
   * 'paper': 5×5 convolutions in the blocks; 'torchvision': 3×3 ones in their place, as PyTorch's has, to load its weights.
   * Default: 'paper'.
   */
  form?: 'paper' | 'torchvision';
  /** Whether two auxiliary classifiers help in training; see GoogLeNet and auxiliaryLoss. Default: false. */
  auxLogits?: boolean;
}

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

/**
 * Convolutions of 1×1, 3×3 and 5×5 (or another size from `large`, which is odd) and a maximum pooling side by side; their
 * results are one after the other in depth.
 */
export class Inception extends nn.Module {
  readonly branch1: nn.Module;
  readonly branch2: nn.Module;
  readonly branch3: nn.Module;
  readonly branch4: nn.Module;

  constructor(inputs: number, widths: InceptionWidths, large = 5) {
    super();
    const { one, threeReduce, three, fiveReduce, five, pool } = widths;
    this.branch1 = new ConvNormReLU(inputs, one, 1);
    this.branch2 = new nn.Sequential(
      new ConvNormReLU(inputs, threeReduce, 1),
      new ConvNormReLU(threeReduce, three, 3, { padding: 1 }),
    );
    this.branch3 = new nn.Sequential(
      new ConvNormReLU(inputs, fiveReduce, 1),
      new ConvNormReLU(fiveReduce, five, large, { padding: (large - 1) / 2 }),
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

/** Scores from the middle of the network: the mean of 4×4 parts of the image, a 1×1 convolution and two linear layers. */
class AuxiliaryClassifier extends nn.Module {
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly conv: ConvNormReLU;
  readonly flatten: nn.Flatten;
  readonly fc1: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly fc2: nn.Linear;

  constructor(inputs: number, classes: number) {
    super();
    this.avgpool = new nn.AdaptiveAvgPool2d(4);
    this.conv = new ConvNormReLU(inputs, 128, 1);
    this.flatten = new nn.Flatten();
    this.fc1 = new nn.Linear(128 * 4 * 4, 1024);
    this.dropout = new nn.Dropout(0.7);
    this.fc2 = new nn.Linear(1024, classes);
  }

  override forward(x: Tensor): Tensor {
    using pooled = this.avgpool.forward(x);
    using narrow = this.conv.forward(pooled);
    using flat = this.flatten.forward(narrow);
    using hidden = this.fc1.forwardRelu(flat);
    using kept = this.dropout.forward(hidden);
    return this.fc2.forward(kept);
  }
}

/** After which blocks the auxiliary classifiers are. */
const branchOff = { inception4a: 'aux1', inception4d: 'aux2' } as const;

/** What all classifiers of a GoogLeNet say, [N, classes] each. */
export interface GoogLeNetScores {
  logits: Tensor;
  aux1: Tensor;
  aux2: Tensor;
}

/**
 * The layers of GoogLeNet, and, where it is made with `auxLogits`, two classifiers beside them, `aux1` after the block 4a
 * and `aux2` after 4d. Those are for training alone: they carry the gradient to the layers in the middle.
 *
 * forward() gives the scores of the network itself. In training it computes the others as well and leaves them for a loss
 * of `auxiliaryLoss`, which adds theirs; allScores() gives all three to a loss of one's own.
 */
export class GoogLeNet extends nn.Sequential {
  readonly aux1: nn.Module | null;
  readonly aux2: nn.Module | null;

  constructor(layers: Record<string, nn.Module>, aux1: nn.Module | null, aux2: nn.Module | null) {
    super(layers);
    this.aux1 = aux1;
    this.aux2 = aux2;
  }

  override *children(): Generator<[name: string, module: nn.Module]> {
    yield* super.children();
    if (this.aux1) yield ['aux1', this.aux1];
    if (this.aux2) yield ['aux2', this.aux2];
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || !this.aux1) return super.forward(x);
    const { logits, aux1, aux2 } = this.allScores(x);
    return withAuxiliary(logits, [aux1, aux2]);
  }

  /**
   * The scores of all three classifiers.
   *
   * @throws StriateError for a network that was made without auxiliary ones
   */
  allScores(x: Tensor): GoogLeNetScores {
    const { aux1, aux2 } = this;
    if (!aux1 || !aux2) {
      throw new StriateError('GoogLeNet: there are no auxiliary classifiers; make it with auxLogits: true');
    }
    const classifiers = { aux1, aux2 };
    const scores = new Map<string, Tensor>();
    let current = x;
    for (const [name, layer] of super.children()) {
      const next = layer.forward(current);
      if (current !== x && current !== next && !current.kept) current.dispose();
      current = next;
      if (!Object.hasOwn(branchOff, name)) continue;
      const which = branchOff[name as keyof typeof branchOff];
      scores.set(which, classifiers[which].forward(current));
    }
    return { logits: current, aux1: scores.get('aux1')!, aux2: scores.get('aux2')! };
  }
}

/**
 * GoogLeNet (Szegedy et al., 2014) with batch normalization, which the paper's has not yet: images [N, H, W, channels], of
 * 224×224 and any other size, to scores [N, classes]. 7,005,832 parameters, with auxiliary classifiers 13,385,816; in
 * torchvision's form 6,624,904 and 13,004,888. Names are torchvision's. The weights that it offers want images of mean 0.5
 * and deviation 0.5 in each channel.
 *
 * @throws RangeError for another form
 */
export function googlenet({
  classes = 1000,
  channels = 3,
  form = 'paper',
  auxLogits = false,
  smallImages = false,
}: GoogLeNetOptions = {}): GoogLeNet {
  if (form !== 'paper' && form !== 'torchvision') {
    throw new RangeError(`googlenet: form is '${String(form)}', wants 'paper' or 'torchvision'`);
  }
  const large = form === 'paper' ? 5 : 3;
  let inputs = 192;
  const stage = (number: string): Record<string, nn.Module> =>
    Object.fromEntries(
      Object.entries(stages[number] ?? {}).map(([letter, row]) => {
        const [one, threeReduce, three, fiveReduce, five, pool] = row;
        const block = new Inception(inputs, { one, threeReduce, three, fiveReduce, five, pool }, large);
        inputs = one + three + five + pool;
        return [`inception${number}${letter}`, block];
      }),
    );
  const halved = (i: number): Record<string, nn.Module> =>
    smallImages ? {} : { [`maxpool${i}`]: new nn.MaxPool2d(3, { stride: 2, ceilMode: true }) };
  const layers = {
    conv1: smallImages
      ? new ConvNormReLU(channels, 64, 3, { padding: 1 })
      : new ConvNormReLU(channels, 64, 7, { stride: 2, padding: 3 }),
    ...halved(1),
    conv2: new ConvNormReLU(64, 64, 1),
    conv3: new ConvNormReLU(64, 192, 3, { padding: 1 }),
    ...halved(2),
    ...stage('3'),
    maxpool3: new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    ...stage('4'),
    maxpool4: new nn.MaxPool2d(2, { ceilMode: true }),
    ...stage('5'),
    avgpool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    dropout: new nn.Dropout(0.2),
    fc: new nn.Linear(1024, classes),
  };
  // What goes into 4b and 4e.
  const auxiliary = (width: number) => (auxLogits ? new AuxiliaryClassifier(width, classes) : null);
  return madeFor(sideOf(smallImages), channels, new GoogLeNet(layers, auxiliary(512), auxiliary(528)));
}
