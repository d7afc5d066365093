import { noGrad } from '../autograd.js';
import * as nn from '../nn/index.js';
import { requireSizes } from '../nn/sizes.js';
import { uniform } from '../ops/creation.js';
import { bernoulli } from '../ops/bernoulli.js';
import { transpose } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';
import { Autoencoder, requireWidths } from './autoencoder.js';
import { chained } from './chained.js';
import { RBM, type RBMOptions } from './rbm.js';
import { copiedLinear } from './stackedAutoencoder.js';

/** Options of its machines: `visibleUnits` of the first, whose hidden units are the visible ones of the next. */
export type DBNOptions = RBMOptions;

/**
 * A deep belief network (Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", 2006): restricted
 * Boltzmann machines, each for the hidden units of the one below, to be pretrained one after the other by pretrain.greedy.
 * As a module it is a deep sigmoid network: forward(x) are the probabilities of the last machine's hidden units.
 * classifier() and autoencoder() give networks for fine-tuning by backpropagation.
 *
 * ```ts
 * const dbn = new models.DBN([784, 500, 500]);
 * await pretrain.greedy(dbn, unlabelled, { epochs: 10 });
 * const classifier = dbn.classifier(10);
 * ```
 *
 * @param widths numbers of a sample, then the hidden units of each machine
 * @throws TypeError, RangeError for what are no widths, and options that are none
 */
export class DBN extends nn.Module {
  /** The first of them for x itself. */
  readonly layers: readonly RBM[];

  constructor(widths: readonly number[], { visibleUnits, chains }: DBNOptions = {}) {
    super();
    requireWidths('DBN', widths);
    this.layers = widths
      .slice(1)
      .map((width, i) => new RBM(widths[i]!, width, { chains, ...(i === 0 && { visibleUnits }) }));
  }

  /** The probabilities of the last machine's hidden units, each given those of the machine below, [N, hidden]. */
  override forward(x: Tensor): Tensor {
    return chained(
      x,
      this.layers.map((layer) => (below) => layer.forward(below)),
    );
  }

  /** The same. */
  encode(x: Tensor): Tensor {
    return this.forward(x);
  }

  /** Back from the last machine's hidden units: the means of the visible ones, [N, visible]. */
  decode(code: Tensor): Tensor {
    return chained(
      code,
      this.layers.toReversed().map((layer) => (above) => layer.decode(above)),
    );
  }

  /**
   * What the network dreams of: `n` draws of the last machine after `steps` steps of Gibbs sampling that start from random
   * units, carried down, drawn on the way and as means at the end, [n, visible].
   *
   * @param steps Default: 200.
   */
  sample(n: number, { steps = 200 }: { steps?: number | undefined } = {}): Tensor {
    requireSizes('sample', { n });
    const below = this.layers.slice(0, -1);
    const top = this.layers.at(-1)!;
    return noGrad(() =>
      scope(() => {
        const start = bernoulli(uniform([n, top.visibleBias.size]));
        const drawn = top.gibbs(start, Math.max(0, steps - 1));
        const means = top.decode(bernoulli(top.forward(drawn)));
        return below.reduceRight((units, layer) => layer.decode(bernoulli(units)), means);
      }),
    );
  }

  /**
   * A deep sigmoid network with a new linear layer on top: x to scores [N, classes], to be fine-tuned with labels. Its
   * weights are copies.
   */
  classifier(classes: number): nn.Sequential {
    requireSizes('classifier', { classes });
    const width = this.layers.at(-1)!.hiddenBias.size;
    return noGrad(
      () => new nn.Sequential(new nn.Flatten(), ...this.#upwards(), new nn.Linear(width, classes)),
    );
  }

  /**
   * The network unrolled: an autoencoder that goes up through all machines and down again (Hinton and Salakhutdinov,
   * "Reducing the dimensionality of data with neural networks", 2006), to be fine-tuned as one. Its weights are copies, of
   * its encoder and its decoder apart.
   */
  autoencoder(): Autoencoder {
    return noGrad(() => {
      const down = this.layers.toReversed().flatMap(({ weight, visibleBias, visibleUnits }) => {
        const layer = scope(() => copiedLinear(transpose(weight), visibleBias));
        return visibleUnits === 'gaussian' ? [layer] : [layer, new nn.Sigmoid()];
      });
      return new Autoencoder(
        new nn.Sequential(new nn.Flatten(), ...this.#upwards()),
        new nn.Sequential(...down),
      );
    });
  }

  #upwards(): nn.Module[] {
    return this.layers.flatMap(({ weight, hiddenBias }) => [
      copiedLinear(weight, hiddenBias),
      new nn.Sigmoid(),
    ]);
  }
}
