import { describe } from '../describe.js';
import { Module, Parameter } from '../nn/module.js';
import { requireSizes } from '../nn/sizes.js';
import { sigmoid, softplus } from '../ops/activation.js';
import { bernoulli } from '../ops/bernoulli.js';
import { normal, uniform, zeros } from '../ops/creation.js';
import { add, mul, square, sub } from '../ops/elementwise.js';
import { linear, matmul } from '../ops/matmul.js';
import { reshape } from '../ops/movement.js';
import { sum } from '../ops/reduce.js';
import { noGrad } from '../autograd.js';
import { requireLive, scope, type Tensor } from '../tensor.js';

/** What visible units are: 0 or 1 with a probability, or normal with variance 1. */
export type VisibleUnits = 'bernoulli' | 'gaussian';

export interface RBMOptions {
  /**
   * 'bernoulli' for values from 0 to 1, taken for probabilities; 'gaussian' for real numbers, which want a mean of 0 and a
   * variance of 1 (data.preprocessing.Standardize). Default: 'bernoulli'.
   */
  readonly visibleUnits?: VisibleUnits | undefined;
  /** Markov chains for persistent contrastive divergence, see pretrain.contrastiveDivergence. Default: 0. */
  readonly chains?: number | undefined;
}

/**
 * A restricted Boltzmann machine (Smolensky, 1986; Hinton, 2002): visible units v, hidden units h of 0 and 1, and the
 * probability of both e^(−E(v, h))/Z with the energy
 *
 *     E(v, h) = −v·b − h·c − vᵀWh                 'bernoulli'
 *     E(v, h) = ‖v − b‖²/2 − h·c − vᵀWh           'gaussian'
 *
 * Trained by pretrain.contrastiveDivergence. As a module it is the layer that it pretrains: forward(v) are the
 * probabilities of the hidden units, sigmoid(v·W + c), [N, hidden] of v [N, …].
 *
 * The weight [visible, hidden] starts normal with deviation 0.01, the biases at 0 (Hinton, "A practical guide to training
 * restricted Boltzmann machines", 2010).
 *
 * @throws TypeError, RangeError for sizes and options that are none
 */
export class RBM extends Module {
  /** W, [visible, hidden] */
  readonly weight: Parameter;
  /** b, [visible] */
  readonly visibleBias: Parameter;
  /** c, [hidden] */
  readonly hiddenBias: Parameter;
  /** The visible units of the persistent chains, [chains, visible]; they start random. */
  readonly chains: Tensor | null;
  readonly visibleUnits: VisibleUnits;

  constructor(visible: number, hidden: number, { visibleUnits = 'bernoulli', chains = 0 }: RBMOptions = {}) {
    super();
    requireSizes('RBM', { visible, hidden });
    if (visibleUnits !== 'bernoulli' && visibleUnits !== 'gaussian') {
      throw new RangeError(`RBM: visibleUnits is ${describe(visibleUnits)}, wants 'bernoulli' or 'gaussian'`);
    }
    if (chains !== 0) requireSizes('RBM', { chains });
    this.weight = new Parameter(normal([visible, hidden], 0, 0.01));
    this.visibleBias = new Parameter(zeros([visible]));
    this.hiddenBias = new Parameter(zeros([hidden]));
    this.visibleUnits = visibleUnits;
    const started = (): Tensor =>
      visibleUnits === 'gaussian'
        ? normal([chains, visible])
        : scope(() => bernoulli(uniform([chains, visible])));
    this.chains = chains > 0 ? started().keep() : null;
  }

  /** Samples as rows, [N, visible]. */
  rows(v: Tensor): Tensor {
    const visible = this.visibleBias.size;
    const { shape, size } = requireLive('RBM', 'input', v);
    const [samples = 0] = shape;
    if (shape.length < 2 || size !== samples * visible) {
      throw new RangeError(`RBM: input is [${shape.join(', ')}], wants ${visible} numbers of each sample`);
    }
    return reshape(v, [samples, visible]);
  }

  /** The probabilities of the hidden units to be 1: sigmoid(v·W + c), [N, hidden]. */
  override forward(v: Tensor): Tensor {
    return scope(() => sigmoid(linear(this.rows(v), this.weight, this.hiddenBias)));
  }

  /** The same. */
  encode(v: Tensor): Tensor {
    return this.forward(v);
  }

  /** The means of the visible units: sigmoid(h·Wᵀ + b), or h·Wᵀ + b for Gaussian ones, [N, visible]. */
  decode(h: Tensor): Tensor {
    return scope(() => {
      const means = add(matmul(h, this.weight, { transposeB: true }), this.visibleBias);
      return this.visibleUnits === 'gaussian' ? means : sigmoid(means);
    });
  }

  /** A draw of visible units that have these means. Not followed by autograd. */
  draw(means: Tensor): Tensor {
    if (this.visibleUnits === 'bernoulli') return bernoulli(means);
    return noGrad(() => scope(() => add(means, normal(means.shape))));
  }

  /**
   * Visible units after `steps` steps of Gibbs sampling, each of hidden units given the visible ones and of visible ones
   * given these, [N, visible]. After many of them they are draws of what the machine has learnt. Not followed by autograd.
   *
   * @param steps from 0 on. Default: 1.
   */
  gibbs(v: Tensor, steps = 1): Tensor {
    if (!Number.isSafeInteger(steps) || steps < 0) {
      throw new RangeError(`gibbs: steps is ${describe(steps)}, wants a whole number from 0 on`);
    }
    return noGrad(() => {
      let current = this.rows(v);
      for (let step = 0; step < steps; step++) {
        const next = scope(() => this.draw(this.decode(bernoulli(this.forward(current)))));
        current.dispose();
        current = next;
      }
      return current;
    });
  }

  /**
   * The free energy F(v) = −ln Σₕ e^(−E(v, h)) of each sample, [N]: −v·b − Σⱼ ln(1 + e^((v·W + c)ⱼ)), for Gaussian units
   * with ‖v − b‖²/2 in place of −v·b. The probability of v is e^(−F(v))/Z; of two samples, that with the lower one is
   * likelier.
   */
  freeEnergy(v: Tensor): Tensor {
    return scope(() => {
      const x = this.rows(v);
      const ofHidden = sum(softplus(linear(x, this.weight, this.hiddenBias)), 1);
      const ofVisible =
        this.visibleUnits === 'gaussian'
          ? mul(sum(square(sub(x, this.visibleBias)), 1), 0.5)
          : mul(sum(mul(x, this.visibleBias), 1), -1);
      return sub(ofVisible, ofHidden);
    });
  }
}
