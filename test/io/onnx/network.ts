// Networks made of nodes without a file, for the tests of operators.
import { expect } from 'vitest';
import { buildNetwork } from '../../../lib/io/onnx/import/build.js';
import { OnnxModule } from '../../../lib/io/onnx/import/module.js';
import type { Attribute, Constant, ElementType, Node } from '../../../lib/io/onnx/schema.js';
import { transpose } from '../../../lib/ops/movement.js';
import type { DType, Tensor } from '../../../lib/tensor.js';
import { volume } from '../../check.js';

export interface NodeOf {
  operation: string;
  inputs: readonly string[];
  /** Default: 'y'. */
  outputs?: readonly string[];
  attributes?: Readonly<Record<string, Attribute>>;
}

export interface NetworkOf {
  nodes: readonly NodeOf[];
  /** Names to shapes; all float32 unless `types` says otherwise. */
  inputs: Readonly<Record<string, readonly (number | string | undefined)[]>>;
  types?: Readonly<Record<string, ElementType>>;
  constants?: readonly Constant[];
  /** Default: 'y'. */
  outputs?: readonly string[];
  /** Default: 18. */
  opset?: number;
}

export const int = (value: number): Attribute => ({ kind: 'int', value });
export const float = (value: number): Attribute => ({ kind: 'float', value });
export const ints = (...value: number[]): Attribute => ({ kind: 'ints', value });
export const text = (value: string): Attribute => ({ kind: 'string', value });

export function floats(name: string, shape: readonly number[], values: ArrayLike<number>): Constant {
  return { name, type: 'float32', shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

export function longs(name: string, values: readonly number[], shape = [values.length]): Constant {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, type: 'int64', shape, bytes };
}

export function network({
  nodes,
  inputs,
  types = {},
  constants = [],
  outputs = ['y'],
  opset = 18,
}: NetworkOf): OnnxModule {
  const graph = {
    name: 'test',
    constants,
    nodes: nodes.map(({ operation, inputs: from, outputs: to = ['y'], attributes = {} }): Node => ({
      name: '',
      operation,
      domain: '',
      inputs: from,
      outputs: to,
      attributes: new Map(Object.entries(attributes)),
    })),
    inputs: Object.entries(inputs).map(([name, shape]) => ({ name, type: types[name] ?? 'float32', shape })),
    outputs: outputs.map((name) => ({ name, type: 'float32' as const, shape: undefined })),
  };
  const model = { irVersion: 8, producer: 'test', opsets: new Map([['', opset]]), graph, metadata: {} };
  return new OnnxModule(buildNetwork(model)).eval();
}

/** A convolution that changes nothing: what comes out of it is laid out channels last. */
export function unchanged(channels: number, from: string, to: string): { node: NodeOf; weight: Constant } {
  const identity = Float32Array.from({ length: channels * channels }, (_, i) =>
    Number(i % (channels + 1) === 0),
  );
  return {
    node: { operation: 'Conv', inputs: [from, `${to} weight`], outputs: [to] },
    weight: floats(`${to} weight`, [channels, channels, 1, 1], identity),
  };
}

/** A tensor's axes as the file has them, or the other way round where `back`. */
export function permuted(x: Tensor<DType>, layout: string, back = false): Tensor<DType> {
  if (layout !== 'channelsLast') return x;
  const inner = Array.from({ length: x.rank - 2 }, (_, i) => i);
  return transpose(
    x,
    back ? [0, ...inner.map((i) => i + 2), 1] : [0, x.rank - 1, ...inner.map((i) => i + 1)],
  );
}

/** What a network gives, as the file has it, for one input as the file has it. */
export function outputsFor(model: OnnxModule, x: Tensor): Tensor<DType>[] {
  const [input] = model.inputs;
  const results = model.run({ [input!.name]: permuted(x, input!.layout, true) });
  return model.outputs.map(({ name, layout }) => permuted(results[name]!, layout));
}

export interface Reference {
  shape: readonly number[];
  data: ArrayLike<number>;
}

/** Expects a tensor to be as the reference. */
export async function expectReference(
  y: Tensor<DType>,
  { shape, data }: Reference,
  tolerance = 2e-6,
): Promise<void> {
  expect(y.shape).toEqual(shape);
  const given = await y.data();
  expect(given).toHaveLength(volume(shape));
  given.forEach((value, i) => {
    const goal = data[i]!;
    const near =
      Object.is(value, goal) || value === goal || Math.abs(value - goal) <= tolerance * (1 + Math.abs(goal));
    if (!near) expect.fail(`element ${i} of [${shape.join(', ')}] is ${value}, wants ${goal}`);
  });
}
