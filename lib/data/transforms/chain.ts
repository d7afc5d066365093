import { noGrad } from '../../autograd.js';
import { describe } from '../../describe.js';
import { Module } from '../../nn/module.js';
import type { Batch } from '../dataset.js';
import { discard, type Draws, type Transform } from './transform.js';
import { planFrom, WindowTransform } from './window.js';

/** A transform, or a module that is applied to the inputs, as those of `preprocessing` are. */
export type Step = Transform | Module;

/** The steps one by one, with those of a Compose in its place. */
export function flatSteps(operation: string, steps: readonly Step[]): readonly Step[] {
  if (!Array.isArray(steps)) {
    throw new TypeError(`${operation}: transforms is ${describe(steps)}, wants an array of transforms`);
  }
  return (steps as readonly Step[]).flatMap((step, i) => {
    if (step instanceof Compose) return step.transforms;
    if (step instanceof Module || typeof (step as Partial<Transform> | undefined)?.apply === 'function') {
      return [step];
    }
    throw new TypeError(
      `${operation}: transforms[${i}] is ${describe(step)}, wants a transform, with apply(), or a Module`,
    );
  });
}

/**
 * Applies the steps from number `first` on to a batch, which is disposed where one of them fails; `draws` are those of the
 * first of all. Neighbouring crops, mirrors and normalizations are one pass.
 */
export function applySteps(steps: readonly Step[], batch: Batch, draws: Draws, first = 0): Batch {
  let current = batch;
  try {
    for (let i = first; i < steps.length;) {
      const step = steps[i]!;
      const own = { ...draws, place: draws.place + i };
      if (step instanceof WindowTransform) {
        const [x, y] = current;
        const { plan, taken } = planFrom(steps, i, x, own);
        current = [plan.run(x), y];
        discard(x);
        i += taken;
        continue;
      }
      if (step instanceof Module) {
        const [x, y] = current;
        current = [noGrad(() => step.forward(x)), y];
        if (current[0] !== x) discard(x);
      } else {
        current = step.apply(current, own);
      }
      i++;
    }
    return current;
  } catch (error) {
    for (const part of current) discard(part);
    throw error;
  }
}

/** Transforms one after the other, as one; modules may be among them. */
export class Compose implements Transform {
  readonly transforms: readonly Step[];

  constructor(transforms: readonly Step[]) {
    this.transforms = flatSteps('Compose', transforms);
  }

  apply(batch: Batch, draws: Draws): Batch {
    return applySteps(this.transforms, batch, draws);
  }
}
