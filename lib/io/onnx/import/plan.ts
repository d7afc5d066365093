import { reshape } from '../../../ops/movement.js';
import { Tensor, type DType } from '../../../tensor.js';
import type { Run, Step } from './step.js';
import type { Host } from './value.js';

/** A step as it runs, alone or with others in its pass. */
interface Planned {
  step: Step;
  inputs: readonly number[];
  outputs: readonly number[];
  relu: boolean;
  residual: number | null;
  /** Slots that nothing uses afterwards. */
  dying: number[];
}

/** The order in which steps run, which of them are one pass, and when tensors go. */
export class Plan {
  readonly #planned: readonly Planned[];
  readonly #outputs: readonly number[];

  /** @param kept slots whose tensors have another owner */
  constructor(steps: readonly Step[], outputs: readonly number[], kept: ReadonlySet<number>) {
    const planned = joined(steps, outputs);
    const used = new Set([...outputs, ...kept]);
    for (const one of planned.toReversed()) {
      for (const slot of [...one.outputs, ...inputsOf(one)]) {
        if (used.has(slot)) continue;
        used.add(slot);
        one.dying.push(slot);
      }
    }
    this.#planned = planned;
    this.#outputs = outputs;
  }

  /**
   * Runs all steps on tensors by slot; those that it makes it disposes when nothing uses them any more.
   *
   * @returns the tensors of the outputs, in their order
   */
  run(
    given: ReadonlyMap<number, Tensor<DType>>,
    { training, allow }: Pick<Run, 'training' | 'allow'>,
  ): Tensor<DType>[] {
    const values = new Map<number, Tensor<DType> | Host>(given);
    const tensorAt = (slot: number): Tensor => values.get(slot) as Tensor;
    for (const { step, inputs, outputs, relu, residual, dying } of this.#planned) {
      const hosts = step.hosts.map((host) => (typeof host === 'number' ? (values.get(host) as Host) : host));
      const run: Run = {
        training,
        hosts,
        relu,
        residual: residual === null ? null : tensorAt(residual),
        allow,
      };
      const tensors = inputs.map(tensorAt);
      const results = titled(step.title, () => step.compute(tensors, run));
      const all = Array.isArray(results)
        ? (results as readonly (Tensor | Host)[])
        : [results as Tensor | Host];
      outputs.forEach((slot, i) => {
        const result = all[i]!;
        // An input has another owner.
        const taken = result instanceof Tensor && tensors.includes(result);
        values.set(slot, taken ? reshape(result, result.shape) : result);
      });
      for (const slot of dying) {
        const value = values.get(slot);
        values.delete(slot);
        if (value instanceof Tensor) value.dispose();
      }
    }
    return this.#outputs.map(tensorAt);
  }
}

/** What `work` returns; its errors say which node failed. */
function titled<T>(title: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && !error.message.startsWith(title))
      error.message = `${title}: ${error.message}`;
    throw error;
  }
}

function inputsOf({ step, inputs, residual }: Planned): number[] {
  const hosts = step.hosts.filter((host) => typeof host === 'number');
  return [...inputs, ...hosts, ...(residual === null ? [] : [residual])];
}

/** How often each slot is used, by steps and as an output. */
export function countUses(steps: readonly Step[], outputs: readonly number[]): Map<number, number> {
  const uses = new Map<number, number>();
  const use = (slot: number): void => void uses.set(slot, (uses.get(slot) ?? 0) + 1);
  for (const { inputs, hosts } of steps) {
    inputs.forEach(use);
    for (const host of hosts) if (typeof host === 'number') use(host);
  }
  outputs.forEach(use);
  return uses;
}

/** The steps, with ReLU and additions in the pass of the layer before where that can do them. */
function joined(steps: readonly Step[], outputs: readonly number[]): Planned[] {
  const uses = countUses(steps, outputs);
  const producers = new Map<number, Planned>();
  const planned = new Set<Planned>();
  /** The step whose result nothing else uses. */
  const onlyFor = (slot: number): Planned | undefined =>
    uses.get(slot) === 1 ? producers.get(slot) : undefined;
  const add = (one: Planned): void => {
    planned.add(one);
    for (const slot of one.outputs) producers.set(slot, one);
  };
  for (const step of steps) {
    const one: Planned = {
      step,
      inputs: step.inputs,
      outputs: step.outputs,
      relu: false,
      residual: null,
      dying: [],
    };
    if (step.kind?.is === 'relu') {
      const before = onlyFor(step.inputs[0]!);
      if (before?.step.takes.relu && !before.relu) {
        before.relu = true;
        before.outputs = step.outputs;
        add(before);
        continue;
      }
    }
    if (step.kind?.is === 'add' && step.inputs[0] !== step.inputs[1]) {
      const at = step.inputs.findIndex((slot) => {
        const before = onlyFor(slot);
        return before?.step.takes.residual && !before.relu && before.residual === null;
      });
      const before = at < 0 ? undefined : onlyFor(step.inputs[at]!);
      if (before) {
        // It runs where the addition did: what is added is there by then.
        planned.delete(before);
        before.residual = step.inputs[1 - at]!;
        before.outputs = step.outputs;
        add(before);
        continue;
      }
    }
    add(one);
  }
  return [...planned];
}
