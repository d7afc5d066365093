// Files that README and guides speak of: the formats are the true ones, what is in them is little.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { data, io, models } from '../lib/index.js';

const sizes = { train: 256, t10k: 64 };

/** Digits as MNIST's four files, and images of noise as CIFAR-10's. */
export async function makeDigits(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { train, test } = await data.digits({ side: 28 });
  for (const [name, part] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const n = sizes[name];
    const [pixels, labels] = [await part.x.data(), await part.y.data()];
    writeFileSync(join(folder, `${name}-images-idx3-ubyte`), idx([n, 28, 28], pixels as Uint8Array));
    writeFileSync(join(folder, `${name}-labels-idx1-ubyte`), idx([n], Uint8Array.from(labels)));
  }
  const record = 1 + 32 * 32 * 3;
  for (const name of ['data_batch_1', 'test_batch']) {
    const records = Buffer.from(
      Array.from({ length: 128 * record }, (_, i) => (i % record ? (i * i) % 251 : i % 10)),
    );
    writeFileSync(join(folder, `${name}.bin`), records);
  }
}

/** An IDX file of bytes: as many of them as the shape says. */
function idx(shape: readonly number[], bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [axis, extent] of shape.entries()) header.writeUInt32BE(extent, 4 + 4 * axis);
  return Buffer.concat([
    header,
    bytes.subarray(
      0,
      shape.reduce((size, extent) => size * extent, 1),
    ),
  ]);
}

/** A folder of images for each of two classes, and one image alone. */
export async function makeImages(folder: string, alone: string): Promise<void> {
  const { test } = await data.digits({ side: 32 });
  const pixels = (await test.x.data()) as Uint8Array;
  const image = (i: number) =>
    sharp(pixels.subarray(i * 1024, (i + 1) * 1024), { raw: { width: 32, height: 32, channels: 1 } });
  for (const [c, name] of ['cats', 'dogs'].entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < 8; i++)
      await image(8 * c + i)
        .png()
        .toFile(join(folder, name, `${i}.png`));
  }
  await image(0).png().toFile(alone);
}

/** A ResNet-50 with random weights. */
export async function makeOnnx(file: string): Promise<void> {
  using model = models.resnet50();
  await io.saveOnnx(model, file);
}

/** The same as PyTorch would write it. */
export async function makeTorch(file: string): Promise<void> {
  using model = models.resnet50();
  await io.saveTorch(model, file);
}
