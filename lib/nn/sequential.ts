import { gradEnabled } from '../autograd.js';
import { convMaxPool2d } from '../ops/convPool.js';
import type { Tensor } from '../tensor.js';
import { ReLU } from './activation.js';
import { Conv2d } from './conv.js';
import { fusedPair } from './fuse.js';
import { Module } from './module.js';
import { BatchNorm } from './norm.js';
import { observing } from './observe.js';
import { MaxPool2d } from './pool.js';

/**
 * Modules one after the other. Named '0', '1', … or, given an object, by its keys.
 *
 * A layer that can do ReLU in its own pass does so where a ReLU follows; a ReLU before a MaxPool2d is done after it, which
 * gives the same; a Conv2d with few outputs and a MaxPool2d may be one pass; and a Conv2d before a batch norm in training
 * gathers the sums that this begins with. Intermediate results are disposed on the way; one that a layer of yours wants
 * to hold on to is saved by keep().
 */
export class Sequential extends Module {
  #layers: [name: string, module: Module][];

  constructor(...layers: Module[] | [Record<string, Module>]) {
    super();
    const [first] = layers;
    const named = layers.length === 1 && first !== undefined && !(first instanceof Module) ? first : layers;
    this.#layers = Object.entries(named);
    for (const [name, layer] of this.#layers) {
      if (!(layer instanceof Module)) throw new TypeError(`Sequential: layer ${name} is no Module`);
    }
  }

  override *children(): Generator<[name: string, module: Module]> {
    yield* this.#layers;
  }

  override forward(x: Tensor): Tensor {
    let current = x;
    for (let i = 0; i < this.#layers.length;) {
      const [next, taken] = this.#step(i, current);
      if (current !== x && current !== next && !current.kept) current.dispose();
      current = next;
      i += taken;
    }
    return current;
  }

  /** The result of the layers from the i-th on that go in one step, and how many they are. */
  #step(i: number, x: Tensor): [result: Tensor, taken: number] {
    const layer = this.at(i);
    if (observing()) return [layer.forward(x), 1];
    const [then, after] = [this.#layers[i + 1]?.[1], this.#layers[i + 2]?.[1]];
    const pooled = this.#convMaxPool(i, x);
    if (pooled) return pooled;
    // max(0, largest of a window) is the largest max(0, x) of it, with fewer elements to keep and to go through.
    const poolFirst = gradEnabled() && after instanceof MaxPool2d;
    if (gradEnabled() && layer instanceof ReLU && then instanceof MaxPool2d) return [then.forwardRelu(x), 2];
    if (layer.forwardRelu && then instanceof ReLU && !poolFirst) return [layer.forwardRelu(x), 2];
    if (layer instanceof Conv2d && then instanceof BatchNorm) return [layer.convolveFor(x, then), 1];
    return [layer.forward(x), 1];
  }

  /** A Conv2d, ReLU perhaps and a MaxPool2d from the i-th layer on, where they can be one pass. */
  #convMaxPool(i: number, x: Tensor): [result: Tensor, taken: number] | null {
    const conv = this.at(i);
    const relu = this.#layers[i + 1]?.[1] instanceof ReLU;
    const pool = this.#layers[relu ? i + 2 : i + 1]?.[1];
    // What extends a layer may compute something else.
    if (conv.constructor !== Conv2d || pool?.constructor !== MaxPool2d) return null;
    const { weight, bias, options } = conv as Conv2d;
    const { kernelSize, options: poolOptions } = pool as MaxPool2d;
    if (Object.keys(poolOptions).length > 0) return null;
    const y = convMaxPool2d(x, weight, bias, { ...options, relu }, kernelSize);
    return y && [y, relu ? 3 : 2];
  }

  /** Replaces each layer that a batch norm follows which can be folded into it; the others keep their names. */
  override fuse(): void {
    const fused: [name: string, module: Module][] = [];
    for (const [name, layer] of this.#layers) {
      const before = fused.at(-1);
      const both = fusedPair(before?.[1], layer);
      if (before && both) before[1] = both;
      else fused.push([name, layer]);
    }
    this.#layers = fused;
  }

  get length(): number {
    return this.#layers.length;
  }

  /** The i-th layer. */
  at(i: number): Module {
    const layer = this.#layers.at(i);
    if (!layer) throw new RangeError(`Sequential: there is no layer ${i} among ${this.#layers.length}`);
    return layer[1];
  }
  /**
   * Puts another layer in the place of one, the i-th or that of this name, and returns the one before, which is the
   * caller's then.
   */
  replace(place: number | string, layer: Module): Module {
    const i = typeof place === 'number' ? place : this.#layers.findIndex(([name]) => name === place);
    const entry = i < 0 && typeof place === 'string' ? undefined : this.#layers.at(i);
    if (!entry) throw new RangeError(`Sequential: there is no layer ${place} to replace`);
    if (!(layer instanceof Module)) throw new TypeError(`Sequential: layer ${entry[0]} is no Module`);
    const [, before] = entry;
    entry[1] = layer;
    return before;
  }
}
