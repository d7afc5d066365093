import { noGrad } from '../autograd.js';
import { describe } from '../describe.js';
import { Module } from '../nn/module.js';
import { ModuleList } from '../nn/moduleList.js';
import { add, exp, log, maximum, mul, sub } from '../ops/elementwise.js';
import { logSoftmax } from '../ops/softmax.js';
import { requireChoice } from '../optim/options.js';
import { scope, type Tensor } from '../tensor.js';

export interface EnsembleOptions {
  /**
   * What the mean is of: 'probabilities', the softmax of each member's scores; 'logits', the scores as they are (or the
   * values of a regression). Default: 'probabilities'.
   */
  readonly average?: 'probabilities' | 'logits' | undefined;
  /** What each member counts, from 0 on; only their ratios matter. Default: all the same. */
  readonly weights?: readonly number[] | undefined;
}

/** Below the logarithm of any probability but 0. */
const least = -3e38;

/**
 * Several models that answer as one (Hansen and Salamon, "Neural network ensembles", 1990): with pᵢ = softmax(scoresᵢ)
 * along the last axis and weights wᵢ that add up to 1, the scores are ln Σ wᵢ·pᵢ, whose softmax is the mean of the
 * probabilities and whose cross-entropy is that of the mean; with `average: 'logits'` they are Σ wᵢ·scoresᵢ, whose softmax
 * is the geometric mean of the probabilities.
 *
 * ```ts
 * const ensemble = new Ensemble([a, b, c]);
 * const trainer = new Trainer(ensemble, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
 * await trainer.evaluate(test);
 * await softmax(await trainer.predict(x)).data();
 * ```
 *
 * Members run one after the other: what one needs on the way is given back before the next begins. A member that counts 0
 * does not run. In training gradients reach all that count.
 *
 * @throws TypeError, RangeError for no members, and weights or options that are none; when it is called, for scores of
 *   different shapes, and for probabilities of a single score
 */
export class Ensemble extends Module {
  readonly members: ModuleList;
  readonly average: 'probabilities' | 'logits';
  /** They add up to 1. */
  readonly weights: readonly number[];

  constructor(members: Iterable<Module>, { average = 'probabilities', weights }: EnsembleOptions = {}) {
    super();
    if (typeof members !== 'object' || (members as unknown) === null || !(Symbol.iterator in members)) {
      throw new TypeError(`Ensemble: members is ${describe(members)}, wants a list of modules`);
    }
    this.members = new ModuleList(members);
    const { length } = this.members;
    if (length === 0) throw new RangeError('Ensemble: there are no members, wants at least one');
    requireChoice('Ensemble: average', average, ['probabilities', 'logits']);
    this.average = average;
    this.weights = checkedWeights(weights ?? Array.from({ length }, () => 1), length);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const counted = this.weights.flatMap((weight, i) => (weight > 0 ? [{ weight, i }] : []));
      const scores = counted.map(({ i }) => scope(() => this.#scores(i, x)));
      const [first] = scores;
      for (const [k, { shape }] of scores.entries()) {
        if (shape.join() === first!.shape.join()) continue;
        throw new RangeError(
          `Ensemble: members[${counted[k]!.i}] gives [${shape.join(', ')}], members[${counted[0]!.i}] [${first!.shape.join(', ')}]`,
        );
      }
      const weights = counted.map(({ weight }) => weight);
      return this.average === 'logits' ? weightedSum(scores, weights) : logOfMean(scores, weights);
    });
  }

  /** Those of one member; for probabilities their logarithms. */
  #scores(i: number, x: Tensor): Tensor {
    const y = this.members.at(i).forward(x);
    if (this.average === 'logits') return y;
    if ((y.shape.at(-1) ?? 1) === 1) {
      throw new RangeError(
        `Ensemble: members[${i}] gives [${y.shape.join(', ')}], one score, of which there are no probabilities; wants average: 'logits'`,
      );
    }
    return logSoftmax(y);
  }
}

function checkedWeights(weights: readonly number[], length: number): readonly number[] {
  const list: unknown = weights;
  if (!Array.isArray(list) || list.length !== length) {
    throw new RangeError(`Ensemble: weights is ${describe(list)}, wants ${length} numbers`);
  }
  const wrong = weights.find((weight) => typeof weight !== 'number' || !(weight >= 0 && weight < Infinity));
  if (wrong !== undefined) {
    throw new RangeError(`Ensemble: a weight is ${describe(wrong)}, wants a finite number from 0 on`);
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum === 0 || sum === Infinity) throw new RangeError(`Ensemble: weights add up to ${sum}`);
  return Object.freeze(weights.map((weight) => weight / sum));
}

function weightedSum(parts: readonly Tensor[], weights: readonly number[]): Tensor {
  return parts.map((part, i) => mul(part, weights[i]!)).reduce((sum, part) => add(sum, part));
}

/** ln Σ wᵢ·e^lᵢ, by the largest lᵢ, so that nothing underflows. */
function logOfMean(logs: readonly Tensor[], weights: readonly number[]): Tensor {
  // Its derivative is 0, as it cancels out.
  const largest = noGrad(() =>
    logs.reduce<Tensor>((most, part) => maximum(most, part), maximum(logs[0]!, least)),
  );
  return add(
    largest,
    log(
      weightedSum(
        logs.map((part) => exp(sub(part, largest))),
        weights,
      ),
    ),
  );
}
