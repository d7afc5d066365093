import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { requireChoice } from '../optim/options.js';
import { tensor } from '../ops/creation.js';
import { reshape, slice, transpose } from '../ops/movement.js';
import { scope } from '../tensor.js';
import { cifar10Classes, cifar100Classes, cifar100Superclasses } from './cifarClasses.js';
import { TensorDataset } from './dataset.js';
import type { Split } from './mnist.js';

const side = 32;
const planeBytes = side * side;
const imageBytes = 3 * planeBytes;

interface Layout {
  /** Bytes of labels before the pixels of a record, and which of them counts. */
  labelBytes: number;
  label: number;
  classes: readonly string[];
}

/**
 * CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009) in its binary version: all files
 * `data_batch_*.bin` that `folder` has, and `test_batch.bin`; or in its folder `cifar-10-batches-bin`, as the archive
 * unpacks. A record is a label and the planes red, green and blue of 32×32.
 *
 * @returns images u8 [N, 32, 32, 3], whose batches are f32 in [0, 1]
 * @throws Error that names the folder or the file, where one is missing, cut short or has a label above 9
 */
export async function cifar10(folder: string): Promise<Split> {
  const layout = { labelBytes: 1, label: 0, classes: cifar10Classes };
  const files = await filesOf('cifar10', folder, 'cifar-10-batches-bin', /^data_batch.*\.bin$/, 'data_batch_1.bin', /^test_batch\.bin$/, 'test_batch.bin'); // prettier-ignore
  return { train: await binary(files.train, layout), test: await binary(files.test, layout) };
}

export interface Cifar100Options {
  /** Whether labels are of the 100 classes, or of the 20 superclasses. Default: 'fine'. */
  labels?: 'fine' | 'coarse' | undefined;
}

/**
 * CIFAR-100, likewise: `train.bin` and `test.bin` in `folder`, or in its folder `cifar-100-binary`. A record begins with the
 * label of its superclass and that of its class.
 */
export async function cifar100(folder: string, { labels = 'fine' }: Cifar100Options = {}): Promise<Split> {
  requireChoice('cifar100: labels', labels, ['fine', 'coarse']);
  const fine = labels === 'fine';
  const layout = {
    labelBytes: 2,
    label: fine ? 1 : 0,
    classes: fine ? cifar100Classes : cifar100Superclasses,
  };
  const files = await filesOf('cifar100', folder, 'cifar-100-binary', /^train\.bin$/, 'train.bin', /^test\.bin$/, 'test.bin'); // prettier-ignore
  return { train: await binary(files.train, layout), test: await binary(files.test, layout) };
}

async function filesOf(
  operation: string,
  folder: string,
  unpacked: string,
  train: RegExp,
  trainExample: string,
  test: RegExp,
  testExample: string,
): Promise<{ train: string[]; test: string[] }> {
  const inside = join(folder, unpacked);
  const isUnpacked = await stat(inside).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const at = isUnpacked ? inside : folder;
  const names = await readdir(at).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${operation}: cannot read the folder ${folder}: ${reason}`, { cause });
  });
  const found = (wanted: RegExp, example: string): string[] => {
    const files = names.filter((name) => wanted.test(name)).sort();
    if (files.length === 0) throw new Error(`${operation}: ${at} has no ${example}`);
    return files.map((name) => join(at, name));
  };
  return { train: found(train, trainExample), test: found(test, testExample) };
}

async function binary(files: readonly string[], layout: Layout): Promise<TensorDataset> {
  const recordBytes = layout.labelBytes + imageBytes;
  const parts = await Promise.all(files.map((file) => readRecords(file, recordBytes, layout)));
  const bytes = parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts));
  const n = bytes.length / recordBytes;
  const labels = Int32Array.from({ length: n }, (_, i) => bytes[i * recordBytes + layout.label]!);
  // The planes become channels of pixels on the compute thread.
  const images = scope(() => {
    const records = tensor(bytes, [n, recordBytes]);
    const planes = reshape(slice(records, [0, layout.labelBytes]), [n, 3, planeBytes]);
    return reshape(transpose(planes, [0, 2, 1]), [n, side, side, 3]);
  });
  return new TensorDataset(images, tensor(labels), { classes: layout.classes });
}

async function readRecords(file: string, recordBytes: number, layout: Layout): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file}: cannot be read: ${reason}`, { cause });
  });
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    const records = Math.floor(bytes.length / recordBytes);
    throw new Error(
      `${file}: is cut short or of another format: ${bytes.length} bytes, wants records of ${recordBytes}; ${records} fit`,
    );
  }
  for (let at = layout.label; at < bytes.length; at += recordBytes) {
    if (bytes[at]! < layout.classes.length) continue;
    const record = Math.floor(at / recordBytes);
    throw new Error(
      `${file}: record ${record} has the label ${bytes[at]}, wants one from 0 to ${layout.classes.length - 1}`,
    );
  }
  return bytes;
}
