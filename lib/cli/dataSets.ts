import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cifar10, cifar100 } from '../data/cifar.js';
import { csvDataset } from '../data/csv.js';
import { download, type DownloadName } from '../data/download.js';
import { batchOf } from '../data/batch.js';
import type { Dataset } from '../data/dataset.js';
import { digits } from '../data/digits.js';
import { ImageFolder, imageFolders, type ImageFolderOptions } from '../data/imageFolder.js';
import { fashionMnist, mnist } from '../data/mnist.js';
import { stratifiedSplit } from '../data/split.js';
import type { Shape } from '../tensor.js';
import type { DataRecipe } from './recipe/schema.js';

/** Of data that have no part to test with, the share that becomes it; always the same samples. */
const testShare = 0.2;
const splitSeed = 0;

export interface Parts {
  train: Dataset;
  test: Dataset;
}

export interface LoadedData extends Parts {
  /** Of a sample. */
  input: Shape;
  classes: readonly string[];
}

/** Parts of data that have none. */
type Divide = (dataset: Dataset) => Parts | Promise<Parts>;

type Kind<Name extends DataRecipe['name']> = Extract<DataRecipe, { name: Name }>;

/**
 * The data set of a recipe.
 *
 * @param options.quiet whether a download shows no progress. Default: false.
 * @param options.divide whether data without a part to test with are divided, or stand for both. Default: true.
 * @throws Error that names the option, the folder or the file that is missing or wrong
 */
export async function loadData(
  recipe: DataRecipe,
  { quiet = false, divide = true } = {},
): Promise<LoadedData> {
  const parts = await partsOf(recipe, quiet, divide ? divided : whole);
  const { train } = parts;
  const [x, y] = await batchOf(train, Int32Array.of(0), { seed: 0, epoch: 1 });
  const input = x.shape.slice(1);
  for (const tensor of [x, y]) if (!tensor.kept) tensor.dispose();
  return { ...parts, input, classes: await classesOf(train) };
}

async function partsOf(recipe: DataRecipe, quiet: boolean, divide: Divide): Promise<Parts> {
  switch (recipe.name) {
    case 'digits': {
      const { side = 32 } = recipe;
      return digits({ side });
    }
    case 'mnist':
      return mnist(await folderOf(recipe, 'the folder of its four IDX files', quiet));
    case 'fashion-mnist':
      return fashionMnist(await folderOf(recipe, 'the folder of its four IDX files', quiet));
    case 'cifar10':
      return cifar10(await folderOf(recipe, 'the folder of data_batch_1.bin and the like', quiet));
    case 'cifar100': {
      const { labels = 'fine' } = recipe;
      return cifar100(await folderOf(recipe, 'the folder of train.bin and test.bin', quiet), { labels });
    }
    case 'folder':
      return folderParts(recipe, divide);
    case 'csv':
      return csvParts(recipe, divide);
  }
}

function given({ name, dir }: { name: string; dir?: string | undefined }, what: string): string {
  if (dir !== undefined) return dir;
  throw new Error(`--data ${name} wants --data-dir, ${what}`);
}

/** The folder given, or that of a download, which goes there or into the cache. */
async function folderOf(
  { name, dir, download: wanted }: Kind<DownloadName>,
  what: string,
  quiet: boolean,
): Promise<string> {
  if (!wanted) return given({ name, dir }, `${what}, or --download`);
  return download(name, { progress: !quiet, ...(dir !== undefined && { cacheDir: dir }) });
}

async function folderParts(recipe: Kind<'folder'>, divide: Divide): Promise<Parts> {
  const root = given(recipe, 'the folder of train and test, or of a folder for each class');
  const { side, channels = 3, corrupt = 'error' } = recipe;
  const options: ImageFolderOptions = {
    resize: side === undefined ? undefined : [side, side],
    grayscale: channels === 1,
    corrupt,
    cache: true,
  };
  if (!(await isFolder(join(root, 'train')))) return divide(warned(await ImageFolder.open(root, options)));
  const { train, validation, test } = await imageFolders(root, options);
  const held = test ?? validation;
  return held ? { train: warned(train), test: warned(held) } : divide(warned(train));
}

function warned(images: ImageFolder): ImageFolder {
  for (const { error } of images.skipped) process.stderr.write(`striate: left out ${error.message}\n`);
  return images;
}

async function csvParts(recipe: Kind<'csv'>, divide: Divide): Promise<Parts> {
  const at = given(recipe, 'a CSV file, or the folder of train.csv and test.csv');
  const { target, header, delimiter, missing, shape } = recipe;
  const options = { target, header, delimiter, missing, shape };
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  if (!(await isFolder(at))) return divide(await csvDataset(at, set));
  const train = await csvDataset(join(at, 'train.csv'), set);
  const test = join(at, 'test.csv');
  if (!(await exists(test))) return divide(train);
  return {
    train,
    test: await csvDataset(test, { ...set, ...(train.classes && { classes: train.classes }) }),
  };
}

async function divided(dataset: Dataset): Promise<Parts> {
  const [train, test] = await stratifiedSplit(dataset, [1 - testShare, testShare], { seed: splitSeed });
  return { train: train!, test: test! };
}

function whole(dataset: Dataset): Parts {
  return { train: dataset, test: dataset };
}

/** A share of the training data, held out of it; always the same samples. */
export async function heldOut(
  train: Dataset,
  share: number,
): Promise<{ train: Dataset; validation: Dataset }> {
  const [rest, held] = await stratifiedSplit(train, [1 - share, share], { seed: splitSeed });
  return { train: rest!, validation: held! };
}

/** The names of the classes; their numbers where they have none. */
async function classesOf(dataset: Dataset): Promise<readonly string[]> {
  if (dataset.classes) return dataset.classes;
  const labels = (await dataset.labels?.()) ?? new Int32Array();
  const count = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  return Array.from({ length: count }, (_, label) => String(label));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
