import { describe } from '../describe.js';
import {
  AvgPool1d,
  AvgPool2d,
  Conv1d,
  Conv2d,
  ConvTranspose1d,
  ConvTranspose2d,
  Linear,
  LPPool1d,
  LPPool2d,
  MaxPool1d,
  MaxPool2d,
  ModuleList,
  Parameter,
  Sequential,
  Upsample,
  type Module,
} from '../nn/index.js';
import { requireNumber, requireWhole } from '../optim/options.js';
import { auxiliary, givesScores, placeOf } from './head.js';

/** A part of a model that is frozen and trained as one. */
export interface Stage {
  /** The path of what it is, or begins with. */
  readonly name: string;
  readonly modules: readonly Module[];
  readonly parameters: readonly Parameter[];
}

/** Stages from the bottom up, by the paths of the modules in each. */
export type StagePaths = readonly (string | readonly string[])[];

export interface StageOptions {
  /** Default: as stagesOf() finds them. */
  readonly stages?: StagePaths | undefined;
}

/** A module that is in a stage as a whole. */
interface Unit {
  readonly path: string;
  readonly module: Module;
}

/**
 * The stages of a model, from its input up. Unless paths are given, a stage begins wherever images get smaller or larger
 * (a convolution with a stride, a pooling, an upsampling), with each linear layer, and with the head. So ResNet-18 is
 * conv1, layer1, layer2, layer3, layer4 and fc, and VGG its five groups of convolutions and three linear layers. Layers
 * are taken in the order in which they are in the model; what is no Sequential is not divided, but for the model itself.
 * Auxiliary classifiers, children whose names begin with `aux`, belong to the stage before them, the head's as a rule.
 *
 * ```ts
 * stagesOf(models.resnet18()).map(({ name }) => name);
 * stagesOf(unet, [['down1', 'down2'], 'middle', ['up1', 'up2', 'head']]);
 * ```
 *
 * @throws TypeError, RangeError for paths that are no modules, and where a parameter or buffer is in no stage or in two
 */
export function stagesOf(model: Module, stages?: StagePaths): Stage[] {
  const head = placeOfHead(model);
  return stages === undefined ? found(model, head) : named(model, stages);
}

function placeOfHead(model: Module): Module | null {
  const { layer } = placeOf('stagesOf', model);
  return givesScores(layer) ? layer : null;
}

function found(model: Module, head: Module | null): Stage[] {
  const stages: Unit[][] = [[]];
  const units = [...unitsOf(model, '')];
  for (const unit of units) {
    const { path, module } = unit;
    const current = stages.at(-1)!;
    const cut = module === head || module instanceof Linear || scales(module);
    if (cut && !auxiliary.test(path) && current.some(hasState)) stages.push([unit]);
    else current.push(unit);
  }
  const seen = new Set<Parameter>();
  // Those that are the model's own, which no module inside has, come first.
  const own = Object.values(model).filter((value) => value instanceof Parameter);
  return stages.map((members, i) => {
    const modules = members.map(({ module }) => module);
    const all = [...(i === 0 ? own : []), ...modules.flatMap((m) => m.parameters())];
    const parameters = all.filter((parameter) => !seen.has(parameter));
    for (const parameter of parameters) seen.add(parameter);
    return { name: nameOf(members, units), modules, parameters };
  });
}

function* unitsOf(container: Module, prefix: string): Generator<Unit> {
  for (const [name, module] of container.children()) {
    const path = prefix ? `${prefix}.${name}` : name;
    if (module instanceof Sequential || module instanceof ModuleList) yield* unitsOf(module, path);
    else yield { path, module };
  }
}

function hasState({ module }: Unit): boolean {
  return module.stateDict().size > 0;
}

/** The path of the first member with parameters, or of the outermost module around it that is wholly in the stage. */
function nameOf(members: readonly Unit[], all: readonly Unit[]): string {
  const first = members.find(hasState) ?? members[0];
  const parts = first?.path.split('.') ?? [];
  const prefixes = parts.map((_, i) => parts.slice(0, i + 1).join('.'));
  const whole = (prefix: string) =>
    all.every((unit) => !unit.path.startsWith(`${prefix}.`) || members.includes(unit));
  return prefixes.find(whole) ?? '';
}

const windowed = [Conv1d, Conv2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d, LPPool1d, LPPool2d];
const growing = [ConvTranspose1d, ConvTranspose2d, Upsample];

/** Whether a module makes images smaller or larger. */
function scales(module: Module): boolean {
  for (const [, inner] of module.modules()) {
    if (growing.some((kind) => inner instanceof kind)) return true;
    if (!windowed.some((kind) => inner instanceof kind)) continue;
    if (inner.windows?.([], []).some(({ stride = 1 }) => stride > 1)) return true;
  }
  return false;
}

function named(model: Module, stages: StagePaths): Stage[] {
  if (!Array.isArray(stages) || stages.length === 0) {
    throw new TypeError(`stagesOf: stages is ${describe(stages)}, wants a list of paths, from the bottom up`);
  }
  const byPath = new Map(model.modules());
  const owners = new Map<string, string>();
  const tensors = [...model.stateDict().keys()];
  const result = (stages as StagePaths).map((given): Stage => {
    const paths = typeof given === 'string' ? [given] : given;
    if (!Array.isArray(paths) || paths.length === 0) {
      throw new TypeError(`stagesOf: a stage is ${describe(given)}, wants the path of a module, or several`);
    }
    const modules = (paths as readonly string[]).map((path) => {
      const module = byPath.get(path);
      if (!module || path === '') {
        throw new RangeError(`stagesOf: there is no module ${describe(path)} in the model`);
      }
      for (const tensor of tensors.filter((name) => name.startsWith(`${path}.`))) {
        const other = owners.get(tensor);
        if (other !== undefined) {
          throw new RangeError(`stagesOf: ${tensor} is in two stages, by '${other}' and by '${path}'`);
        }
        owners.set(tensor, path);
      }
      return module;
    });
    const parameters = [...new Set(modules.flatMap((module) => module.parameters()))];
    return { name: (paths as readonly string[])[0]!, modules, parameters };
  });
  const missing = tensors.filter((name) => !owners.has(name));
  if (missing.length > 0) throw new RangeError(`stagesOf: ${missing.join(', ')} is in no stage`);
  return result;
}

/**
 * Unfreezes the top `count` stages of a model and freezes those below: 1 trains the head alone. Where only the top is
 * trained, a step costs the forward pass of the rest and no backward pass.
 *
 * @returns the stages that are trained, from the bottom up
 * @throws RangeError for more stages than there are, and for stages as stagesOf()
 */
export function unfreezeTop(model: Module, count: number, { stages }: StageOptions = {}): Stage[] {
  const all = stagesOf(model, stages);
  requireWhole('unfreezeTop: count', count, 0);
  if (count > all.length) {
    throw new RangeError(`unfreezeTop: count is ${count}, the model has ${all.length} stages`);
  }
  const first = all.length - count;
  for (const { modules, parameters } of all.slice(0, first)) {
    for (const module of modules) module.freeze();
    for (const parameter of parameters) parameter.requiresGrad = false;
  }
  for (const { modules, parameters } of all.slice(first)) {
    for (const module of modules) module.unfreeze();
    for (const parameter of parameters) parameter.requiresGrad = true;
  }
  return all.slice(first);
}

export interface StageGroupOptions extends StageOptions {
  /** The learning rate of the top stage, the head. */
  readonly lr: number;
  /** The rate of each stage is that of the stage above times this. Default: 1/2.6, as in the paper. */
  readonly decay?: number | undefined;
}

/** What an optimizer takes as a group. */
export interface StageGroup {
  readonly parameters: readonly Parameter[];
  readonly lr: number;
}

/**
 * Groups of parameters for an optimizer, one for each stage, from the bottom up, whose learning rates fall from the head
 * down: what lies near the input is general, and is to change little (discriminative fine-tuning; Howard and Ruder,
 * "Universal language model fine-tuning for text classification", 2018). Frozen stages have groups, too, so that they can
 * be unfrozen later.
 *
 * ```ts
 * const optimizer = new optim.AdamW(transfer.stageGroups(model, { lr: 1e-3 }), { weightDecay: 0.01 });
 * ```
 *
 * @throws TypeError, RangeError for options out of range, and for stages as stagesOf()
 */
export function stageGroups(model: Module, options: StageGroupOptions): StageGroup[] {
  const { lr, decay = 1 / 2.6, stages } = options ?? {};
  requireNumber('stageGroups: lr', lr, 0);
  requireNumber('stageGroups: decay', decay, 0);
  const trained = stagesOf(model, stages);
  return trained
    .map(({ parameters }, i) => ({ parameters, lr: lr * decay ** (trained.length - 1 - i) }))
    .filter(({ parameters }) => parameters.length > 0);
}
