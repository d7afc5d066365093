import { noGrad } from '../../autograd.js';
import type { Module } from '../../nn/module.js';
import { StriateError, type DType, type Tensor } from '../../tensor.js';
import { codes, plainCodes } from '../safetensors/elements.js';
import type { Place } from '../safetensors/header.js';
import { openSource, SafetensorsReader } from '../safetensors/source.js';
import { writeSafetensors, type Writable } from '../safetensors/writer.js';
import { floatCode, tensorOf, writable, type SafetensorsOptions } from '../safetensors.js';
import { fromTorch, torchTensors, toTorch, type TorchOptions, type TorchTensor } from './layout.js';

export interface LoadTorchOptions extends TorchOptions {
  /** Whether names must agree exactly. Otherwise those in common are loaded; shapes must agree all the same. Default: true. */
  strict?: boolean | undefined;
}

/** What loadTorch() has done: names of the model that were loaded and that the file lacks, and those of the file alone. */
export interface TorchReport {
  loaded: string[];
  missing: string[];
  unexpected: string[];
}

/**
 * Loads weights of PyTorch: a state dict as a safetensors file, as `safetensors.torch.save_file(model.state_dict(), file)`
 * writes it, into a model of the same structure. Layouts are permuted: kernels [K, C/groups, KH, KW] become
 * [KH, KW, C/groups, K], matrices [out, in] become [in, out], and the weights of a linear layer behind a Flatten are put in the
 * order of [H, W, C] rather than [C, H, W]. For the last the model is run once on zeros. Numbers of 16 and 64 bits become f32.
 *
 * ```ts
 * const model = models.resnet50();
 * await io.loadTorch(model, 'resnet50.safetensors');
 *
 * const own = new nn.Sequential(new nn.Conv2d(1, 8, 5), new nn.Flatten(), new nn.Linear(24 * 24 * 8, 10));
 * await io.loadTorch(own, 'own.safetensors', { inputShape: [28, 28, 1] });
 *
 * // the convolutions of VGG-16 for another network
 * const { missing } = await io.loadTorch(models.fcn8s(), 'vgg16.safetensors', { strict: false });
 * ```
 *
 * @throws Error that names the file where it is missing, damaged or of another format; StriateError that lists all names that
 *   are missing or unexpected (if strict) and all shapes that differ, or where the order of a linear layer's input cannot be
 *   found. The model is unchanged then.
 */
export async function loadTorch(
  model: Module,
  file: string,
  options: LoadTorchOptions = {},
): Promise<TorchReport> {
  const { strict = true } = options;
  const wanted = torchTensors('loadTorch', model, options);
  const source = await openSource(file);
  const read: [target: TorchTensor, values: Tensor<DType>][] = [];
  try {
    const reader = await SafetensorsReader.of(source);
    const stored = new Map(reader.header.places.map((place) => [place.name, place]));
    const report = compared(wanted, stored, { strict, file });
    for (const target of wanted) {
      const place = stored.get(target.torchName);
      if (!place) continue;
      using given = tensorOf(await reader.read(place));
      read.push([target, fromTorch(given, target)]);
    }
    noGrad(() => {
      for (const [{ tensor }, values] of read) tensor.assign(values);
    });
    return report;
  } finally {
    for (const [, values] of read) values.dispose();
    await source.close();
  }
}

/** @throws StriateError that lists all that does not fit */
function compared(
  wanted: readonly TorchTensor[],
  stored: ReadonlyMap<string, Place>,
  { strict, file }: { strict: boolean; file: string },
): TorchReport {
  const [present, absent] = [true, false].map((is) =>
    wanted.filter(({ torchName }) => stored.has(torchName) === is),
  );
  const known = new Set(wanted.map(({ torchName }) => torchName));
  const unexpected = [...stored.keys()].filter((name) => !known.has(name));
  const misfits = present!.flatMap(({ torchName, tensor, shape }) => {
    const place = stored.get(torchName)!;
    const { dtype } = codes[place.code];
    if (dtype === tensor.dtype && place.shape.join() === shape.join()) return [];
    return [
      `${torchName} is ${place.code} [${place.shape.join(', ')}], wants ${tensor.dtype} [${shape.join(', ')}]`,
    ];
  });
  const list = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`${what} ${names.join(', ')}`] : [];
  const problems = [
    ...(strict
      ? list(
          'missing',
          absent!.map(({ torchName }) => torchName),
        )
      : []),
    ...(strict ? list('unexpected', unexpected) : []),
    ...misfits,
  ];
  if (problems.length > 0) throw new StriateError(`loadTorch: ${file} does not fit: ${problems.join('; ')}`);
  const namesOf = (tensors: readonly TorchTensor[]) => tensors.map(({ name }) => name);
  return { loaded: namesOf(present!), missing: namesOf(absent!), unexpected };
}

export interface SaveTorchOptions extends TorchOptions, SafetensorsOptions {}

/**
 * The way back of loadTorch: writes a model's state as PyTorch has it, for `model.load_state_dict(safetensors.torch.load_file(file))`.
 * The file appears whole or not at all.
 *
 * @throws StriateError where the order of a linear layer's input cannot be found; Error that names the file where it cannot be
 *   written
 */
export async function saveTorch(model: Module, file: string, options: SaveTorchOptions = {}): Promise<void> {
  const code = floatCode('saveTorch', options);
  const copies: Tensor<DType>[] = [];
  try {
    const writables = torchTensors('saveTorch', model, options).map((target): Writable => {
      const copy = noGrad(() => toTorch(target)).keep();
      copies.push(copy);
      const { dtype } = target.tensor;
      // PyTorch counts in 64 bits.
      const as = dtype === 'f32' ? code : dtype === 'i32' ? 'I64' : plainCodes[dtype];
      return { ...writable(target.torchName, copy, as), shape: target.shape };
    });
    await writeSafetensors('saveTorch', writables, file, { format: 'pt' });
  } finally {
    for (const copy of copies) copy.dispose();
  }
}
