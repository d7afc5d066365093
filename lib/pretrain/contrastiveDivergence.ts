import { noGrad, record } from '../autograd.js';
import type { Target } from '../data/dataset.js';
import { describe } from '../describe.js';
import { mse } from '../loss/regression.js';
import { RBM } from '../models/rbm.js';
import { requireFlag, requireNumber, requireShare, requireWhole } from '../optim/options.js';
import { bernoulli } from '../ops/bernoulli.js';
import { mul, sub } from '../ops/elementwise.js';
import { matmul } from '../ops/matmul.js';
import { concat, reshape } from '../ops/movement.js';
import { mean } from '../ops/reduce.js';
import { requireLive, scope, type Tensor } from '../tensor.js';

export interface ContrastiveDivergenceOptions {
  /** Steps of Gibbs sampling, from 1 on. Default: 1. */
  readonly k?: number | undefined;
  /**
   * Whether visible units are drawn, or stand for their means, which is less noisy. Default: whether the machine has
   * persistent chains, which want draws.
   */
  readonly sampleVisible?: boolean | undefined;
  /** How often hidden units should be on, and the weight of the penalty where they are not. Default: null, whatever comes. */
  readonly sparsity?: { readonly target: number; readonly cost: number } | null | undefined;
}

/** Where a chain starts, and is after k steps. */
interface Walk {
  /** The means of the visible units after one step. */
  first: Tensor;
  visible: Tensor;
  hidden: Tensor;
}

function walk(rbm: RBM, hidden: Tensor, k: number, sampleVisible: boolean): Walk {
  const step = (units: Tensor): Walk => {
    const first = rbm.decode(bernoulli(units));
    const visible = sampleVisible ? rbm.draw(first) : first;
    return { first, visible, hidden: rbm.forward(visible) };
  };
  let at = step(hidden);
  const { first } = at;
  for (let i = 1; i < k; i++) at = step(at.hidden);
  return { ...at, first };
}

/** Means over samples, as a row. */
function rowOfMeans(x: Tensor): Tensor {
  return mean(x, 0, true);
}

/**
 * What trains a restricted Boltzmann machine, as the loss of a Trainer, or of a loop of one's own: the machine's output, the
 * hidden units' probabilities, and the data themselves (data.reconstruction) to a scalar, whose gradient is that of
 * contrastive divergence (Hinton, "Training products of experts by minimizing contrastive divergence", 2002):
 *
 *     by W: −⟨v·h⟩ of the data + ⟨v·h⟩ after k steps of Gibbs sampling, and by b and c likewise,
 *
 * means over samples, with probabilities for h at both ends and draws of h between. Momentum, weight decay and rates are
 * the optimizer's. The machine's persistent chains, where it has any, go k steps on from where the last batch left them,
 * rather than from the data (Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
 * gradient", 2008): they move in training alone.
 *
 * No function has that gradient; the scalar is what is commonly watched, the mean squared error of the reconstruction after
 * one step, by the means of visible units: in training from drawn hidden units or, where chains persist, as in use from
 * their probabilities.
 *
 * A `sparsity` adds cost·(q − target) to the gradient by a hidden unit's input, where q is the mean of its probabilities
 * over the batch (Hinton, 2010, section 11).
 *
 * ```ts
 * const rbm = new models.RBM(784, 256);
 * const optimizer = new optim.SGD(rbm.parameters(), { lr: 0.1, momentum: 0.5 });
 * const trainer = new Trainer(rbm, { optimizer, loss: pretrain.contrastiveDivergence(rbm) });
 * await trainer.fit(data.reconstruction(train), { epochs: 10 });
 * ```
 *
 * @throws TypeError, RangeError for options that are none
 */
export function contrastiveDivergence(
  rbm: RBM,
  { k = 1, sampleVisible, sparsity = null }: ContrastiveDivergenceOptions = {},
): (hidden: Tensor, visible: Target) => Tensor {
  const name = 'contrastiveDivergence';
  if (!(rbm instanceof RBM)) throw new TypeError(`${name}: rbm is ${describe(rbm)}, wants an RBM`);
  requireWhole(`${name}: k`, k, 1);
  if (sampleVisible !== undefined) requireFlag(`${name}: sampleVisible`, sampleVisible);
  if (sparsity !== null) {
    requireShare(`${name}: sparsity.target`, sparsity.target);
    requireNumber(`${name}: sparsity.cost`, sparsity.cost, 0);
  }
  const { chains, weight, visibleBias, hiddenBias } = rbm;
  const draws = sampleVisible ?? chains !== null;

  /** The reconstruction error, and the gradients by W, b and c. */
  const measured = (h: Tensor, v: Tensor): Tensor[] => {
    const from = chains ? rbm.forward(chains) : h;
    const { first, visible, hidden } = walk(rbm, from, k, draws);
    if (chains) chains.assign(visible);
    const error = mse(chains ? rbm.decode(h) : first, v);
    // One product for both ends, and for the sparsity: rows of visible units by rows of hidden ones with their factors.
    const [n = 1, m = 1] = [v.shape[0], visible.shape[0]];
    const [means, off] = [rowOfMeans(v), rowOfMeans(h)];
    const rows = [visible, v];
    const columns = [mul(hidden, 1 / m), mul(h, -1 / n)];
    let byHidden = sub(rowOfMeans(hidden), off);
    if (sparsity) {
      const pull = mul(sub(off, sparsity.target), sparsity.cost);
      rows.push(means);
      columns.push(pull);
      byHidden = byHidden.add(pull);
    }
    const byWeight = matmul(concat(rows, 0), concat(columns, 0), { transposeA: true });
    const byVisible = sub(rowOfMeans(visible), means);
    return [error, byWeight, reshape(byVisible, [visibleBias.size]), reshape(byHidden, [hiddenBias.size])];
  };

  return (hidden, visible) => {
    const data = requireLive(name, 'visible', visible);
    if (data.dtype !== 'f32') {
      throw new TypeError(`${name}: the target is ${data.dtype}, wants the data; see data.reconstruction`);
    }
    const h = requireLive(name, 'hidden', hidden);
    return scope(() => {
      const v = rbm.rows(data).detach();
      if (!rbm.training) return mse(rbm.decode(h), v);
      const [error, ...gradients] = noGrad(() => scope(() => measured(h.detach(), v)));
      return record(name, error!, [weight, visibleBias, hiddenBias], gradients, (g, saved, needs) =>
        saved.map((gradient, i) => (needs[i] ? mul(gradient, g) : null)),
      );
    });
  };
}
