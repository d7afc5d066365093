import { rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SingleBar } from 'cli-progress';
import { completed, requireChoice } from '../optim/options.js';
import { progressBar } from '../progressBar.js';
import { downloadFile, type DownloadOptions, type DownloadState } from './downloadFile.js';
import { unpack } from './tar.js';

/** A file of a data set as it is published. */
export interface PublishedFile {
  name: string;
  bytes: number;
  sha256: string;
}

/** A data set as it is published. */
export interface Published {
  /** Addresses of the folder, one tried after the other. */
  from: readonly string[];
  files: readonly PublishedFile[];
  /** What files, an archive, unpack to: names, and bytes. Default: they are not archives. */
  unpacked?: Readonly<Record<string, number>>;
}

/** The data sets that download() knows. */
export type DownloadName = 'mnist' | 'fashion-mnist' | 'cifar10' | 'cifar100';

// Sizes and sums are those that TensorFlow Datasets checks (tensorflow_datasets/url_checksums/{mnist, fashion_mnist, cifar10,
// cifar100}.txt); the MD5 sums that https://www.cs.toronto.edu/~kriz/cifar.html states belong to the same files.
export const published: Readonly<Record<DownloadName, Published>> = {
  mnist: {
    from: [
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
    ],
    files: idxFiles([
      [9912422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'],
      [28881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'],
      [1648877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'],
      [4542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'],
    ]),
  },
  'fashion-mnist': {
    from: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
    files: idxFiles([
      [26421880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'],
      [29515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'],
      [4422102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'],
      [5148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'],
    ]),
  },
  cifar10: {
    from: ['https://www.cs.toronto.edu/~kriz/'],
    files: [
      {
        name: 'cifar-10-binary.tar.gz',
        bytes: 170052171,
        sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
      },
    ],
    unpacked: Object.fromEntries(
      ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'].map(
        (name) => [`${name}.bin`, 30_730_000],
      ),
    ),
  },
  cifar100: {
    from: ['https://www.cs.toronto.edu/~kriz/'],
    files: [
      {
        name: 'cifar-100-binary.tar.gz',
        bytes: 168513733,
        sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
      },
    ],
    unpacked: { 'train.bin': 153_700_000, 'test.bin': 30_740_000 },
  },
};

function idxFiles(sums: readonly (readonly [bytes: number, sha256: string])[]): PublishedFile[] {
  const names = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];
  return sums.map(([bytes, sha256], i) => ({ name: `${names[i]}-ubyte.gz`, bytes, sha256 }));
}

export interface DownloadSetOptions extends Omit<DownloadOptions, 'progress'> {
  /** Where data sets are kept, in a folder each. Default: cacheFolder(). */
  cacheDir?: string | undefined;
  /** Called as bytes come, or true for a bar on a terminal, false for nothing. Default: true. */
  progress?: boolean | ((state: DownloadState) => void) | undefined;
}

/**
 * Where what is downloaded is kept: $STRIATE_CACHE, or the folder `striate` where the platform keeps such: $XDG_CACHE_HOME or
 * ~/.cache, on macOS ~/Library/Caches, on Windows %LOCALAPPDATA%.
 */
export function cacheFolder(): string {
  const { STRIATE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (STRIATE_CACHE) return STRIATE_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'striate');
  if (process.platform === 'win32')
    return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'striate');
  return join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'striate');
}

/**
 * Downloads MNIST (11 MB), Fashion-MNIST (31 MB), CIFAR-10 (170 MB) or CIFAR-100 (169 MB) from where they are published, checks
 * SHA-256 sums, and unpacks archives. What is there is not downloaded again, what was broken off goes on from there.
 *
 * ```ts
 * const { train, test } = await mnist(await download('mnist'));
 * const { train, test } = await cifar10(await download('cifar10'));
 * ```
 *
 * @returns the folder, for mnist(), fashionMnist(), cifar10() or cifar100()
 * @throws RangeError for another name; Error as downloadFile()
 */
export async function download(name: DownloadName, options: DownloadSetOptions = {}): Promise<string> {
  requireChoice('download: name', name, Object.keys(published));
  return downloadPublished(name, published[name], options);
}

const defaults: Required<DownloadSetOptions> = {
  cacheDir: undefined,
  progress: true,
  timeout: undefined,
  retries: undefined,
  pause: undefined,
  signal: undefined,
};

/** As download(), of what is told. */
export async function downloadPublished(
  name: string,
  { from, files, unpacked }: Published,
  options: DownloadSetOptions,
): Promise<string> {
  const { cacheDir = cacheFolder(), progress = true, ...rest } = completed('download', defaults, options);
  const folder = join(cacheDir, name);
  if (unpacked && (await areThere(folder, unpacked))) return folder;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const display = progress === true ? new Bar(name, total) : null;
  const told = typeof progress === 'function' ? progress : undefined;
  let before = 0;
  try {
    for (const file of files) {
      const done = before;
      await fromAny(from, file, join(folder, file.name), {
        ...rest,
        progress: (state) => {
          display?.show(done + state.bytes);
          told?.(state);
        },
      });
      before += file.bytes;
      display?.show(before);
    }
  } finally {
    display?.end();
  }
  if (unpacked) {
    for (const { name: archive } of files) {
      await unpack(join(folder, archive), folder, (inside) => Object.hasOwn(unpacked, inside));
    }
    if (!(await areThere(folder, unpacked)))
      throw new Error(`download: ${folder} lacks files of ${name} after unpacking`);
    for (const { name: archive } of files) await rm(join(folder, archive));
  }
  return folder;
}

/** From the first address that gives it. */
async function fromAny(
  from: readonly string[],
  { name, sha256 }: PublishedFile,
  file: string,
  options: DownloadOptions,
): Promise<void> {
  const errors: unknown[] = [];
  for (const base of from) {
    try {
      await downloadFile(new URL(name, base).href, file, sha256, options);
      return;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  throw new Error(errors.map((error) => (error as Error).message).join('; '), { cause: errors[0] });
}

async function areThere(folder: string, files: Readonly<Record<string, number>>): Promise<boolean> {
  const sizes = await Promise.all(
    Object.keys(files).map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => null,
      ),
    ),
  );
  return Object.values(files).every((bytes, i) => sizes[i] === bytes);
}

/** A bar on a terminal; nothing elsewhere. */
class Bar {
  readonly #bar: SingleBar | null;

  constructor(name: string, total: number) {
    this.#bar = process.stderr.isTTY
      ? progressBar(
          process.stderr,
          `${name} {bar} {percentage}% of ${(total / 1e6).toFixed(1)} MB · {eta_formatted} left`,
        )
      : null;
    this.#bar?.start(total, 0);
  }

  show(bytes: number): void {
    this.#bar?.update(bytes);
  }

  end(): void {
    this.#bar?.stop();
  }
}
