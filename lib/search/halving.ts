import { describe } from '../describe.js';
import { requireWhole } from '../optim/options.js';

/** One round of successive halving. */
export interface Rung {
  /** Those that take part. */
  readonly candidates: number;
  /** What each has been trained for, in all, when the round ends. */
  readonly epochs: number;
}

/** Epochs of the first round and the last: each round has eta times those of the one before. */
export interface EpochRange {
  readonly min: number;
  readonly max: number;
  /** The share that goes on is 1/eta. Default: 3. */
  readonly eta?: number | undefined;
}

/** Epochs of all candidates together, of which each round gets the same. */
export interface EpochBudget {
  readonly budget: number;
  /** The share that goes on is 1/eta. Default: 2. */
  readonly eta?: number | undefined;
}

/**
 * The rounds of successive halving: all candidates are trained a little, the best 1/eta of them goes on for longer, and so
 * on, so that most epochs go to those that promise most.
 *
 * With `{ budget }`, as Jamieson and Talwalkar ("Non-stochastic best arm identification and hyperparameter optimization",
 * 2016) have it for η = 2: of n candidates there are ⌈log_η n⌉ rounds, in each of which all that are left get
 * ⌊budget/(candidates·rounds)⌋ epochs more. With `{ min, max }` one bracket of Hyperband (Li et al., 2018): a round ends
 * when its candidates have had min·ηⁱ epochs, the last at max.
 *
 * ```ts
 * halvingSchedule(81, { min: 1, max: 81 }); // 81 for 1 epoch, 27 for 3, 9 for 9, 3 for 27, 1 for 81
 * halvingSchedule(8, { budget: 48 }); // 8 for 2 epochs, 4 for 6 (4 more), 2 for 14 (8 more)
 * ```
 *
 * @throws TypeError, RangeError for numbers that are none, and a budget that gives a candidate less than an epoch
 */
export function halvingSchedule(candidates: number, epochs: EpochRange | EpochBudget): Rung[] {
  const name = 'halvingSchedule';
  requireWhole(`${name}: candidates`, candidates, 1);
  const given: unknown = epochs;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`${name}: epochs is ${describe(given)}, wants { min, max } or { budget }`);
  }
  if ('budget' in epochs) return ofBudget(name, candidates, epochs);
  const { min, max, eta = 3 } = epochs;
  requireWhole(`${name}: min`, min, 1);
  requireWhole(`${name}: max`, max, min);
  requireWhole(`${name}: eta`, eta, 2);
  const rungs: Rung[] = [];
  for (let [left, length] = [candidates, min]; ; length = Math.min(max, length * eta)) {
    rungs.push({ candidates: left, epochs: length });
    if (length >= max) return rungs;
    left = Math.max(1, Math.floor(left / eta));
  }
}

function ofBudget(name: string, candidates: number, { budget, eta = 2 }: EpochBudget): Rung[] {
  requireWhole(`${name}: budget`, budget, 1);
  requireWhole(`${name}: eta`, eta, 2);
  let rounds = 0;
  for (let n = 1; n < candidates; n *= eta) rounds++;
  const rungs: Rung[] = [];
  let [left, length] = [candidates, 0];
  for (let i = 0; i < Math.max(1, rounds); i++) {
    length += Math.floor(budget / (left * Math.max(1, rounds)));
    rungs.push({ candidates: left, epochs: length });
    left = Math.max(1, Math.floor(left / eta));
  }
  if (rungs[0]!.epochs >= 1) return rungs;
  const least = candidates * Math.max(1, rounds);
  throw new RangeError(
    `${name}: budget is ${budget}, wants at least ${least} epochs for ${candidates} candidates`,
  );
}
