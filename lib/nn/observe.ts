import { describe } from '../describe.js';
import { refuseAsync, type Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * What observe() calls after each call of a layer.
 *
 * @param path where the layer is in the model, as in `features.0`; '' is the model itself
 * @param module the layer
 * @param input what it was given
 * @param output what it gave
 * @param method how it was called: 'forward', or where its container does ReLU in the layer's pass, 'forwardRelu' or
 *   'forwardAddRelu', whose output is the one after ReLU
 */
export type Observer = (path: string, module: Module, input: Tensor, output: Tensor, method: string) => void;

/**
 * An error to be thrown in place of one that a layer has thrown on `input`.
 *
 * @inline
 */
export type Explain = (path: string, module: Module, input: Tensor, error: unknown) => unknown;

type Method = (...given: unknown[]) => unknown;

/** How many observe() are running. */
let observers = 0;

/** The observed layer that is running, the innermost. */
let innermost: { readonly path: string; readonly module: Module } | null = null;

/** The observed layer whose method is running, the innermost; null outside of any. */
export function runningLayer(): typeof innermost {
  return innermost;
}

/** Whether layers are being observed: a container then calls them one by one. */
export function observing(): boolean {
  return observers > 0;
}

/**
 * Calls `work` and, whenever a layer of `model` has been called in it, the observer: inner layers before those that they
 * are in, the model itself last, each layer as often as it is called. For summaries, statistics, feature maps.
 *
 * Meanwhile Sequential calls each of its layers by itself, also those that otherwise go in one pass (convolution and
 * ReLU): every layer is seen, and the results are the same up to rounding. A layer that stands in several places goes by
 * the first of its paths. Tensors are still their owners', who may dispose them afterwards: what is to outlive the call of
 * the observer wants a handle of its own, from detach() or an operation. The model is as it was afterwards, and
 * observing costs nothing where it is not done.
 *
 * ```ts
 * observe(model, (path, module, input, output) => console.log(path, module.constructor.name, output.shape),
 *   () => noGrad(() => model.forward(x)));
 * ```
 *
 * @param work synchronous
 * @param explain what is thrown in place of an error of a layer, asked once, for the innermost layer that failed. Default:
 *   the error itself.
 * @returns what `work` returns
 * @throws TypeError where an argument is of another kind, or `work` is an async function
 */
export function observe<T>(
  model: Module,
  observer: Observer,
  work: () => T,
  explain: Explain = (_path, _module, _input, error) => error,
): T {
  const given: unknown[] = [model, observer, work];
  if (!(model instanceof Module))
    throw new TypeError(`observe: model is ${describe(given[0])}, wants a Module`);
  for (const [i, name] of [[1, 'observer'], [2, 'work']] as const) {
    if (typeof given[i] === 'function') continue;
    throw new TypeError(`observe: ${name} is ${describe(given[i])}, wants a function`);
  } // prettier-ignore
  refuseAsync('observe', work);
  const seen = new Set<Module>();
  const explained = new Set<unknown>();
  const undo: (() => void)[] = [];
  // What a layer calls of itself on the way is not a call of the layer.
  let running: Module | null = null;
  const watch = (path: string, module: Module, name: string, method: Method): void => {
    const before = Object.getOwnPropertyDescriptor(module, name);
    const value = (...args: unknown[]): unknown => {
      if (running === module) return method.apply(module, args);
      const outer = running;
      const layer = innermost;
      running = module;
      innermost = { path, module };
      try {
        const output = method.apply(module, args);
        observer(path, module, args[0] as Tensor, output as Tensor, name);
        return output;
      } catch (error) {
        if (explained.has(error)) throw error;
        const better = explain(path, module, args[0] as Tensor, error);
        explained.add(better);
        throw better;
      } finally {
        running = outer;
        innermost = layer;
      }
    };
    Object.defineProperty(module, name, { value, configurable: true, writable: true, enumerable: false });
    undo.push(() => {
      if (before) Object.defineProperty(module, name, before);
      else Reflect.deleteProperty(module, name);
    });
  };
  observers++;
  try {
    for (const [path, module] of model.modules()) {
      if (seen.has(module)) continue;
      seen.add(module);
      for (const [name, method] of passes(module)) watch(path, module, name, method);
    }
    return work();
  } finally {
    for (const restore of undo.reverse()) restore();
    observers--;
  }
}

/** The methods by which a layer is called. */
function passes(module: Module): Map<string, Method> {
  const methods = new Map<string, Method>();
  const all = module as unknown as Record<string, unknown>;
  for (
    let of: object | null = module;
    of && of !== Module.prototype;
    of = Object.getPrototypeOf(of) as object
  ) {
    for (const name of Object.getOwnPropertyNames(of)) {
      if (!name.startsWith('forward') || typeof all[name] !== 'function') continue;
      methods.set(name, all[name] as Method);
    }
  }
  return methods;
}
