// Small models, as bytes of a file.
import { readFileSync } from 'node:fs';
import type {
  Attribute,
  Constant,
  ElementType,
  Node,
  OnnxModel,
  ValueInfo,
} from '../../../lib/io/onnx/schema.js';
import { encodeOnnx } from '../../../lib/io/onnx/write.js';
import { noise, volume } from '../../check.js';

/** A file's bytes. */
export function bytesOf(model: OnnxModel): Uint8Array {
  return Buffer.concat([...encodeOnnx(model).parts]);
}

/** A constant of f32. */
export function weight(
  name: string,
  shape: readonly number[],
  values: ArrayLike<number> = noise(volume(shape)),
): Constant {
  return { name, type: 'float32', shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** A constant of whole numbers. */
export function whole(
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Constant {
  return { name, type: 'int64', shape, bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

export function info(name: string, shape: ValueInfo['shape'], type: ElementType = 'float32'): ValueInfo {
  return { name, type, shape };
}

/** A node; attributes are numbers, lists of whole numbers and strings. */
export function node(
  operation: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, number | readonly number[] | string | Attribute>> = {},
): Node {
  const attribute = (value: number | readonly number[] | string | Attribute): Attribute => {
    if (typeof value === 'string') return { kind: 'string', value };
    if (typeof value === 'number') return { kind: Number.isInteger(value) ? 'int' : 'float', value };
    return 'kind' in value ? value : { kind: 'ints', value };
  };
  const all = Object.entries(attributes).map(([name, value]) => [name, attribute(value)] as const);
  return { name: '', operation, domain: '', inputs, outputs, attributes: new Map(all) };
}

export function model(
  nodes: readonly Node[],
  constants: readonly Constant[],
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  opset = 17,
): OnnxModel {
  return {
    irVersion: 8,
    producer: 'test',
    opsets: new Map([['', opset]]),
    graph: { name: 'g', nodes, constants, inputs, outputs },
    metadata: {},
  };
}

const fixtures = new URL('../../fixtures/onnx/', import.meta.url);

/** A network that PyTorch wrote: its file, and an input [N, …, C] with the output that PyTorch computes. */
export function fixture(name: string): { bytes: Uint8Array; shape: number[]; x: number[]; y: number[] } {
  const data = JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), 'utf8')) as {
    shape: number[];
    x: number[];
    y: number[];
  };
  return { bytes: readFileSync(new URL(`${name}.onnx`, fixtures)), ...data };
}
