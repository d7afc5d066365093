// Runs files of ONNX by ONNX Runtime, on channels-last arrays.
import { createRequire } from 'node:module';
import type { Shape, TypedArray } from '../../lib/tensor.js';
import { volume } from '../check.js';

interface OrtTensor {
  data: Float32Array | Int32Array;
  dims: readonly number[];
}

interface Session {
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
  inputNames: readonly string[];
  outputNames: readonly string[];
}

interface Ort {
  InferenceSession: { create(file: string, options: object): Promise<Session> };
  Tensor: new (type: string, data: TypedArray, dims: readonly number[]) => OrtTensor;
}

const ort = createRequire(import.meta.url)(process.env['STRIATE_ONNXRUNTIME']!) as Ort;

/** The elements with the last axis after the first, or the other way round. */
function moved<T extends TypedArray>(data: T, shape: Shape, from: number, to: number): [T, number[]] {
  const order = shape.map((_, axis) => axis);
  order.splice(to, 0, ...order.splice(from, 1));
  const strides = shape.map((_, axis) => volume(shape.slice(axis + 1)));
  const extents = order.map((axis) => shape[axis]!);
  const result = data.slice() as T;
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    let at = 0;
    for (let axis = order.length - 1; axis >= 0; axis--) {
      at += (rest % extents[axis]!) * strides[order[axis]!]!;
      rest = Math.floor(rest / extents[axis]!);
    }
    result[i] = data[at]!;
  }
  return [result, extents];
}

/** Whether ONNX has the axes of such a tensor in another order. */
const isImage = (shape: Shape): boolean => shape.length > 2;

export interface Result {
  data: Float32Array | Int32Array;
  shape: readonly number[];
}

export class OnnxFile implements AsyncDisposable {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async open(file: string): Promise<OnnxFile> {
    return new OnnxFile(
      await ort.InferenceSession.create(file, { intraOpNumThreads: 2, logSeverityLevel: 3 }),
    );
  }

  async run(data: TypedArray, shape: Shape): Promise<Result> {
    const [given, extents] = isImage(shape) ? moved(data, shape, shape.length - 1, 1) : [data, shape];
    const [inputName] = this.#session.inputNames;
    const type = data instanceof Int32Array ? 'int32' : 'float32';
    const results = await this.#session.run({ [inputName!]: new ort.Tensor(type, given, extents) });
    const { data: out, dims } = results[this.#session.outputNames[0]!]!;
    if (!isImage(dims)) return { data: out, shape: dims };
    const [back, outShape] = moved(out, dims, 1, dims.length - 1);
    return { data: back, shape: outShape };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}
