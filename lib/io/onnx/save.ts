import { describe } from '../../describe.js';
import { Module } from '../../nn/module.js';
import { version } from '../../package.js';
import type { DType, Shape } from '../../tensor.js';
import { trace } from './trace.js';

export interface SaveOnnxOptions {
  /**
   * The shape of one sample, without the batch: [H, W, C] for images. Default: the model's own inputShape, which the
   * networks of `models` have.
   */
  inputShape?: Shape | undefined;
  /** Of what dtype samples are; 'i32' for a model that begins with an embedding. Default: 'f32'. */
  dtype?: DType | undefined;
  /** The version of ONNX's operators, 17 to 21. Default: 17. */
  opset?: number | undefined;
  /** Default: 'input'. */
  inputName?: string | undefined;
  /** Default: 'output'. */
  outputName?: string | undefined;
  /** What is noted beside the graph, by name (metadata_props). Default: nothing. */
  metadata?: Readonly<Record<string, string>> | undefined;
}

/** Versions of the file format by the first version of operators that it came with. */
const irVersions = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 };

/**
 * Writes what a model computes in use as a file of ONNX, for ONNX Runtime and others. Batch norms are folded into the
 * layers before them, dropouts are gone; the number of samples is left open (an axis named 'batch'). The model, its mode
 * and its weights stay as they are, and the file has those of the moment of the call. It appears whole or not at all.
 *
 * Images are [N, C, H, W] there, as in all of ONNX, and sequences [N, C, L]: inputs, outputs and weights are permuted, and
 * nothing is transposed inside that need not be. Weights have the names of the state dict.
 *
 * Two small batches of zeros go through the model to see what it calls, so that forward() may do what it likes with
 * operations of striate, but not look at values or compute another thing for another number of samples.
 *
 * ```ts
 * await io.saveOnnx(model, 'resnet18.onnx', { inputShape: [224, 224, 3] });
 * ```
 *
 * @throws StriateError for an operation that has no form in ONNX, naming it and its layer, and for a forward() that depends
 *   on values; TypeError, RangeError for options that are none, and for more than the 2 GiB of a file of ONNX; Error that
 *   names the file where it cannot be written
 */
export async function saveOnnx(model: Module, file: string, options: SaveOnnxOptions = {}): Promise<void> {
  const { inputShape, dtype, opset, inputName, outputName, metadata } = checked(model, options);
  const traced = trace('saveOnnx', model, inputShape, dtype);
  const [{ exportGraph }, { writeOnnx }] = await Promise.all([
    import('./export/index.js'),
    import('./write.js'),
  ]);
  const reads = Array.from(traced.constants, async ([handle, { data }]) => [handle, await data] as const);
  const graph = exportGraph(traced, new Map(await Promise.all(reads)), { opset, inputName, outputName });
  await writeOnnx(file, {
    irVersion: irVersions[opset],
    producer: 'striate',
    producerVersion: version,
    opsets: new Map([['', opset]]),
    graph,
    metadata,
  });
}

function checked(model: unknown, options: SaveOnnxOptions) {
  if (!(model instanceof Module)) {
    throw new TypeError(`saveOnnx: model is ${describe(model)}, wants a Module`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`saveOnnx: options is ${describe(options)}, wants { inputShape }`);
  }
  const { dtype = 'f32', opset = 17, inputName = 'input', outputName = 'output', metadata = {} } = options;
  const inputShape: unknown = options.inputShape ?? model.inputShape;
  if (!isShape(inputShape)) {
    throw new TypeError(
      `saveOnnx: inputShape is ${describe(inputShape)}, wants the sizes of one sample, as [224, 224, 3]`,
    );
  }
  if (!['f32', 'i32', 'u8'].includes(dtype)) {
    throw new TypeError(`saveOnnx: dtype is ${describe(dtype)}, wants 'f32', 'i32' or 'u8'`);
  }
  if (!Object.hasOwn(irVersions, opset)) {
    throw new RangeError(`saveOnnx: opset is ${describe(opset)}, wants one from 17 to 21`);
  }
  for (const [option, name] of Object.entries({ inputName, outputName })) {
    if (typeof name === 'string' && name !== '') continue;
    throw new TypeError(`saveOnnx: ${option} is ${describe(name)}, wants a name`);
  }
  if (inputName === outputName) {
    throw new RangeError(`saveOnnx: inputName and outputName are both '${inputName}', wants two names`);
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    throw new TypeError(`saveOnnx: metadata has ${describe(value)} for '${key}', wants a string`);
  }
  return {
    inputShape,
    dtype,
    opset: opset as keyof typeof irVersions,
    inputName,
    outputName,
    metadata,
  };
}

function isShape(value: unknown): value is Shape {
  return Array.isArray(value) && value.every((extent) => Number.isSafeInteger(extent) && extent >= 1);
}
