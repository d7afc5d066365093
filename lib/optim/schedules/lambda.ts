import { optionsOf, LRScheduler, type Scheduled } from './scheduler.js';

export interface LambdaLROptions {
  /** From t to what the base rate is multiplied by, from 0 on; or one for each group. */
  readonly lrLambda: ((t: number) => number) | readonly ((t: number) => number)[];
}

/**
 * lr = base·lrLambda(t). A state does not have the function.
 *
 * @throws TypeError or RangeError for options unknown or missing, what is no function, and where it gives no rate
 */
export class LambdaLR extends LRScheduler {
  readonly #lambdas: readonly ((t: number) => number)[];

  constructor(optimizer: Scheduled, options: LambdaLROptions) {
    super(optimizer);
    const { lrLambda } = optionsOf('LambdaLR', {}, options, ['lrLambda']);
    const groups = this.baseLrs.length;
    const lambdas = typeof lrLambda === 'function' ? this.baseLrs.map(() => lrLambda) : lrLambda;
    const list: unknown = lambdas;
    if (!Array.isArray(list) || !list.every((lambda) => typeof lambda === 'function')) {
      throw new TypeError('LambdaLR: lrLambda is no function, wants one, or one for each group');
    }
    if (lambdas.length !== groups) {
      throw new RangeError(
        `LambdaLR: lrLambda has ${lambdas.length} functions, wants ${groups}, one for each group`,
      );
    }
    this.#lambdas = [...lambdas];
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number, group: number): number {
    return base * this.#lambdas[group]!(t);
  }
}
