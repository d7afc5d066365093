import { backward, noGrad } from '../../autograd.js';
import { crossEntropy } from '../../loss/index.js';
import { alexnet, googlenet, lenet5, resnet18, resnet50, vgg16 } from '../../models/index.js';
import { fuseForInference } from '../../nn/fuse.js';
import type { Module } from '../../nn/module.js';
import { randn, setSeed, tensor } from '../../ops/creation.js';
import { SGD } from '../../optim/index.js';
import { scope, type Tensor } from '../../tensor.js';

interface Workload {
  model: () => Module;
  batch: number;
  /** Height and width of the images. */
  side: number;
  channels: number;
  classes: number;
}

const photos = { side: 224, channels: 3, classes: 1000 };

/** The networks that are timed; those that `striate train` knows are in ../network.ts. */
export const workloads: Readonly<Record<string, Workload>> = {
  lenet5: { model: () => lenet5(), batch: 128, side: 28, channels: 1, classes: 10 },
  'resnet18-cifar': {
    model: () => resnet18({ classes: 10, smallImages: true }),
    batch: 128,
    side: 32,
    channels: 3,
    classes: 10,
  },
  alexnet: { model: () => alexnet(), batch: 64, ...photos },
  vgg16: { model: () => vgg16(), batch: 8, ...photos },
  googlenet: { model: () => googlenet(), batch: 32, ...photos },
  resnet18: { model: () => resnet18(), batch: 16, ...photos },
  resnet50: { model: () => resnet50(), batch: 16, ...photos },
};

export const workloadNames = Object.keys(workloads);

/** A network with a batch, ready to be trained or asked. */
export class WorkloadRun {
  readonly name: string;
  readonly batch: number;
  readonly #model: Module;
  readonly #x: Tensor;
  readonly #labels: Tensor<'i32'>;
  readonly #optimizer: SGD;

  constructor(name: string) {
    const { model, batch, side, channels, classes } = workloads[name]!;
    setSeed(0);
    this.name = name;
    this.batch = batch;
    this.#model = model();
    this.#x = randn([batch, side, side, channels]);
    this.#labels = tensor(Int32Array.from({ length: batch }, (_, i) => (i * 7) % classes));
    this.#optimizer = new SGD(this.#model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
  }

  /** Forward, cross-entropy, backward, SGD with momentum. */
  step(): void {
    scope(() => {
      this.#optimizer.zeroGrad();
      backward(crossEntropy(this.#model.forward(this.#x), this.#labels));
      this.#optimizer.step();
    });
  }

  /** After eval(). */
  infer(): void {
    noGrad(() => scope(() => void this.#model.forward(this.#x)));
  }

  /** For use alone from here on: batch norms go into the convolutions. */
  eval(): void {
    fuseForInference(this.#model.eval());
  }

  [Symbol.dispose](): void {
    this.#optimizer.dispose();
    this.#model.dispose();
    this.#x.dispose();
    this.#labels.dispose();
  }
}
