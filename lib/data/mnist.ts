import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { tensor } from '../ops/creation.js';
import { TensorDataset } from './dataset.js';
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
export async function idxDataset(imageFile: string, labelFile: string): Promise<TensorDataset> {
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
  return new TensorDataset(
    tensor(images.data, [...images.shape, 1]),
    tensor(Int32Array.from(labels.data), labels.shape),
  );
}

/**
 * MNIST, or whatever comes in files of the same names (Fashion-MNIST, KMNIST): `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or with `.gz`, in `folder`.
 */
export async function mnist(folder: string): Promise<Split> {
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(
    ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((name) =>
      plainOrGzip(join(folder, `${name}-ubyte`)),
    ) as [Promise<string>, Promise<string>, Promise<string>, Promise<string>],
  );
  const [train, test] = await Promise.all([
    idxDataset(trainImages, trainLabels),
    idxDataset(testImages, testLabels),
  ]);
  return { train, test };
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
