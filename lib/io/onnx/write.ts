import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { writeFileAtomically } from '../atomicFile.js';
import { elementBytes } from './elements.js';
import {
  elementTypes,
  type Attribute,
  type Constant,
  type Graph,
  type Node,
  type OnnxModel,
  type ValueInfo,
} from './schema.js';

/** No message of protocol buffers may be longer. */
const mostBytes = 2 ** 31 - 1;

/** onnx.proto, AttributeProto.AttributeType */
const attributeTypes: Readonly<Record<Attribute['kind'], number>> = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
  strings: 8,
};

/**
 * Writes a model as a file of ONNX. It appears whole or not at all; constants are asked for their bytes one after the
 * other, as they are written.
 *
 * @throws RangeError for more than a file of protocol buffers holds, before anything is written; Error that names the file
 *   where it cannot be written
 */
export async function writeOnnx(file: string, model: OnnxModel): Promise<void> {
  const { bytes, parts } = encodeOnnx(model);
  if (bytes > mostBytes) {
    throw new RangeError(
      `${file}: the model takes ${bytes} bytes as ONNX, which holds ${mostBytes} in a file`,
    );
  }
  await writeFileAtomically(file, parts);
}

/** A message as its parts, one after the other. */
interface Parts {
  bytes: number;
  parts: Iterable<Uint8Array>;
}

/** The file's bytes (message ModelProto of onnx.proto), and how many they are. */
export function encodeOnnx(model: OnnxModel): Parts {
  const { irVersion, producer, producerVersion, opsets, graph, metadata } = model;
  const before = new BinaryWriter();
  int(before, 1, irVersion);
  text(before, 2, producer);
  if (producerVersion !== undefined) text(before, 3, producerVersion);
  const after = new BinaryWriter();
  for (const [domain, version] of opsets) {
    message(after, 8, (entry) => {
      text(entry, 1, domain);
      int(entry, 2, version);
    });
  }
  for (const [key, value] of Object.entries(metadata)) {
    message(after, 14, (entry) => {
      text(entry, 1, key);
      text(entry, 2, value);
    });
  }
  return joined([whole(before), field(7, graphParts(graph)), whole(after)]);
}

function graphParts({ name, nodes, constants, inputs, outputs }: Graph): Parts {
  const before = new BinaryWriter();
  for (const one of nodes) message(before, 1, (writer) => node(writer, one));
  text(before, 2, name);
  const after = new BinaryWriter();
  for (const one of inputs) message(after, 11, (writer) => valueInfo(writer, one));
  for (const one of outputs) message(after, 12, (writer) => valueInfo(writer, one));
  return joined([whole(before), ...constants.map((one) => field(5, constantParts(one))), whole(after)]);
}

function node(writer: BinaryWriter, { name, operation, domain, inputs, outputs, attributes }: Node): void {
  for (const input of inputs) text(writer, 1, input);
  for (const output of outputs) text(writer, 2, output);
  text(writer, 3, name);
  text(writer, 4, operation);
  for (const [key, value] of attributes) {
    message(writer, 5, (inner) => {
      text(inner, 1, key);
      attribute(inner, value);
      int(inner, 20, attributeTypes[value.kind]);
    });
  }
  if (domain !== '') text(writer, 7, domain);
}

function attribute(writer: BinaryWriter, { kind, value }: Attribute): void {
  switch (kind) {
    case 'float':
      writer.tag(2, WireType.Bit32).float(Math.fround(value));
      break;
    case 'int':
      int(writer, 3, value);
      break;
    case 'string':
      text(writer, 4, value);
      break;
    case 'tensor': {
      const { bytes, parts } = constantParts(value);
      writer.tag(5, WireType.LengthDelimited).uint32(bytes);
      for (const part of parts) writer.raw(part);
      break;
    }
    case 'floats':
      for (const one of value) writer.tag(7, WireType.Bit32).float(Math.fround(one));
      break;
    case 'ints':
      for (const one of value) int(writer, 8, one);
      break;
    case 'strings':
      for (const one of value) text(writer, 9, one);
      break;
  }
}

function valueInfo(writer: BinaryWriter, { name, type, shape }: ValueInfo): void {
  text(writer, 1, name);
  message(writer, 2, (ofType) =>
    message(ofType, 1, (tensor) => {
      int(tensor, 1, elementTypes[type]);
      if (!shape) return;
      message(tensor, 2, (axes) => {
        for (const extent of shape) {
          message(axes, 1, (axis) => {
            if (typeof extent === 'number') int(axis, 1, extent);
            else if (extent !== undefined) text(axis, 2, extent);
          });
        }
      });
    }),
  );
}

function constantParts(constant: Constant): Parts {
  const { name, type, shape } = constant;
  const bytes = shape.reduce((n, extent) => n * extent, elementBytes[type]);
  const head = new BinaryWriter();
  message(head, 1, (dims) => {
    for (const extent of shape) dims.int64(extent);
  });
  int(head, 2, elementTypes[type]);
  if (name !== '') text(head, 8, name);
  return joined([whole(head), field(9, { bytes, parts: bytesOf(constant, bytes) })]);
}

/** Asked for when they are written. */
function* bytesOf(constant: Constant, wanted: number): Generator<Uint8Array> {
  const { bytes } = constant;
  if (bytes.length !== wanted) {
    const { name, type, shape } = constant;
    throw new RangeError(
      `${name}: has ${bytes.length} bytes, ${type} of shape [${shape.join(', ')}] takes ${wanted}`,
    );
  }
  yield bytes;
}

function int(writer: BinaryWriter, number: number, value: number): void {
  writer.tag(number, WireType.Varint).int64(value);
}

function text(writer: BinaryWriter, number: number, value: string): void {
  writer.tag(number, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, number: number, fill: (writer: BinaryWriter) => void): void {
  writer.tag(number, WireType.LengthDelimited).fork();
  fill(writer);
  writer.join();
}

function whole(writer: BinaryWriter): Parts {
  const bytes = writer.finish();
  return { bytes: bytes.length, parts: [bytes] };
}

/** A message inside another, before which its length is. */
function field(number: number, { bytes, parts }: Parts): Parts {
  const head = new BinaryWriter().tag(number, WireType.LengthDelimited);
  // A longer one is refused as a whole.
  head.uint32(Math.min(bytes, mostBytes));
  return joined([whole(head), { bytes, parts }]);
}

function joined(list: readonly Parts[]): Parts {
  return {
    bytes: list.reduce((n, { bytes }) => n + bytes, 0),
    parts: (function* () {
      for (const { parts } of list) yield* parts;
    })(),
  };
}
