import type { Group } from '../group.js';
import { requireChoice, requireFlag, requireNumber, requireShare, requireWhole } from '../options.js';
import { annealed } from './cosine.js';
import { LRScheduler, numbersFor, optionsOf, type Scheduled } from './scheduler.js';

export interface OneCycleLROptions {
  /** The highest rate, or one for each group. */
  readonly maxLr: number | readonly number[];
  /** Steps of the cycle; or give epochs and stepsPerEpoch. */
  readonly totalSteps?: number | null;
  readonly epochs?: number | null;
  readonly stepsPerEpoch?: number | null;
  /** The share of the cycle in which the rate rises. Default: 0.3. */
  readonly pctStart?: number;
  /** Default: 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** Whether momentum, or β₁, falls while the rate rises, and the other way round. Default: true. */
  readonly cycleMomentum?: boolean;
  /** The least momentum, or one for each group. Default: 0.85. */
  readonly baseMomentum?: number | readonly number[];
  /** The highest. Default: 0.95. */
  readonly maxMomentum?: number | readonly number[];
  /** The rate begins at maxLr / divFactor. Default: 25. */
  readonly divFactor?: number;
  /** It ends at maxLr / divFactor / finalDivFactor. Default: 1e4. */
  readonly finalDivFactor?: number;
  /** Whether it falls as it rose, and then to its end in a third phase. Default: false. */
  readonly threePhase?: boolean;
}

/** From one step to another, between which rate and momentum go from one value to another. */
interface Phase {
  readonly end: number;
  readonly lrs: readonly [Level, Level];
  readonly momenta: readonly ['base' | 'max', 'base' | 'max'];
}
type Level = 'initial' | 'max' | 'least';

const defaults = {
  totalSteps: null,
  epochs: null,
  stepsPerEpoch: null,
  pctStart: 0.3,
  annealStrategy: 'cos',
  cycleMomentum: true,
  baseMomentum: 0.85,
  maxMomentum: 0.95,
  divFactor: 25,
  finalDivFactor: 1e4,
  threePhase: false,
} as const;

/**
 * The 1cycle policy (Smith and Topin, "Super-Convergence", 2018), in PyTorch's form: the rate goes from maxLr/divFactor up to
 * maxLr in pctStart of the steps, and from there down to maxLr/divFactor/finalDivFactor, along half a cosine or straight.
 * Momentum (or β₁ of optimizers with `betas`) goes from maxMomentum down to baseMomentum and back. One step is a batch. The
 * optimizer's own rate does not count.
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range, for cycleMomentum of an optimizer that has
 *   neither momentum nor betas, and for more than totalSteps steps
 */
export class OneCycleLR extends LRScheduler {
  override readonly interval = 'step';
  readonly totalSteps: number;
  readonly #options: Required<OneCycleLROptions>;
  readonly #maxLrs: readonly number[];
  readonly #momenta: Readonly<Record<'base' | 'max', readonly number[]>>;
  readonly #phases: readonly Phase[];

  constructor(optimizer: Scheduled, options: OneCycleLROptions) {
    super(optimizer);
    const complete = optionsOf('OneCycleLR', defaults, options, ['maxLr']);
    const groups = this.baseLrs.length;
    this.totalSteps = totalStepsOf(complete);
    this.#options = complete;
    this.#maxLrs = numbersFor('OneCycleLR: maxLr', complete.maxLr, groups);
    this.#momenta = {
      base: numbersFor('OneCycleLR: baseMomentum', complete.baseMomentum, groups),
      max: numbersFor('OneCycleLR: maxMomentum', complete.maxMomentum, groups),
    };
    requireShare('OneCycleLR: pctStart', complete.pctStart);
    requireChoice('OneCycleLR: annealStrategy', complete.annealStrategy, ['cos', 'linear']);
    requireFlag('OneCycleLR: cycleMomentum', complete.cycleMomentum);
    requireNumber('OneCycleLR: divFactor', complete.divFactor, Number.MIN_VALUE);
    requireNumber('OneCycleLR: finalDivFactor', complete.finalDivFactor, Number.MIN_VALUE);
    requireFlag('OneCycleLR: threePhase', complete.threePhase);
    if (complete.cycleMomentum && !optimizer.groups.every(hasMomentum)) {
      throw new RangeError(
        'OneCycleLR: the optimizer has neither momentum nor betas, wants cycleMomentum: false',
      );
    }
    this.#phases = phasesOf(complete, this.totalSteps);
    this.moveTo(0);
  }

  protected override lrAt(t: number, _base: number, group: number): number {
    const { divFactor, finalDivFactor } = this.#options;
    const max = this.#maxLrs[group]!;
    const levels = { initial: max / divFactor, max, least: max / divFactor / finalDivFactor };
    const { phase, share } = this.#at(t);
    return this.#between(levels[phase.lrs[0]], levels[phase.lrs[1]], share);
  }

  protected override apply(group: Group, index: number, lr: number, t: number): void {
    if (!this.#options.cycleMomentum) {
      super.apply(group, index, lr, t);
      return;
    }
    const { phase, share } = this.#at(t);
    const [from, to] = phase.momenta.map((level) => this.#momenta[level][index]!);
    const momentum = this.#between(from!, to!, share);
    const { betas } = group.options as { betas?: readonly [number, number] };
    const changed = betas ? { betas: [momentum, betas[1]] } : { momentum };
    group.options = { ...group.options, ...changed, lr };
  }

  #at(t: number): { phase: Phase; share: number } {
    if (t > this.totalSteps) {
      throw new RangeError(`OneCycleLR: step ${t} is beyond the ${this.totalSteps} of the cycle`);
    }
    const reached = this.#phases.findIndex(({ end }) => t <= end);
    const i = reached === -1 ? this.#phases.length - 1 : reached;
    const phase = this.#phases[i]!;
    const start = i === 0 ? 0 : this.#phases[i - 1]!.end;
    return { phase, share: phase.end > start ? Math.min(1, (t - start) / (phase.end - start)) : 1 };
  }

  #between(start: number, end: number, share: number): number {
    return this.#options.annealStrategy === 'cos'
      ? annealed(start, end, share)
      : start + (end - start) * share;
  }
}

function totalStepsOf({ totalSteps, epochs, stepsPerEpoch }: Required<OneCycleLROptions>): number {
  if (totalSteps !== null) {
    requireWhole('OneCycleLR: totalSteps', totalSteps, 1);
    return totalSteps;
  }
  if (epochs === null || stepsPerEpoch === null) {
    throw new TypeError("OneCycleLR: option 'totalSteps' is missing, or epochs and stepsPerEpoch");
  }
  requireWhole('OneCycleLR: epochs', epochs, 1);
  requireWhole('OneCycleLR: stepsPerEpoch', stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}

function phasesOf({ pctStart, threePhase }: Required<OneCycleLROptions>, totalSteps: number): Phase[] {
  const rise = pctStart * totalSteps;
  const up: Phase = { end: rise - 1, lrs: ['initial', 'max'], momenta: ['max', 'base'] };
  const end = totalSteps - 1;
  if (!threePhase) return [up, { end, lrs: ['max', 'least'], momenta: ['base', 'max'] }];
  return [
    up,
    { end: 2 * rise - 2, lrs: ['max', 'initial'], momenta: ['base', 'max'] },
    { end, lrs: ['initial', 'least'], momenta: ['max', 'max'] },
  ];
}

function hasMomentum({ options }: Group): boolean {
  return 'momentum' in options || 'betas' in options;
}
