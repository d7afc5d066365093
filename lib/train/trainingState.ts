import { StriateError } from '../native.js';
import { randomState, setRandomState, tensor, zeros } from '../ops/creation.js';
import type { StoredTensor } from '../io/safetensorsFormat.js';
import type { OptimizerState } from '../optim/optimizer.js';
import { synchronize, type DType, type Tensor } from '../tensor.js';
import type { Callback } from './callback.js';
import type { CheckpointContents, ReadCheckpoint } from './checkpointFile.js';
import type { Fitting, Position } from './fitting.js';
import type { History } from './history.js';
import type { Scheduler } from './scheduling.js';
import type { SourceIdentity } from './source.js';
import type { TotalsState } from './totals.js';

/** What a checkpoint holds beside tensors: plain JSON. */
export interface SavedState {
  version: number;
  position: Position;
  /** Of the epoch that runs. */
  totals: TotalsState;
  seconds: number;
  learningRate: number;
  history: History;
  source: SourceIdentity;
  accumulate: number;
  metrics: string[];
  random: [seed: number, stream: number];
  optimizer: { kind: string } & Omit<OptimizerState, 'tensors'>;
  schedule: { kind: string; state: unknown } | null;
  callbacks: SavedCallback[];
}

interface SavedCallback {
  kind: string;
  observes: boolean;
  state: unknown;
}

type Tensors = Map<string, Tensor<DType>>;
/** A schedule, whatever its state is. */
type AnySchedule = { stateDict(): unknown; loadStateDict(state: unknown): void } & Pick<
  Scheduler,
  'optimizer'
>;

/** The state of training at this place in the queue: what is asked for afterwards does not change it. */
export async function captured(fitting: Fitting): Promise<CheckpointContents> {
  const { trainer, position, totals, seconds, learningRate, source } = fitting;
  const { model, optimizer, scheduling, history, accumulate, metrics } = trainer;
  const { tensors: optimized, ...rest } = optimizer.stateDict();
  const callbacks = stateful(fitting.callbacks);
  const scheduler = scheduling?.scheduler;
  const state: SavedState = {
    version: 1,
    position: { ...position },
    totals: totals.state(),
    ...{ seconds, learningRate },
    history: structuredClone(history),
    source: source.identity,
    accumulate,
    metrics: metrics.map(({ name }) => name),
    random: randomState(),
    optimizer: { kind: kindOf(optimizer), ...rest },
    schedule: scheduler ? { kind: kindOf(scheduler), state: scheduler.stateDict() } : null,
    callbacks: callbacks.map((callback) => ({
      kind: kindOf(callback),
      observes: callback.observes ?? false,
      state: callback.state?.() ?? null,
    })),
  };
  // All copies take their place in the queue before the first is waited for.
  const copies = [
    ...Array.from(model.stateDict(), ([name, t]) => copyOf(`model.${name}`, t)),
    ...Array.from(optimized, ([name, t]) => copyOf(`optimizer.${name}`, t)),
    ...callbacks.flatMap((callback, i) =>
      Array.from(callback.tensors?.() ?? [], ([name, t]) => copyOf(`callbacks.${i}.${name}`, t)),
    ),
  ];
  // What reads them does not wait for its turn.
  await synchronize();
  return { tensors: new Map(copies), state };
}

function copyOf(name: string, t: Tensor<DType>): [string, Tensor<DType>] {
  const copy = zeros(t.shape, t.dtype).keep();
  copy.assign(t);
  return [name, copy];
}

/**
 * Refuses a checkpoint of other training: before anything has changed.
 *
 * @throws StriateError that names the file and lists what is different
 */
export function requireFitting(fitting: Fitting, { file, tensors, state }: ReadCheckpoint): void {
  const { trainer, source } = fitting;
  const problems: string[] = [];
  const compare = (what: string, saved: unknown, mine: unknown) => {
    const [was, is] = [JSON.stringify(saved), JSON.stringify(mine)];
    if (was !== is) problems.push(`${what} is ${was}, wants ${is}`);
  };
  const own = trainer.model.stateDict();
  const saved = partOf(tensors, 'model.');
  for (const [name, target] of own) {
    const stored = saved.get(name);
    if (!stored) problems.push(`${name} is missing`);
    else if (describe(stored) !== describe(target)) {
      problems.push(`${name} is ${describe(stored)}, wants ${describe(target)}`);
    }
  }
  for (const name of saved.keys()) if (!own.has(name)) problems.push(`${name} is not in the model`);
  if (problems.length > 0) throw new StriateError(`${file}: is of another model: ${problems.join('; ')}`);
  for (const key of ['samples', 'batches', 'batchSize', 'shuffle'] as const) {
    compare(`data: ${key}`, state.source[key], source.identity[key]);
  }
  if (!source.reseed) compare('data: seed', state.source.seed, source.identity.seed);
  compare('accumulate', state.accumulate, trainer.accumulate);
  compare('metrics', state.metrics, trainer.metrics.map(({ name }) => name)); // prettier-ignore
  compare('optimizer', state.optimizer.kind, kindOf(trainer.optimizer));
  const scheduler = trainer.scheduling?.scheduler;
  compare('schedule', state.schedule?.kind ?? null, scheduler ? kindOf(scheduler) : null);
  const changing = (list: readonly { kind: string; observes: boolean }[]) =>
    list.filter(({ observes }) => !observes).map(({ kind }) => kind);
  const callbacks = stateful(fitting.callbacks).map((callback) => ({
    kind: kindOf(callback),
    observes: callback.observes ?? false,
  }));
  compare('callbacks', changing(state.callbacks), changing(callbacks));
  if (problems.length > 0) throw new StriateError(`${file}: is of other training: ${problems.join('; ')}`);
}

/**
 * Goes on from a checkpoint that requireFitting() has let pass. What may still be refused, options and state of the
 * optimizer, is before the model has changed.
 */
export async function restored(fitting: Fitting, { file, tensors, state }: ReadCheckpoint): Promise<void> {
  const { trainer } = fitting;
  // The first of a kind has what the first of it had, and so on.
  const left = new Map(state.callbacks.entries());
  for (const callback of stateful(fitting.callbacks)) {
    const [i, saved] = [...left].find(([, { kind }]) => kind === kindOf(callback)) ?? [];
    if (i === undefined || !saved) continue;
    left.delete(i);
    await withTensors(partOf(tensors, `callbacks.${i}.`), (own) =>
      callback.restore?.(saved.state, own, trainer),
    );
  }
  try {
    await withTensors(partOf(tensors, 'optimizer.'), (own) => restoreSteering(trainer, state, own));
  } catch (error) {
    if (error instanceof Error) error.message = `${file}: ${error.message}`;
    throw error;
  }
  await withTensors(partOf(tensors, 'model.'), (own) => trainer.model.loadStateDict(own));
  if (state.source.seed !== null) fitting.source.reseed?.(state.source.seed);
  fitting.totals.restore(state.totals);
  Object.assign(fitting.position, state.position);
  const { seconds, learningRate } = state;
  Object.assign(fitting, { seconds, learningRate });
  trainer.history = state.history;
  setRandomState(state.random);
}

/** The optimizer and its schedule: both, or none. */
function restoreSteering(
  { optimizer, scheduling }: Fitting['trainer'],
  { optimizer: saved, schedule }: SavedState,
  tensors: Tensors,
): void {
  const scheduler = scheduling?.scheduler as AnySchedule | undefined;
  const before = { options: optimizer.groups.map(({ options }) => options), state: scheduler?.stateDict() };
  try {
    scheduler?.loadStateDict(schedule?.state);
    const { groups, steps } = saved;
    optimizer.loadStateDict({ groups, steps, tensors } as never);
  } catch (error) {
    scheduler?.loadStateDict(before.state);
    for (const [i, group] of optimizer.groups.entries()) group.options = before.options[i]!;
    throw error;
  }
}

async function withTensors(
  stored: ReadonlyMap<string, StoredTensor>,
  work: (tensors: Tensors) => void | Promise<void>,
): Promise<void> {
  const tensors: Tensors = new Map();
  try {
    for (const [name, { data, shape }] of stored) tensors.set(name, tensor(data, shape).keep());
    await work(tensors);
  } finally {
    for (const t of tensors.values()) t.dispose();
  }
}

/** The tensors whose names begin with this, without it. */
export function partOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  prefix: string,
): Map<string, StoredTensor> {
  const part = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(part.map(([name, stored]) => [name.slice(prefix.length), stored]));
}

/** The callbacks that a checkpoint holds something for. */
function stateful(callbacks: readonly Callback[]): readonly Callback[] {
  return callbacks.filter((callback) => 'restore' in callback);
}

function kindOf(object: object): string {
  return object.constructor.name;
}

function describe({ dtype, shape }: { dtype: string; shape: readonly number[] }): string {
  return `${dtype} [${shape.join(', ')}]`;
}
