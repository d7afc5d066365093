import { noGrad } from '../autograd.js';
import { StriateError } from '../native.js';
import { observe } from '../nn/observe.js';
import { randomState, setRandomState } from '../ops/creation.js';
import { mul } from '../ops/elementwise.js';
import { sum } from '../ops/reduce.js';
import { scope, synchronize, type DType, type Tensor } from '../tensor.js';
import type { Target } from '../data/dataset.js';
import type { Trainer } from './trainer.js';

/** A batch that can be gone through once more. */
export class Repeatable {
  readonly x: Tensor;
  readonly y: Target;
  /** Where random numbers were before it. */
  readonly random: readonly [seed: number, stream: number];

  /** The tensors stay the caller's. */
  constructor(x: Tensor, y: Target, random: readonly [seed: number, stream: number]) {
    this.x = x.detach().keep();
    this.y = (y as Tensor).detach().keep();
    this.random = random;
  }

  dispose(): void {
    this.x.dispose();
    this.y.dispose();
  }
}

/** Waits for all work, and hears of updates in place that failed: the next read is of something else. */
export async function updatesTold(): Promise<void> {
  for (let told = false; !told;) {
    told = await synchronize().then(
      () => true,
      () => false,
    );
  }
}

/** Whether all elements are finite, when it is known. */
async function allFinite(tensor: Tensor<DType>): Promise<boolean> {
  if (tensor.dtype !== 'f32') return true;
  const { read } = scope(() => ({ read: noGrad(() => sum(mul(tensor as Tensor, 0)).item()) }));
  return (await read) === 0;
}

/**
 * The error to tell of a loss that is not finite: goes through the batch once more, with the parameters as they were, and
 * finds where it comes from.
 */
export async function nonFiniteLoss(
  { model, loss }: Trainer,
  { x, y, random }: Repeatable,
  place: { epoch: number; batch: number; loss: number },
): Promise<StriateError> {
  await updatesTold();
  const layers: { path: string; kind: string; own: readonly string[]; finite: Promise<boolean> }[] = [];
  const parameters = Array.from(
    model.namedParameters(),
    ([path, parameter]) => [path, allFinite(parameter)] as const,
  );
  const before = randomState();
  setRandomState(random);
  let again: { finite: Promise<boolean> };
  try {
    model.train();
    again = scope(() => {
      const output = noGrad(() =>
        observe(
          model,
          (path, module, _input, result) => {
            const own = Object.keys(module).map((name) => (path ? `${path}.${name}` : name));
            layers.push({ path, kind: module.constructor.name, own, finite: allFinite(result) });
          },
          () => model.forward(x),
        ),
      );
      return { finite: allFinite(loss(output, y)) };
    });
  } finally {
    setRandomState(before);
  }
  const where = `fit: the loss of epoch ${place.epoch}, batch ${place.batch} is ${place.loss}`;
  const kept = '; no step was made with it';
  if (!(await allFinite(x))) return new StriateError(`${where}: the input is not finite${kept}`);
  const wrong = await firstOf(parameters.map(([path, finite]) => ({ path, finite })));
  const layer = await firstOf(layers);
  if (layer) {
    const name = layer.path ? `${layer.path} (${layer.kind})` : layer.kind;
    const its =
      wrong && layer.own.includes(wrong.path)
        ? `, as its parameter ${wrong.path} is not since the step before`
        : '';
    return new StriateError(`${where}: ${name} is the first layer whose output is not finite${its}${kept}`);
  }
  if (wrong) return new StriateError(`${where}: the parameter ${wrong.path} is not finite${kept}`);
  if (!(await allFinite(y))) return new StriateError(`${where}: the target is not finite${kept}`);
  const repeated = (await again.finite)
    ? ', and the loss, too, when the batch was repeated'
    : ', so it is the loss function';
  return new StriateError(`${where}: the outputs of all layers are finite${repeated}${kept}`);
}

async function firstOf<T extends { finite: Promise<boolean> }>(list: readonly T[]): Promise<T | undefined> {
  const finite = await Promise.all(list.map((item) => item.finite));
  return list[finite.indexOf(false)];
}
