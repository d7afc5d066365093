import { noGrad } from '../autograd.js';
import { describe } from '../describe.js';
import * as nn from '../nn/index.js';
import { requireSizes } from '../nn/sizes.js';
import { reshape } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { Autoencoder, requireWidths, type MakesModule } from './autoencoder.js';
import { chained } from './chained.js';

export interface StackedAutoencoderOptions {
  /** Whether each layer's decoder has the weights of its encoder, transposed. Default: true. */
  readonly tied?: boolean | undefined;
  /** After each layer, also after those of the decoders. Default: Sigmoid, for values from 0 to 1. */
  readonly activation?: MakesModule | undefined;
  /** Of the reconstruction of x alone. Default: as `activation`; null, none, for values that are not from 0 to 1. */
  readonly outputActivation?: MakesModule | null | undefined;
  /** Corrupts what each layer is given while that layer is pretrained. Default: nothing does. */
  readonly corruption?: MakesModule | null | undefined;
}

/**
 * A copy of a linear layer, whose training leaves the first as it is; for a classifier made of pretrained layers.
 */
export function copiedLinear(weight: Tensor, bias: Tensor | null): nn.Linear {
  const [inputs = 1, outputs = 1] = weight.shape;
  const copy = new nn.Linear(inputs, outputs, { bias: bias !== null });
  copy.weight.assign(weight.detach());
  if (bias) copy.bias?.assign(bias.detach());
  return copy;
}

/**
 * Autoencoders of one layer each, each for the codes of the one below: to be pretrained one after the other by
 * pretrain.greedy (Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep networks", 2007; Vincent
 * et al., 2010, where there is a corruption). As a module it is all of them unrolled, x to its reconstruction by way of all
 * encoders and back by all decoders: trained as such, it is fine-tuned as one deep autoencoder. classifier() gives a
 * network for labels.
 *
 * ```ts
 * const stack = new models.StackedAutoencoder([784, 256, 64], { corruption: () => new nn.MaskingNoise(0.3) });
 * await pretrain.greedy(stack, unlabelled, { epochs: 10 });
 * const classifier = stack.classifier(10);
 * ```
 *
 * @param widths numbers of a sample, then of what each layer gives
 * @throws TypeError, RangeError for what are no widths, and options that are none
 */
export class StackedAutoencoder extends nn.Module {
  /** The first of them for x itself. */
  readonly layers: readonly Autoencoder[];
  readonly #linears: readonly nn.Linear[];
  readonly #activation: MakesModule;

  constructor(
    widths: readonly number[],
    {
      tied = true,
      activation = () => new nn.Sigmoid(),
      outputActivation = activation,
      corruption = null,
    }: StackedAutoencoderOptions = {},
  ) {
    super();
    requireWidths('StackedAutoencoder', widths);
    for (const [name, make] of Object.entries({ activation, outputActivation, corruption })) {
      if (typeof make === 'function' || (make === null && name !== 'activation')) continue;
      throw new TypeError(
        `StackedAutoencoder: ${name} is ${describe(make)}, wants a function that makes a Module`,
      );
    }
    this.#activation = activation;
    this.#linears = widths.slice(1).map((width, i) => new nn.Linear(widths[i]!, width));
    this.layers = this.#linears.map((linear, i) => {
      const [inputs = 1, outputs = 1] = linear.weight.shape;
      const back = tied ? new nn.TiedLinear(linear) : new nn.Linear(outputs, inputs);
      const output = i === 0 ? outputActivation : activation;
      return new Autoencoder(
        new nn.Sequential({ flatten: new nn.Flatten(), linear, activation: activation() }),
        new nn.Sequential({ linear: back, ...(output && { activation: output() }) }),
        { corruption: corruption?.() ?? null },
      );
    });
  }

  /** The code of the last layer, [N, units]. */
  encode(x: Tensor): Tensor {
    return chained(
      x,
      this.layers.map((layer) => (below) => layer.encode(below)),
    );
  }

  /** Back from the code of the last layer, [N, numbers of a sample]. */
  decode(code: Tensor): Tensor {
    return chained(
      code,
      this.layers.toReversed().map((layer) => (above) => layer.decode(above)),
    );
  }

  /** The reconstruction of x by way of all layers, without corruption, in the shape of x. */
  override forward(x: Tensor): Tensor {
    return chained(x, [
      (below) => this.encode(below),
      (code) => this.decode(code),
      (y) => reshape(y, x.shape),
    ]);
  }

  /**
   * The encoders, and a new linear layer on top: x to scores [N, classes], to be fine-tuned with labels. Its weights are
   * copies.
   */
  classifier(classes: number): nn.Sequential {
    requireSizes('classifier', { classes });
    const width = this.#linears.at(-1)!.weight.shape[1]!;
    return noGrad(
      () =>
        new nn.Sequential(
          new nn.Flatten(),
          ...this.#linears.flatMap(({ weight, bias }) => [copiedLinear(weight, bias), this.#activation()]),
          new nn.Linear(width, classes),
        ),
    );
  }
}
