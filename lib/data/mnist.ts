import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { tensor } from '../ops/creation.js';
import { TensorDataset, type TensorDatasetOptions } from './dataset.js';
import { readIdx } from './idx.js';

/** A data set as it is published: a part to train on, a part to test with. */
export interface Split {
  train: TensorDataset;
  test: TensorDataset;
}

/**
 * Images and labels from two IDX files, plain or gzip: u8 [N, H, W] and u8 [N].
 *
 * @returns images u8 [N, H, W, 1], whose batches are f32 in [0, 1]
 * @throws Error that names the file where it is damaged or of another format
 */
export async function idxDataset(
  imageFile: string,
  labelFile: string,
  { classes }: TensorDatasetOptions = {},
): Promise<TensorDataset> {
  const [images, labels] = await Promise.all([readIdx(imageFile), readIdx(labelFile)]);
  if (images.type !== 'u8' || images.shape.length !== 3) {
    throw new Error(
      `${imageFile}: holds ${images.type} [${images.shape.join(', ')}], wants images, u8 [N, H, W]`,
    );
  }
  if (labels.type !== 'u8' || labels.shape.length !== 1 || labels.shape[0] !== images.shape[0]) {
    const given = `${labels.type} [${labels.shape.join(', ')}]`;
    throw new Error(
      `${labelFile}: holds ${given}, wants ${images.shape[0]} labels, u8 [N], for ${imageFile}`,
    );
  }
  const most = classes?.length ?? Infinity;
  const wrong = labels.data.findIndex((label) => label >= most);
  if (wrong !== -1) {
    const given = `label ${wrong} is ${labels.data[wrong]}`;
    throw new Error(`${labelFile}: ${given}, wants one from 0 to ${most - 1}`);
  }
  return new TensorDataset(
    tensor(images.data, [...images.shape, 1]),
    tensor(Int32Array.from(labels.data), labels.shape),
    { classes },
  );
}

/**
 * MNIST, or whatever comes in files of the same names (Fashion-MNIST, KMNIST): `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or with `.gz`, in `folder`.
 *
 * @param options names of classes, where labels are not the digits themselves
 */
export async function mnist(folder: string, options: TensorDatasetOptions = {}): Promise<Split> {
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(
    ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((name) =>
      plainOrGzip(join(folder, `${name}-ubyte`)),
    ) as [Promise<string>, Promise<string>, Promise<string>, Promise<string>],
  );
  const [train, test] = await Promise.all([
    idxDataset(trainImages, trainLabels, options),
    idxDataset(testImages, testLabels, options),
  ]);
  return { train, test };
}

/** The classes of Fashion-MNIST (Xiao et al., 2017), in the order of their labels. */
const garments = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** As mnist(), with the classes of Fashion-MNIST. */
export function fashionMnist(folder: string): Promise<Split> {
  return mnist(folder, { classes: garments });
}

async function plainOrGzip(path: string): Promise<string> {
  for (const file of [path, `${path}.gz`]) {
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  throw new Error(`mnist: neither ${path} nor ${path}.gz is there`);
}
