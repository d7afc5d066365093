import { readFile } from 'node:fs/promises';
import { describe } from '../../describe.js';
import type { OnnxModule } from './import/module.js';

export interface LoadOnnxOptions {
  /**
   * Names of values of the graph that the network is to give instead of the file's outputs: what a network computes before
   * its last layers, for other layers in their place. What they do not depend on is left out. Default: the outputs.
   */
  outputs?: readonly string[];
}

/** What reads files of ONNX is loaded when it is first asked for. */
const loadReader = () =>
  Promise.all([import('./read.js'), import('./import/build.js'), import('./import/module.js')]);

let reader: ReturnType<typeof loadReader> | null = null;

/**
 * Reads a network from a file of ONNX (Open Neural Network Exchange), of versions 7 to 28 of its operators. It takes and
 * gives tensors as every module here, images [N, H, W, C]: see its `inputs` and `outputs`. It is in eval(), and can be
 * trained further after train(): all weights are parameters, under the names of the file's initializers.
 *
 * ```ts
 * const model = await io.loadOnnx('resnet50.onnx');
 * const scores = model.forward(images);
 * ```
 *
 * The file is not trusted: it is checked before anything is allocated, and nothing outside of it is read.
 *
 * @param source the file's path, or its bytes
 * @throws Error that names the file where it cannot be read, is damaged, or has what is not supported; TypeError for
 *   another source
 */
export async function loadOnnx(
  source: string | Uint8Array,
  options: LoadOnnxOptions = {},
): Promise<OnnxModule> {
  const given: unknown = source;
  if (typeof given !== 'string' && !(given instanceof Uint8Array)) {
    throw new TypeError(`loadOnnx: source is ${describe(given)}, wants a path or a Uint8Array`);
  }
  const { outputs } = options;
  if (
    outputs !== undefined &&
    !(Array.isArray(outputs) && outputs.every((name) => typeof name === 'string'))
  ) {
    throw new TypeError(`loadOnnx: outputs is ${describe(outputs)}, wants an array of names`);
  }
  const name = typeof source === 'string' ? source : 'the model';
  const [{ readOnnx }, { buildNetwork }, { OnnxModule }] = await (reader ??= loadReader());
  try {
    const bytes = typeof source === 'string' ? await readFile(source) : source;
    const file = readOnnx(bytes);
    return new OnnxModule(buildNetwork(file, outputs), file.metadata).eval();
  } catch (cause) {
    throw new Error(`loadOnnx: ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
