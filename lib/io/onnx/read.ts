import { WireType, type BinaryReader } from '@bufbuild/protobuf/wire';
import type { Attribute, Constant, Graph, Node, OnnxModel, ValueInfo } from './schema.js';
import { readTensor } from './readTensor.js';
import { sorted } from './sort.js';
import { eachField, integer, integers, quoted, text } from './wire.js';
import { elementTypeOf } from './elements.js';

/**
 * Reads what a file of ONNX holds. Nothing in it is trusted: sizes, counts and names are checked before anything is made
 * of them, and constants share the memory of `bytes`.
 *
 * @throws Error where the file is cut short or damaged, breaks a rule of the format, or has what is not supported:
 *   subgraphs, data in other files, sparse tensors, strings and other types of elements
 */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  let irVersion = 0;
  let producer = '';
  let graph: Graph | null = null;
  const opsets = new Map<string, number>();
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  eachField('the model', bytes, (field, wire, reader) => {
    switch (field) {
      case 1:
        irVersion = integer('ir_version', wire, reader);
        return true;
      case 2:
        producer = text('producer_name', wire, reader);
        return true;
      case 7:
        if (graph) throw new Error('the graph is given twice');
        graph = readGraph(message('graph', wire, reader));
        return true;
      case 8: {
        const [domain, version] = readOpset(message('opset_import', wire, reader));
        if (opsets.has(domain)) throw new Error(`the opset of domain ${quoted(domain)} is given twice`);
        opsets.set(domain, version);
        return true;
      }
      case 14: {
        const [key, value] = readEntry(message('metadata_props', wire, reader));
        metadata[key] = value;
        return true;
      }
      default:
        return false;
    }
  });
  if (!graph) throw new Error('there is no graph: not a file of ONNX');
  if (irVersion < 1) throw new Error(`ir_version is ${irVersion}, wants 1 or more`);
  if (opsets.size === 0) throw new Error('no opset is named: not a file of ONNX');
  return { irVersion, producer, opsets, graph, metadata };
}

function message(what: string, wire: WireType, reader: BinaryReader): Uint8Array {
  if (wire !== WireType.LengthDelimited) throw new Error(`${what} has wire type ${wire}, wants 2`);
  return reader.bytes();
}

function readOpset(bytes: Uint8Array): [domain: string, version: number] {
  let domain = '';
  let version = 0;
  eachField('an opset', bytes, (field, wire, reader) => {
    if (field === 1) domain = text('the domain of an opset', wire, reader);
    else if (field === 2) version = integer('the version of an opset', wire, reader);
    else return false;
    return true;
  });
  return [domain === 'ai.onnx' ? '' : domain, version];
}

function readEntry(bytes: Uint8Array): [key: string, value: string] {
  let [key, value] = ['', ''];
  eachField('metadata', bytes, (field, wire, reader) => {
    if (field === 1) key = text('a key of metadata', wire, reader);
    else if (field === 2) value = text('a value of metadata', wire, reader);
    else return false;
    return true;
  });
  return [key, value];
}

function readGraph(bytes: Uint8Array): Graph {
  let name = '';
  const nodes: Node[] = [];
  const constants: Constant[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  eachField('the graph', bytes, (field, wire, reader) => {
    switch (field) {
      case 1:
        nodes.push(readNode(message('a node', wire, reader), nodes.length));
        return true;
      case 2:
        name = text('the name of the graph', wire, reader);
        return true;
      case 5:
        constants.push(
          readTensor(message('an initializer', wire, reader), `initializer ${constants.length}`),
        );
        return true;
      case 11:
        inputs.push(readValueInfo(message('an input', wire, reader), `input ${inputs.length}`));
        return true;
      case 12:
        outputs.push(readValueInfo(message('an output', wire, reader), `output ${outputs.length}`));
        return true;
      case 15:
        throw new Error('an initializer is sparse, which is not supported');
      default:
        return false;
    }
  });
  const constant = new Set(constants.map((one) => one.name));
  return sorted({
    name,
    nodes,
    constants,
    // Before version 4 of the format, initializers stand among the inputs as well.
    inputs: inputs.filter((input) => !constant.has(input.name)),
    outputs,
  });
}

function readNode(bytes: Uint8Array, place: number): Node {
  let [name, operation, domain] = ['', '', ''];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  const what = `node ${place}`;
  eachField(what, bytes, (field, wire, reader) => {
    switch (field) {
      case 1:
        inputs.push(text(`an input of ${what}`, wire, reader));
        return true;
      case 2:
        outputs.push(text(`an output of ${what}`, wire, reader));
        return true;
      case 3:
        name = text(`the name of ${what}`, wire, reader);
        return true;
      case 4:
        operation = text(`op_type of ${what}`, wire, reader);
        return true;
      case 5: {
        const [key, attribute] = readAttribute(message(`an attribute of ${what}`, wire, reader), what);
        if (attributes.has(key)) throw new Error(`${what} has the attribute ${quoted(key)} twice`);
        attributes.set(key, attribute);
        return true;
      }
      case 7:
        domain = text(`the domain of ${what}`, wire, reader);
        return true;
      default:
        return false;
    }
  });
  if (operation === '') throw new Error(`${what} has no op_type`);
  return { name, operation, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

/** By number of AttributeProto.AttributeType. */
const kinds = new Map<number, Attribute['kind']>([
  [1, 'float'],
  [2, 'int'],
  [3, 'string'],
  [4, 'tensor'],
  [6, 'floats'],
  [7, 'ints'],
  [8, 'strings'],
]);

function readAttribute(bytes: Uint8Array, node: string): [name: string, attribute: Attribute] {
  let name = '';
  let type = 0;
  let float = 0;
  let int = 0;
  let string = '';
  let tensor: Constant | null = null;
  let unsupported = '';
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  const seen = new Set<Attribute['kind']>();
  const what = `an attribute of ${node}`;
  eachField(what, bytes, (field, wire, reader) => {
    switch (field) {
      case 1:
        name = text(`the name of ${what}`, wire, reader);
        return true;
      case 2:
        if (wire !== WireType.Bit32) throw new Error(`${what} has wire type ${wire}, wants 5`);
        float = reader.float();
        seen.add('float');
        return true;
      case 3:
        int = integer(what, wire, reader);
        seen.add('int');
        return true;
      case 4:
        string = text(what, wire, reader);
        seen.add('string');
        return true;
      case 5:
        tensor = readTensor(message(what, wire, reader), what);
        seen.add('tensor');
        return true;
      case 6:
      case 11:
        unsupported = 'a subgraph';
        return false;
      case 7:
        readFloats(what, wire, reader, floats);
        seen.add('floats');
        return true;
      case 8:
        integers(what, wire, reader, ints);
        seen.add('ints');
        return true;
      case 9:
        strings.push(text(what, wire, reader));
        seen.add('strings');
        return true;
      case 10:
        unsupported = 'a list of tensors';
        return false;
      case 14:
      case 15:
        unsupported = 'a type';
        return false;
      case 20:
        type = integer(`the type of ${what}`, wire, reader);
        return true;
      case 21:
        throw new Error(`${what} refers to that of a function, which is not supported`);
      case 22:
      case 23:
        unsupported = 'a sparse tensor';
        return false;
      default:
        return false;
    }
  });
  if (unsupported !== '') {
    throw new Error(`attribute ${quoted(name)} of ${node} is ${unsupported}, which is not supported`);
  }
  const [only] = seen;
  // Files of the first versions name no type; an empty list has no field.
  const kind = type === 0 && seen.size === 1 ? only : kinds.get(type);
  if (kind === undefined) {
    throw new Error(`attribute ${quoted(name)} of ${node} has type ${type}, which is not supported`);
  }
  if (kind === 'tensor') {
    if (!tensor) throw new Error(`attribute ${quoted(name)} of ${node} has no tensor`);
    return [name, { kind, value: tensor }];
  }
  const value = { float, int, string, floats, ints, strings }[kind];
  return [name, { kind, value } as Attribute];
}

function readFloats(what: string, wire: WireType, reader: BinaryReader, all: number[]): void {
  if (wire === WireType.Bit32) {
    all.push(reader.float());
    return;
  }
  const bytes = message(what, wire, reader);
  if (bytes.length % 4 !== 0) throw new Error(`${what} has ${bytes.length} bytes, wants floats of 4`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 4) all.push(view.getFloat32(at, true));
}

function readValueInfo(bytes: Uint8Array, what: string): ValueInfo {
  let name = '';
  let type: Uint8Array | null = null;
  eachField(what, bytes, (field, wire, reader) => {
    if (field === 1) name = text(`the name of ${what}`, wire, reader);
    else if (field === 2) type = message(`the type of ${what}`, wire, reader);
    else return false;
    return true;
  });
  if (name === '') throw new Error(`${what} has no name`);
  const label = `${what.split(' ')[0]!} ${quoted(name)}`;
  let element = 0;
  let shape: (number | string | undefined)[] | undefined;
  let isTensor = false;
  eachField(`the type of ${label}`, type ?? new Uint8Array(), (field, wire, reader) => {
    if (field !== 1) return false;
    isTensor = true;
    eachField(`the type of ${label}`, message(label, wire, reader), (inner, innerWire, innerReader) => {
      if (inner === 1) element = integer(`the element type of ${label}`, innerWire, innerReader);
      else if (inner === 2) shape = readShape(message(label, innerWire, innerReader), label);
      else return false;
      return true;
    });
    return true;
  });
  if (!isTensor) throw new Error(`${label} is no tensor, which is not supported`);
  return { name, type: elementTypeOf(label, element), shape };
}

function readShape(bytes: Uint8Array, label: string): (number | string | undefined)[] {
  const shape: (number | string | undefined)[] = [];
  eachField(`the shape of ${label}`, bytes, (field, wire, reader) => {
    if (field !== 1) return false;
    let extent: number | string | undefined;
    eachField(`an extent of ${label}`, message(label, wire, reader), (inner, innerWire, innerReader) => {
      if (inner === 1) extent = integer(`an extent of ${label}`, innerWire, innerReader);
      else if (inner === 2) extent = text(`an extent of ${label}`, innerWire, innerReader) || undefined;
      else return false;
      return true;
    });
    // Some exporters write −1 or 0 for what is not known.
    if (typeof extent === 'number' && extent < 0) extent = undefined;
    if (typeof extent === 'number' && extent >= 2 ** 31) throw new Error(`${label} has the extent ${extent}`);
    shape.push(extent);
    return true;
  });
  return shape;
}
