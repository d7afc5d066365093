// In which order PyTorch, whose images are [N, C, H, W], has the features of vectors that were images, or become some.
import { noGrad } from '../../autograd.js';
import { inEval } from '../../nn/inEval.js';
import * as nn from '../../nn/index.js';
import { zeros } from '../../ops/creation.js';
import { scope, StriateError, Tensor, type Shape } from '../../tensor.js';

export interface OrderOptions {
  /** The shape of one sample, as [H, W, C]. Default: the model's inputShape, where it has one. */
  inputShape?: Shape | undefined;
  /**
   * For linear layers, by name, whose order cannot be found: the shape [H, W, C] that was flattened to their input, or [F] for
   * what was none. Default: none.
   */
  flattened?: Readonly<Record<string, Shape>> | undefined;
  /** The same of what a module makes of a linear layer's output by itself, without nn.Reshape. Default: none. */
  unflattened?: Readonly<Record<string, Shape>> | undefined;
}

/** Features that go from layer to layer in one order: [H, W, C] where they are those of images, else null. */
export interface Features {
  order: Shape | null;
}

/** The features that layers with parameters are given and give, as far as these are vectors [N, F]. */
export interface Orders {
  readonly inputs: ReadonlyMap<nn.Module, Features>;
  readonly outputs: ReadonlyMap<nn.Module, Features>;
}

/** Layers that treat each feature by itself, or all alike: what they give has the order of what they are given. */
const featureByFeature = [
  ...[nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh],
  ...[nn.Hardswish, nn.Hardsigmoid, nn.Softplus, nn.LogSigmoid, nn.Softsign, nn.Softmax, nn.LogSoftmax],
  ...[nn.Dropout, nn.AlphaDropout, nn.GaussianDropout, nn.GaussianNoise, nn.Identity],
  ...[nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm],
] as const;

function isAny(
  module: nn.Module,
  kinds: readonly (abstract new (...given: never[]) => nn.Module)[],
): boolean {
  return kinds.some((kind) => module instanceof kind);
}

/** Features of [...places, C] in one order; null where PyTorch's is the same. */
function orderOf(shape: Shape): Shape | null {
  const channels = shape.at(-1) ?? 1;
  const places = shape.slice(0, -1).reduce((n, extent) => n * extent, 1);
  return places > 1 && channels > 1 ? shape : null;
}

/**
 * Runs the model on zeros, in eval mode, and follows features from layer to layer.
 *
 * @throws StriateError where the order of a linear layer's input cannot be found, and no option tells it
 */
export function findOrders(caller: string, model: nn.Module, options: OrderOptions): Orders {
  const linear = Array.from(model.modules()).flatMap(([path, module]) =>
    module instanceof nn.Linear ? [[path, module] as const] : [],
  );
  const { flattened = {}, unflattened = {}, inputShape = model.inputShape } = options;
  const told = (option: string, axis: number, shapes: Readonly<Record<string, Shape>>) =>
    new Map(
      Object.entries(shapes).map(([name, shape]): [string, Features] => {
        const layer = linear.find(([path]) => path === name)?.[1];
        if (!layer) throw new RangeError(`${caller}: ${option} has ${name}, which is no linear layer`);
        const features = layer.weight.shape[axis]!;
        if (shape.reduce((n, extent) => n * extent, 1) === features) return [name, { order: orderOf(shape) }];
        throw new RangeError(
          `${caller}: ${option} has [${shape.join(', ')}] for ${name}, wants a shape of ${features} elements`,
        );
      }),
    );
  const given = told('flattened', 0, flattened);
  const orders = new Follower(caller, told('unflattened', 1, unflattened));
  const open = () => linear.filter(([path, module]) => !given.has(path) && !orders.inputs.has(module));
  if (open().length > 0) {
    if (!inputShape) {
      throw new StriateError(
        `${caller}: the model has linear layers and no inputShape, by which the order of their weights is found; ` +
          'give the shape of one sample as inputShape, as [28, 28, 1]',
      );
    }
    run(caller, model, inputShape, orders, (x) => model.forward(x));
    const all = model as { allScores?: (x: Tensor) => unknown };
    // Classifiers that are for training alone.
    if (open().length > 0 && all.allScores) run(caller, model, inputShape, orders, (x) => all.allScores!(x));
  }
  for (const [path, module] of linear) {
    const features = given.get(path);
    if (features) orders.inputs.set(module, features);
  }
  const [unknown] = open();
  if (unknown) {
    throw new StriateError(
      `${caller}: cannot find what ${unknown[0]} (Linear) is given, as it is no result of layers alone; tell it by flattened: ` +
        `{ '${unknown[0]}': [H, W, C] }, or [F] for what was no image`,
    );
  }
  return orders;
}

function run(
  caller: string,
  model: nn.Module,
  shape: Shape,
  follower: Follower,
  work: (x: Tensor) => unknown,
): void {
  const follow: nn.Observer = (path, module, input, output) => follower.follow(path, module, input, output);
  try {
    inEval(model, () =>
      noGrad(() =>
        scope(() => {
          const x = zeros([1, ...shape]);
          follower.begin(x);
          nn.observe(model, follow, () => void work(x));
        }),
      ),
    );
  } catch (error) {
    if (error instanceof Unfollowed) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new StriateError(`${caller}: the model does not take [1, ${shape.join(', ')}]: ${what}`, {
      cause: error,
    });
  }
}

/** What cannot be followed, rather than a model that fails. */
class Unfollowed extends StriateError {}

class Follower implements Orders {
  readonly inputs = new Map<nn.Module, Features>();
  readonly outputs = new Map<nn.Module, Features>();
  #features = new Map<Tensor, Features>();
  /** Tensors of more axes that PyTorch has in the same order: vectors by place, as an embedding gives them. */
  #same = new Set<Tensor>();
  #results: { path: string; features: Features | undefined }[] = [];
  /** What layers have given, and the model is given. */
  #known = new Set<Tensor>();
  /** Linear layers that have been called, and of which nobody has said what becomes of their output. */
  #linear: string[] = [];
  readonly #caller: string;
  readonly #told: ReadonlyMap<string, Features>;

  /** @param told what becomes of the outputs of linear layers */
  constructor(caller: string, told: ReadonlyMap<string, Features>) {
    this.#caller = caller;
    this.#told = told;
  }

  begin(x: Tensor): void {
    this.#features = new Map();
    this.#same = new Set();
    this.#results = [];
    this.#known = new Set([x]);
    this.#linear = [];
    if (x.rank <= 2) this.#features.set(x, { order: null });
  }

  follow(path: string, module: nn.Module, input: Tensor, output: Tensor): void {
    // With indices it is more than a tensor.
    if (!(output instanceof Tensor)) return;
    this.#requireKnown(path, module, input);
    this.#known.add(output);
    if (module instanceof nn.Linear && output.rank === 2 && !this.#told.has(path)) this.#linear.push(path);
    const given = this.#features.get(input);
    if (given) this.#meet(this.inputs, module, given);
    else if (module instanceof nn.Linear && input.rank > 2) this.#meet(this.inputs, module, { order: null });
    if (!this.#features.has(output)) this.#give(path, module, input, output, given);
    const features = this.#features.get(output);
    if (features) this.#meet(this.outputs, module, features);
    this.#results.push({ path, features });
  }

  /** Images that no layer gave may be made of vectors, whose order would be that of PyTorch's images then. */
  #requireKnown(path: string, module: nn.Module, input: Tensor): void {
    const [maker] = this.#linear;
    if (maker === undefined || input.rank <= 2 || this.#known.has(input)) return;
    throw new Unfollowed(
      `${this.#caller}: cannot find what ${path} (${module.constructor.name}) is given, as it is no result of layers alone, and may be ` +
        `made of what ${maker} (Linear) gives; tell it by unflattened: { '${maker}': [H, W, C] }, or [F] for what becomes no image`,
    );
  }

  /** A layer with weights that is called several times must be given features in one order. */
  #meet(of: Map<nn.Module, Features>, module: nn.Module, features: Features): void {
    if (!Object.values(module).some((value) => value instanceof Tensor)) return;
    const before = of.get(module);
    if (before && before.order?.join() !== features.order?.join()) {
      throw new Unfollowed(
        `${this.#caller}: a ${module.constructor.name} is called with features in two orders`,
      );
    }
    of.set(module, features);
  }

  #give(path: string, module: nn.Module, input: Tensor, output: Tensor, given: Features | undefined): void {
    if (output.rank > 2) {
      this.#becomeImages(module, output, given);
      if (module instanceof nn.Embedding) this.#same.add(output);
      const keeps = module instanceof nn.Linear || isAny(module, featureByFeature);
      if (keeps && this.#same.has(input)) this.#same.add(output);
      return;
    }
    const features = this.#vector(path, module, input, given);
    if (features) this.#features.set(output, features);
  }

  #vector(path: string, module: nn.Module, input: Tensor, given: Features | undefined): Features | undefined {
    if (module instanceof nn.Linear)
      return this.#told.get(path) ?? this.outputs.get(module) ?? { order: null };
    if (module instanceof nn.GlobalAvgPool2d || module instanceof nn.GlobalMaxPool2d) return { order: null };
    if (module instanceof nn.Embedding) return { order: null };
    if (isAny(module, featureByFeature)) return given;
    if (module instanceof nn.Flatten || module instanceof nn.Reshape) {
      if (input.rank <= 2) return given;
      return { order: this.#same.has(input) ? null : orderOf(input.shape.slice(1)) };
    }
    // A sum of vectors that no image has become, as in a residual block, is none, either.
    const inside = this.#results.filter((result) => path === '' || result.path.startsWith(`${path}.`));
    const plain = [given, ...inside.map(({ features }) => features)].every((f) => f?.order === null);
    return inside.length > 0 && plain ? { order: null } : undefined;
  }

  /** Vectors that are taken for images have had the order of these since they were made. */
  #becomeImages(module: nn.Module, output: Tensor, given: Features | undefined): void {
    if (!given || !(module instanceof nn.Reshape)) return;
    const order = orderOf(output.shape.slice(1));
    if (given.order !== null && given.order.join() !== order?.join()) {
      throw new Unfollowed(
        `${this.#caller}: features of [${given.order.join(', ')}] are taken for [${output.shape.slice(1).join(', ')}]`,
      );
    }
    given.order = order;
  }
}
