import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { availableParallelism } from 'node:os';
import { describe } from '../describe.js';
import { completed, requireChoice, requireFlag, requireWhole } from '../optim/options.js';
import { tensor } from '../ops/creation.js';
import { checkedIndex, checkedIndices, fromBytes, type Batch, type Dataset, type Sample } from './dataset.js';
import { checkImageOptions, decode, imageDefaults, type ImageOptions, type Pixels } from './images.js';
import { Limit } from './limit.js';

export interface ImageFolderOptions extends ImageOptions {
  /**
   * What to do with a file that is damaged, cut short or no image: an error when it is read, or to leave it out, for which
   * all are read once when the folder is opened, and told in `skipped`. Default: 'error'.
   */
  corrupt?: 'error' | 'skip' | undefined;
  /** Whether pixels, 8 bits each, are kept in memory after the first reading. Default: false. */
  cache?: boolean | undefined;
  /** Images that are decoded at a time. Default: two for each core, 8 or more. */
  concurrency?: number | undefined;
  /** The names of the classes in the order of their labels. Default: all folders, in the order of their characters. */
  classes?: readonly string[] | undefined;
}

type Checked = Required<ImageFolderOptions> & {
  grayscale: boolean;
  corrupt: 'error' | 'skip';
  cache: boolean;
  concurrency: number;
};

const defaults: Checked = {
  ...imageDefaults,
  corrupt: 'error',
  cache: false,
  concurrency: Math.max(8, 2 * availableParallelism()),
  classes: undefined,
};

export const imageExtensions = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff'];

/** An image that was left out, and why. */
export interface SkippedImage {
  file: string;
  error: Error;
}

/** Images in folders, as imageFolder() opens them. */
export class ImageFolder implements Dataset {
  readonly folder: string;
  /** The image files. */
  readonly files: readonly string[];
  readonly classes: readonly string[];
  /** Height, width and channels of each image. */
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Files that were left out as damaged. */
  readonly skipped: readonly SkippedImage[];
  readonly #labels: Int32Array;
  readonly #options: Checked;
  readonly #limit: Limit;
  readonly #cache: (Uint8Array | undefined)[] | null;

  private constructor(folder: string, listed: Listed, options: Checked, read: readonly Read[]) {
    const good = read.flatMap((each, i) => (each instanceof Error ? [] : [i]));
    this.folder = folder;
    this.files = good.map((i) => listed.files[i]!);
    this.classes = listed.classes;
    this.shape = (read[good[0]!] as Pixels).shape;
    this.skipped = read.flatMap((error, i) =>
      error instanceof Error ? [{ file: listed.files[i]!, error }] : [],
    );
    this.#labels = Int32Array.from(good, (i) => listed.labels[i]!);
    this.#options = options;
    this.#limit = new Limit(options.concurrency);
    const pixels = good.map((i) => {
      const given = read[i] as Pixels | undefined;
      return given && this.#fitting(given, listed.files[i]!);
    });
    this.#cache = options.cache ? pixels : null;
  }

  /** For imageFolder(). */
  static async open(folder: string, options: ImageFolderOptions): Promise<ImageFolder> {
    const checked = checkedOptions(options);
    const listed = await list(folder, checked.classes);
    if (checked.corrupt === 'error') {
      const first = await decode(listed.files[0]!, checked);
      return new ImageFolder(folder, listed, checked, [
        first,
        ...Array.from({ length: listed.files.length - 1 }, () => undefined),
      ]);
    }
    const limit = new Limit(checked.concurrency);
    const read = await Promise.all(
      listed.files.map((file) =>
        limit.run(async (): Promise<Read> => {
          try {
            const pixels = await decode(file, checked);
            return checked.cache ? pixels : { ...pixels, data: new Uint8Array() };
          } catch (error) {
            return error as Error;
          }
        }),
      ),
    );
    if (read.every((each) => each instanceof Error)) {
      throw new Error(`${folder}: none of ${read.length} images can be read: ${read[0]!.message}`);
    }
    return new ImageFolder(folder, listed, checked, read);
  }

  get length(): number {
    return this.files.length;
  }

  /** The numbers of the classes' names. */
  readonly labels = async (): Promise<Int32Array> => this.#labels.slice();

  async get(index: number): Promise<Sample> {
    checkedIndex(index, this.length);
    const pixels = await this.#pixels(index);
    return [fromBytes(pixels, this.shape), this.#labels[index]!];
  }

  async batch(indices: Int32Array): Promise<Batch> {
    checkedIndices('batch', indices, this.length);
    const size = this.shape.reduce((product, extent) => product * extent, 1);
    const bytes = new Uint8Array(indices.length * size);
    await Promise.all(
      Array.from(indices, async (index, i) => bytes.set(await this.#pixels(index), i * size)),
    );
    const x = fromBytes(bytes, [indices.length, ...this.shape]);
    return [x, tensor(indices.map((index) => this.#labels[index]!))];
  }

  async #pixels(index: number): Promise<Uint8Array> {
    const kept = this.#cache?.[index];
    if (kept) return kept;
    const file = this.files[index]!;
    const pixels = this.#fitting(await this.#limit.run(() => decode(file, this.#options)), file);
    if (this.#cache) this.#cache[index] = pixels;
    return pixels;
  }

  /** The pixels, where they are of the size that all must have. */
  #fitting({ data, shape }: Pixels, file: string): Uint8Array {
    if (shape.every((extent, axis) => extent === this.shape[axis])) return data;
    throw new RangeError(
      `${file}: is ${shape.join('×')}, ${this.files[0]} is ${this.shape.join('×')}; options resize and centerCrop make one size of all`,
    );
  }
}

/**
 * Images in folders, one folder for each class, which it names; batches are f32 [N, height, width, channels] in [0, 1]. All
 * must come out at one size: of different ones, `resize` and `centerCrop` make one. Images may lie deeper in a class's
 * folder; files that are no images by their names are passed over. The order is that of classes, then of files' paths.
 *
 * Images are decoded by the package sharp, on threads of libuv and libvips. (Measured on 2 cores, JPEGs of 500×375 scaled to
 * 224×224: 349 a second one after the other, 542 with eight at a time, 319 by two worker threads, so there are none.)
 *
 * ```ts
 * const train = await imageFolder('flowers/train', { resize: 256, centerCrop: 224 });
 * ```
 *
 * Opening lists the images and reads the first of them; where damaged ones are to be skipped, all.
 *
 * @throws Error that names the folder, where it has no folders, one alone and no `classes` are given, a folder without
 *   images, one that `classes` does not name, or no image that can be read; TypeError, RangeError for wrong options. Batches
 *   then name the file that is damaged, or two files of different sizes
 */
export function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  return ImageFolder.open(folder, options);
}

/** What was read of an image when the folder was opened, if it was. */
type Read = Pixels | Error | undefined;

export interface ImageFolders {
  train: ImageFolder;
  /** Of a folder `val`, `valid` or `validation`. */
  validation?: ImageFolder;
  /** Of a folder `test`. */
  test?: ImageFolder;
}

/**
 * Image folders as they are usually laid out: `train`, and `val` (or `valid`, `validation`) or `test` or both, each with a
 * folder for each class. Labels are by the classes of `train`.
 *
 * @throws Error as imageFolder, and where `root` has no folder `train`
 */
export async function imageFolders(root: string, options: ImageFolderOptions = {}): Promise<ImageFolders> {
  const parts = await foldersIn(root);
  const part = (...names: string[]): string | undefined => parts.find((name) => names.includes(name));
  const [validation, test] = [part('val', 'valid', 'validation'), part('test')];
  if (!part('train')) {
    const given = parts.length === 0 ? 'no folders' : `the folders ${parts.slice(0, 8).join(', ')}`;
    throw new Error(`${root}: has ${given}, wants train, and val or test, each with a folder for each class`);
  }
  const train = await imageFolder(join(root, 'train'), options);
  const same = { ...options, classes: train.classes };
  return {
    train,
    ...(validation === undefined ? {} : { validation: await imageFolder(join(root, validation), same) }),
    ...(test === undefined ? {} : { test: await imageFolder(join(root, test), same) }),
  };
}

interface Listed {
  files: readonly string[];
  labels: readonly number[];
  classes: readonly string[];
}

async function list(folder: string, wanted: readonly string[] | undefined): Promise<Listed> {
  const found = await foldersIn(folder);
  if (found.length === 0) throw new Error(`${folder}: has no folders, wants one for each class`);
  const stranger = wanted && found.find((name) => !wanted.includes(name));
  if (stranger !== undefined) {
    throw new Error(`${join(folder, stranger)}: is no class, wants one of ${wanted!.join(', ')}`);
  }
  if (!wanted && found.length === 1) {
    throw new Error(
      `${folder}: has one class alone, ${found[0]}, wants two folders or more, or option classes`,
    );
  }
  const classes = wanted ?? found;
  const inEach = await Promise.all(
    found.map(async (name) => ({ label: classes.indexOf(name), files: await imagesIn(join(folder, name)) })),
  );
  inEach.sort((a, b) => a.label - b.label);
  return {
    files: inEach.flatMap(({ files }) => files),
    labels: inEach.flatMap(({ files, label }) => files.map(() => label)),
    classes,
  };
}

/** The names of folders, hidden ones left out, in the order of their characters. */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${folder}: the folder cannot be read: ${reason}`, { cause });
  });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
}

async function imagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries
    .filter(
      ({ name }) => !name.startsWith('.') && imageExtensions.some((end) => name.toLowerCase().endsWith(end)),
    )
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => (relative(folder, a) < relative(folder, b) ? -1 : 1));
  if (files.length === 0) throw new Error(`${folder}: holds no images (${imageExtensions.join(', ')})`);
  return files;
}

function checkedOptions(options: ImageFolderOptions): Checked {
  const checked = completed('imageFolder', defaults, options as Checked);
  checkImageOptions('imageFolder', checked);
  requireChoice('imageFolder: corrupt', checked.corrupt, ['error', 'skip']);
  requireFlag('imageFolder: cache', checked.cache);
  requireWhole('imageFolder: concurrency', checked.concurrency, 1);
  const { classes } = checked;
  const areNames: boolean =
    classes === undefined || (Array.isArray(classes) && classes.every((name) => typeof name === 'string'));
  if (!areNames) throw new TypeError(`imageFolder: classes is ${describe(classes)}, wants an array of names`);
  return checked;
}
