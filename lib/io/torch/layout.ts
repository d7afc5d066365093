import * as nn from '../../nn/index.js';
import { reshape, transpose } from '../../ops/movement.js';
import { scope, StriateError, type DType, type Shape, type Tensor } from '../../tensor.js';
import { copyOf } from '../safetensors.js';
import { findOrders, type OrderOptions, type Orders } from './order.js';

/** How PyTorch has a tensor of a model. */
export interface TorchTensor {
  /** In the model, as in its state dict. */
  readonly name: string;
  /** In PyTorch's. */
  readonly torchName: string;
  readonly tensor: Tensor<DType>;
  /** In PyTorch. */
  readonly shape: Shape;
  /** PyTorch's axes taken apart where an axis stands for several, and those of the model among them. */
  readonly parts: Shape;
  readonly axes: readonly number[];
}

export interface TorchOptions extends OrderOptions {
  /** The name that PyTorch has for a tensor of the model. Default: that with `_` before each capital letter, in lower case. */
  names?: ((name: string) => string) | undefined;
}

/** runningMean is running_mean. */
export function torchName(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * All tensors of a model, as PyTorch has them.
 *
 * @throws StriateError where the layout of a tensor cannot be told
 */
export function torchTensors(caller: string, model: nn.Module, options: TorchOptions): TorchTensor[] {
  const { names = torchName } = options;
  const orders = findOrders(caller, model, options);
  const state = new Map(Array.from(model.stateDict(), ([name, tensor]) => [tensor, name]));
  const found: TorchTensor[] = [];
  for (const [, module] of model.modules()) {
    for (const [field, value] of Object.entries(module) as [string, unknown][]) {
      const name = state.get(value as Tensor);
      if (name === undefined) continue;
      state.delete(value as Tensor);
      const tensor = value as Tensor<DType>;
      const layout = layoutOf(module, field, tensor.shape, orders);
      if (!layout) {
        throw new StriateError(
          `${caller}: ${name} [${tensor.shape.join(', ')}] is of a ${module.constructor.name}, whose layout in PyTorch is not known`,
        );
      }
      found.push({ name, torchName: names(name), tensor, ...layout });
    }
  }
  const [left] = state.values();
  if (left !== undefined) throw new StriateError(`${caller}: ${left} is in no field of a module`);
  return found;
}

/** The tensor in the model's layout, of PyTorch's. */
export function fromTorch(given: Tensor<DType>, { parts, axes, tensor }: TorchTensor): Tensor<DType> {
  return scope(() => reshape(moved(reshape(given, parts), axes), tensor.shape));
}

/** The reverse, as a tensor of its own. */
export function toTorch({ tensor, parts, axes, shape }: TorchTensor): Tensor<DType> {
  if (inOrder(axes)) return copyOf(tensor);
  const inverse = axes.map((_, i) => axes.indexOf(i));
  const own = axes.map((axis) => parts[axis]!);
  return scope(() => reshape(moved(reshape(tensor.detach(), own), inverse), shape));
}

function moved(x: Tensor<DType>, axes: readonly number[]): Tensor<DType> {
  return inOrder(axes) ? x : transpose(x, axes);
}

function inOrder(axes: readonly number[]): boolean {
  return axes.every((axis, i) => axis === i);
}

type Layout = Pick<TorchTensor, 'shape' | 'parts' | 'axes'>;

function layoutOf(module: nn.Module, field: string, shape: Shape, orders: Orders): Layout | null {
  const [given, made] = [orders.inputs.get(module)?.order, orders.outputs.get(module)?.order];
  if (module instanceof nn.Linear) {
    const [inputs = 1, outputs = 1] = shape;
    if (field === 'weight') return matrix(given ?? [inputs], made ?? [outputs]);
    return shape.length === 1 ? vector(made ?? shape) : null;
  }
  if (shape.length > 1) return kernel(module, field, shape);
  if (!given || shape[0] !== given.reduce((n, extent) => n * extent, 1)) return vector(shape);
  const featureWise = [nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.PReLU];
  return featureWise.some((kind) => module instanceof kind) ? vector(given) : null;
}

/** Kernels: PyTorch has the channels first, those of the output before those of the input. */
function kernel(module: nn.Module, field: string, shape: Shape): Layout | null {
  const axes = shape.map((_, axis) => axis);
  if (module instanceof nn.Embedding) return { shape, parts: shape, axes };
  const images = module instanceof nn.Conv2d || module instanceof nn.ConvTranspose2d;
  const sequences = module instanceof nn.Conv1d || module instanceof nn.ConvTranspose1d;
  if (field !== 'weight' || shape.length !== (images ? 4 : sequences ? 3 : 0)) return null;
  const torch = [...shape.slice(-2).reverse(), ...shape.slice(0, -2)];
  return { shape: torch, parts: torch, axes: [...axes.slice(2), 1, 0] };
}

/** Features in the order [...places, C], which PyTorch has as [C, ...places]. */
function channelsFirst(order: Shape): Shape {
  return [order.at(-1)!, ...order.slice(0, -1)];
}

const sizeOf = (shape: Shape): number => shape.reduce((n, extent) => n * extent, 1);

/** Where the axes of `order` are among PyTorch's, from the `from`-th on. */
function places(order: Shape, from: number): number[] {
  return order.map((_, i) => from + ((i + 1) % order.length));
}

function vector(order: Shape): Layout {
  if (order.length === 0) return { shape: order, parts: order, axes: [] };
  return { shape: [sizeOf(order)], parts: channelsFirst(order), axes: places(order, 0) };
}

/** A linear layer's weight: [in, out] here, [out, in] there. */
function matrix(inputs: Shape, outputs: Shape): Layout {
  return {
    shape: [sizeOf(outputs), sizeOf(inputs)],
    parts: [...channelsFirst(outputs), ...channelsFirst(inputs)],
    axes: [...places(inputs, outputs.length), ...places(outputs, 0)],
  };
}
