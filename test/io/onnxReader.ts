// Reads files of ONNX by a library that shares nothing with what writes them, by the field numbers of onnx.proto.
import { readFile } from 'node:fs/promises';
import { PbfReader } from 'pbf';

export interface ReadTensor {
  dims: number[];
  type: number;
  raw: Uint8Array;
}

export interface ReadNode {
  name: string;
  operation: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, unknown>;
}

interface ReadValue {
  name: string;
  type: number;
  shape: (number | string | undefined)[];
}

export interface ReadModel {
  irVersion: number;
  producer: string;
  producerVersion: string;
  opsets: Record<string, number>;
  metadata: Record<string, string>;
  graphName: string;
  nodes: ReadNode[];
  tensors: Record<string, ReadTensor>;
  inputs: ReadValue[];
  outputs: ReadValue[];
}

type Fields<T> = Record<number, (result: T, pbf: PbfReader) => void>;

/** A reader of a message, that knows all of its fields. */
function reader<T>(message: string, fields: Fields<T>) {
  return (tag: number, result: T, pbf: PbfReader): void => {
    const read = fields[tag];
    if (!read) throw new Error(`${message} has a field ${tag}`);
    read(result, pbf);
  };
}

interface Entry {
  key: string;
  value: unknown;
  kind?: number;
}

const tensor = reader<ReadTensor & { name: string }>('TensorProto', {
  1: (t, pbf) => (t.dims = pbf.readPackedVarint([], true)),
  2: (t, pbf) => (t.type = pbf.readVarint()),
  8: (t, pbf) => (t.name = pbf.readString()),
  9: (t, pbf) => (t.raw = pbf.readBytes()),
});

const emptyTensor = () => ({ dims: [], type: 0, raw: new Uint8Array(), name: '' });

const attribute = reader<Entry>('AttributeProto', {
  1: (a, pbf) => (a.key = pbf.readString()),
  2: (a, pbf) => (a.value = pbf.readFloat()),
  3: (a, pbf) => (a.value = pbf.readVarint(true)),
  4: (a, pbf) => (a.value = pbf.readString()),
  5: (a, pbf) => (a.value = pbf.readMessage(tensor, emptyTensor())),
  7: (a, pbf) => (a.value = [...((a.value as number[] | undefined) ?? []), pbf.readFloat()]),
  8: (a, pbf) => (a.value = [...((a.value as number[] | undefined) ?? []), pbf.readVarint(true)]),
  9: (a, pbf) => (a.value = [...((a.value as string[] | undefined) ?? []), pbf.readString()]),
  20: (a, pbf) => (a.kind = pbf.readVarint()),
});

const node = reader<ReadNode>('NodeProto', {
  1: (n, pbf) => n.inputs.push(pbf.readString()),
  2: (n, pbf) => n.outputs.push(pbf.readString()),
  3: (n, pbf) => (n.name = pbf.readString()),
  4: (n, pbf) => (n.operation = pbf.readString()),
  5: (n, pbf) => {
    const { key, value, kind } = pbf.readMessage<Entry>(attribute, { key: '', value: undefined });
    if (kind === undefined) throw new Error(`attribute ${key} has no type`);
    n.attributes[key] = value;
  },
});

const axis = reader<{ extent: number | string | undefined }>('Dimension', {
  1: (a, pbf) => (a.extent = pbf.readVarint(true)),
  2: (a, pbf) => (a.extent = pbf.readString()),
});
const shape = reader<ReadValue>('TensorShapeProto', {
  1: (v, pbf) =>
    v.shape.push(pbf.readMessage(axis, { extent: undefined as number | string | undefined }).extent),
});
const tensorType = reader<ReadValue>('TypeProto.Tensor', {
  1: (v, pbf) => (v.type = pbf.readVarint()),
  2: (v, pbf) => pbf.readMessage(shape, v),
});
const type = reader<ReadValue>('TypeProto', { 1: (v, pbf) => pbf.readMessage(tensorType, v) });
const value = reader<ReadValue>('ValueInfoProto', {
  1: (v, pbf) => (v.name = pbf.readString()),
  2: (v, pbf) => pbf.readMessage(type, v),
});

const graph = reader<ReadModel>('GraphProto', {
  1: (m, pbf) =>
    m.nodes.push(
      pbf.readMessage<ReadNode>(node, { name: '', operation: '', inputs: [], outputs: [], attributes: {} }),
    ),
  2: (m, pbf) => (m.graphName = pbf.readString()),
  5: (m, pbf) => {
    const { name, ...rest } = pbf.readMessage(tensor, emptyTensor());
    if (m.tensors[name]) throw new Error(`${name} is there twice`);
    m.tensors[name] = rest;
  },
  11: (m, pbf) => m.inputs.push(pbf.readMessage<ReadValue>(value, { name: '', type: 0, shape: [] })),
  12: (m, pbf) => m.outputs.push(pbf.readMessage<ReadValue>(value, { name: '', type: 0, shape: [] })),
});

const opset = reader<Entry>('OperatorSetIdProto', {
  1: (e, pbf) => (e.key = pbf.readString()),
  2: (e, pbf) => (e.value = pbf.readVarint()),
});
const entry = reader<Entry>('StringStringEntryProto', {
  1: (e, pbf) => (e.key = pbf.readString()),
  2: (e, pbf) => (e.value = pbf.readString()),
});

const model = reader<ReadModel>('ModelProto', {
  1: (m, pbf) => (m.irVersion = pbf.readVarint()),
  2: (m, pbf) => (m.producer = pbf.readString()),
  3: (m, pbf) => (m.producerVersion = pbf.readString()),
  7: (m, pbf) => pbf.readMessage(graph, m),
  8: (m, pbf) => {
    const { key, value: version } = pbf.readMessage<Entry>(opset, { key: '', value: 0 });
    m.opsets[key] = version as number;
  },
  14: (m, pbf) => {
    const { key, value: text } = pbf.readMessage<Entry>(entry, { key: '', value: '' });
    m.metadata[key] = text as string;
  },
});

export function decodeModel(bytes: Uint8Array): ReadModel {
  return new PbfReader(bytes).readFields<ReadModel>(model, {
    ...{ irVersion: 0, producer: '', producerVersion: '', opsets: {}, metadata: {}, graphName: '' },
    ...{ nodes: [], tensors: {}, inputs: [], outputs: [] },
  });
}

export async function readModel(file: string): Promise<ReadModel> {
  return decodeModel(await readFile(file));
}

export function floatsOf({ raw }: ReadTensor): Float32Array {
  return new Float32Array(new Uint8Array(raw).buffer);
}

export function integersOf({ raw }: ReadTensor): number[] {
  return Array.from(new BigInt64Array(new Uint8Array(raw).buffer), Number);
}
