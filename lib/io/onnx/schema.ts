/** The element types of ONNX that are read and written, by their numbers in the file (onnx.proto, TensorProto.DataType). */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const;

export type ElementType = keyof typeof elementTypes;

/** A constant tensor: dense and row-major, in ONNX's layout, as the little-endian bytes of its elements. */
export interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** What goes into a graph or comes out of it. An extent may have a name instead of a number, or be unknown. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  /** Undefined is an unknown number of axes. */
  readonly shape: readonly (number | string | undefined)[] | undefined;
}

export type Attribute =
  | { readonly kind: 'int' | 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Constant }
  | { readonly kind: 'ints' | 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] };

/** An operation. An empty name among the inputs or outputs stands for one that is left out. */
export interface Node {
  readonly name: string;
  readonly operation: string;
  /** '' is ONNX's own. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** A graph: each name is given a value once, by an input, a constant or a node, and nodes come after what they use. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** What a file of ONNX holds (Open Neural Network Exchange, onnx/onnx.proto3). */
export interface OnnxModel {
  /** Of the file format. */
  readonly irVersion: number;
  readonly producer: string;
  readonly producerVersion?: string;
  /** Versions of sets of operators by domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: Graph;
  readonly metadata: Readonly<Record<string, string>>;
}
