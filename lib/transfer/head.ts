import { describe } from '../describe.js';
import { StriateError } from '../native.js';
import { Conv2d, Linear, MaxoutConv2d, MaxoutLinear, Module, Parameter, Sequential } from '../nn/index.js';

export interface HeadOptions {
  /** The path of the layer, as in `fc`, where it is not the last one with parameters. */
  readonly at?: string | undefined;
}

/** A layer where it stands. */
export interface Place {
  readonly path: string;
  readonly layer: Module;
  /** The module that it is a field or layer of, and its name there; null for the model itself. */
  readonly parent: Module | null;
  readonly name: string;
}

/** All modules inside, with those that they are in. */
function* places(parent: Module, prefix: string): Generator<Place> {
  for (const [name, layer] of parent.children()) {
    const path = prefix ? `${prefix}.${name}` : name;
    yield { path, layer, parent, name };
    // Their layer inside gives more than their results.
    if (!(layer instanceof MaxoutLinear || layer instanceof MaxoutConv2d)) yield* places(layer, path);
  }
}

/**
 * The layer of this path, else the last one with parameters.
 *
 * @throws TypeError for what is no model, RangeError where there is no such layer
 */
export function placeOf(caller: string, model: Module, at?: string): Place {
  if (!(model instanceof Module)) {
    throw new TypeError(`${caller}: model is ${describe(model)}, wants a Module`);
  }
  const all = [...places(model, '')];
  if (at !== undefined) {
    const found = all.find(({ path }) => path === at);
    if (found) return found;
    throw new RangeError(`${caller}: at is ${describe(at)}, the model has no such layer`);
  }
  const last = lastOf(all.filter(({ path }) => !auxiliary.test(path)));
  if (last) return last;
  throw new RangeError(`${caller}: the model has no layer with parameters inside`);
}

/** Classifiers beside the network, which help in its training alone. */
export const auxiliary = /^aux/i;

/** The last of these with parameters. A layer that stands in several places is where it is first. */
function lastOf(all: readonly Place[]): Place | undefined {
  const known = new Set<Module>();
  const layers = all.filter(({ layer }) => !known.has(layer) && known.add(layer));
  return layers.findLast(({ layer }) => hasParameters(layer));
}

function hasParameters(layer: Module): boolean {
  const inside = layer instanceof MaxoutLinear || layer instanceof MaxoutConv2d;
  return inside || Object.values(layer).some((value) => value instanceof Parameter);
}

/** Whether a layer gives the scores of classes: linear, or a 1×1 convolution. */
export function givesScores(layer: Module): layer is Linear | Conv2d {
  // What extends a layer may compute something else.
  if (layer instanceof Linear) return layer.constructor === Linear;
  return isConvolution(layer) && layer.weight.shape[0] === 1 && layer.weight.shape[1] === 1;
}

function isConvolution(layer: Module): layer is Conv2d {
  return layer instanceof Conv2d && layer.constructor === Conv2d;
}

/**
 * Puts a new head on a model, for other classes than those that it was trained for: a linear layer, or a 1×1 convolution
 * as of SqueezeNet and of networks for segmentation, which takes what the one before took and gives `classes` scores. Its
 * weights start as those of any new layer, and want training. The classifiers of `models` have such a head; so has any
 * model whose last layer with parameters is one. Auxiliary classifiers, children of the model whose names begin with `aux`,
 * get new ones, too.
 *
 * ```ts
 * const model = models.resnet18();
 * await io.loadSafetensors(model, 'imagenet.safetensors');
 * transfer.replaceHead(model.freeze(), 5); // all but the head is frozen
 * ```
 *
 * @param classes scores to give, or a module to put there
 * @param options at: the layer to be replaced, where it is another: of several heads, say. Then it may be a convolution of
 *   any size, and before a module of yours any layer.
 * @returns the new head
 * @throws TypeError, RangeError for arguments that are none; StriateError where the layer is no such head
 */
export function replaceHead(model: Module, classes: number, options?: HeadOptions): Linear | Conv2d;
export function replaceHead<M extends Module>(model: Module, head: M, options?: HeadOptions): M;
export function replaceHead(model: Module, given: number | Module, { at }: HeadOptions = {}): Module {
  const place = placeOf('replaceHead', model, at);
  const head = given instanceof Module ? given : likeWith(place, given, at !== undefined);
  put(place, head);
  if (given instanceof Module || at !== undefined) return head;
  for (const [name, child] of model.children()) {
    const other = auxiliary.test(name) ? lastOf([...places(child, name)]) : undefined;
    if (other && givesScores(other.layer)) put(other, likeWith(other, given, false));
  }
  return head;
}

/** A layer as the one there, with so many outputs. */
function likeWith({ path, layer }: Place, classes: number, any: boolean): Linear | Conv2d {
  if (typeof classes !== 'number') {
    throw new TypeError(
      `replaceHead: classes is ${describe(classes)}, wants a number, or a module to put there`,
    );
  }
  if (!Number.isSafeInteger(classes) || classes < 1) {
    throw new RangeError(`replaceHead: classes is ${classes}, wants a whole number from 1 on`);
  }
  if (!givesScores(layer) && !(any && isConvolution(layer))) {
    const wanted = 'wants a Linear or a 1×1 Conv2d; name another by at, or give a module to put there';
    throw new StriateError(`replaceHead: ${path} is of ${layer.constructor.name}, ${wanted}`);
  }
  const { shape } = layer.weight;
  const bias = layer.bias !== null;
  if (layer instanceof Linear) return new Linear(shape[0]!, classes, { bias });
  const [height, width, inGroup] = shape as [number, number, number];
  const inputs = inGroup * (layer.options.groups ?? 1);
  return new Conv2d(inputs, classes, [height, width], { ...layer.options, bias });
}

function put({ path, layer, parent, name }: Place, head: Module): void {
  head.train(layer.training);
  if (parent instanceof Sequential) {
    parent.replace(name, head);
    return;
  }
  const [field = '', index] = name.split('.');
  const owner = parent as unknown as Record<string, unknown>;
  const value = owner[field];
  if (index === undefined && value === layer) owner[field] = head;
  else if (Array.isArray(value) && value[Number(index)] === layer) value[Number(index)] = head;
  else {
    const kind = parent?.constructor.name ?? 'nothing';
    throw new StriateError(`replaceHead: ${path} is in a ${kind}, whose modules cannot be replaced`);
  }
}
