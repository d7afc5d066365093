import { requireSparsity, sparsityPenalty, type SparsityOptions } from '../loss/sparsity.js';
import { zeros } from '../ops/creation.js';
import { mul } from '../ops/elementwise.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * Gives on the activations that it is given, and in training works out the penalty on their means that makes them sparse
 * (see loss.sparsityPenalty): it follows the sigmoid of a code, and the loss adds its penalty().
 *
 * ```ts
 * const sparsity = new nn.Sparsity({ rho: 0.05, beta: 3 });
 * const model = new models.Autoencoder(
 *   new nn.Sequential(new nn.Linear(784, 196), new nn.Sigmoid(), sparsity), new nn.Linear(196, 784));
 * const lossOf = (output, target) => ops.add(loss.mse(output, target), sparsity.penalty());
 * ```
 *
 * The means are those of the batch, until `means` are set: those of all training data, measured in a pass before, as
 * pretrain.TwoPassSparsity does. They are not in the state dict.
 *
 * @throws RangeError for options out of range
 */
export class Sparsity extends Module {
  /** ρ, the mean activation that is wanted of each unit. */
  readonly rho: number;
  /** β, the weight of the penalty. */
  readonly beta: number;
  #means: Tensor | null = null;
  /** Of the last batch in training. */
  #penalty: Tensor | null = null;

  constructor({ rho = 0.05, beta = 3 }: SparsityOptions = {}) {
    super();
    requireSparsity('Sparsity', rho, beta);
    this.rho = rho;
    this.beta = beta;
  }

  /** ρ̂ over the training data, f32 [units]; null for the means of each batch. It keeps a handle of its own. */
  get means(): Tensor | null {
    return this.#means;
  }

  set means(means: Tensor | null) {
    const own = means?.detach().keep() ?? null;
    this.#means?.dispose();
    this.#means = own;
  }

  override forward(x: Tensor): Tensor {
    this.#forget();
    if (this.training) {
      const { rho, beta } = this;
      this.#penalty = sparsityPenalty(x, { rho, beta, means: this.#means }).keep();
    }
    return x;
  }

  /** The penalty of what the layer was given last, a scalar; 0 in use. */
  penalty(): Tensor {
    return this.#penalty ? mul(this.#penalty, 1) : zeros([]);
  }

  #forget(): void {
    this.#penalty?.dispose();
    this.#penalty = null;
  }

  override dispose(): void {
    super.dispose();
    this.#forget();
    this.means = null;
  }
}
