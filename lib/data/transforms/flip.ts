import { forSamples } from './random.js';
import { requireProbability, type Draws } from './transform.js';
import { WindowTransform, type WindowPlan } from './window.js';

function mirror(plan: WindowPlan, draws: Draws, p: number, axis: 2 | 3): boolean {
  if (!plan.mirror()) return false;
  forSamples(draws, (random, i) => {
    if (random.chance(p)) plan.windows[4 * i + axis]! ^= 1;
  });
  return true;
}

/** Images mirrored left to right, each with probability p. */
export class RandomHorizontalFlip extends WindowTransform {
  readonly p: number;

  /** @param p Default: 0.5. */
  constructor(p = 0.5) {
    super();
    requireProbability('RandomHorizontalFlip', 'p', p);
    this.p = p;
  }

  override join(plan: WindowPlan, draws: Draws): boolean {
    return mirror(plan, draws, this.p, 2);
  }
}

/** Images mirrored top to bottom, each with probability p. */
export class RandomVerticalFlip extends WindowTransform {
  readonly p: number;

  /** @param p Default: 0.5. */
  constructor(p = 0.5) {
    super();
    requireProbability('RandomVerticalFlip', 'p', p);
    this.p = p;
  }

  override join(plan: WindowPlan, draws: Draws): boolean {
    return mirror(plan, draws, this.p, 3);
  }
}
