import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { data } from '../../lib/index.js';
import { noise } from '../check.js';
import { numbersOf } from './samples.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function file(name: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), bytes);
}

type Colour = readonly [number, number, number];

/** An image of one colour, in the format that the name says. */
async function image(name: string, [r, g, b]: Colour, width = 4, height = 3): Promise<Buffer> {
  const background = { r, g, b };
  const bytes = await sharp({ create: { width, height, channels: 3, background } })
    .toFormat(name.split('.').at(-1) as 'png')
    .toBuffer();
  await file(name, bytes);
  return bytes;
}

/** Six images of two classes, of colours that tell them apart. */
async function flowers(at = ''): Promise<void> {
  await image(`${at}rose/b.png`, [1, 0, 0]);
  await image(`${at}rose/a.png`, [2, 0, 0]);
  await image(`${at}rose/deeper/c.webp`, [255, 255, 255]);
  await image(`${at}aster/10.PNG`.replace('PNG', 'png'), [4, 0, 0]);
  await image(`${at}aster/9.png`, [5, 0, 0]);
  await file(`${at}rose/notes.txt`, 'none');
  await file(`${at}rose/.hidden.png`, 'none');
  await file(`${at}.git/x.png`, 'none');
}

/** The first red value of each image. */
async function reds(set: data.Dataset, batchSize = 10): Promise<number[]> {
  const values: number[] = [];
  for await (const [x] of new data.DataLoader(set, { batchSize, seed: 0 })) {
    const pixels = await x.data();
    const size = pixels.length / x.shape[0]!;
    for (let i = 0; i < pixels.length; i += size) values.push(Math.round(pixels[i]! * 255));
  }
  return values;
}

describe('imageFolder', () => {
  test('reads a folder for each class, in the order of names', async () => {
    await flowers();
    const set = await data.imageFolder(folder);
    expect(set.classes).toEqual(['aster', 'rose']);
    expect(set.files.map((path) => path.slice(folder.length + 1))).toEqual([
      join('aster', '10.png'),
      join('aster', '9.png'),
      join('rose', 'a.png'),
      join('rose', 'b.png'),
      join('rose', 'deeper', 'c.webp'),
    ]);
    expect([set.length, set.shape, [...(await set.labels())]]).toEqual([5, [3, 4, 3], [0, 0, 1, 1, 1]]);
    expect(await reds(set)).toEqual([4, 5, 2, 1, 255]);
    expect(await reds(set, 2)).toEqual([4, 5, 2, 1, 255]);
    const [x, labels] = await set.batch(Int32Array.of(4, 0));
    expect([x.dtype, x.shape, [...(await labels.data())]]).toEqual(['f32', [2, 3, 4, 3], [1, 0]]);
    const [one, label] = await set.get(3);
    expect([one.shape, label, (await one.data())[0]]).toEqual([[3, 4, 3], 1, Math.fround(1 / 255)]);
    await expect(data.batchOf(set, Int32Array.of(5))).rejects.toThrow(/^batch: there is no sample 5/);
  });

  test('keeps pixels in memory, if told so', async () => {
    await flowers();
    const [kept, read] = [await data.imageFolder(folder, { cache: true }), await data.imageFolder(folder)];
    expect(await reds(kept)).toEqual([4, 5, 2, 1, 255]);
    await rm(join(folder, 'rose', 'b.png'));
    expect(await reds(kept)).toEqual([4, 5, 2, 1, 255]);
    await expect(reds(read)).rejects.toThrow(/b\.png: /);
  });

  test('makes one size of all by resize and centerCrop, and grey of colours', async () => {
    await image('a/1.png', [30, 60, 90], 20, 10);
    await image('b/2.png', [30, 60, 90], 9, 40);
    const shape = async (options: data.ImageFolderOptions) => (await data.imageFolder(folder, options)).shape;
    expect(await shape({})).toEqual([10, 20, 3]);
    expect(await shape({ resize: 5 })).toEqual([5, 10, 3]);
    expect(await shape({ resize: [6, 7], grayscale: true })).toEqual([6, 7, 1]);
    const both = await data.imageFolder(folder, { resize: 12, centerCrop: [8, 10] });
    expect(both.shape).toEqual([8, 10, 3]);
    const [x] = await both.batch(Int32Array.of(0, 1));
    expect(new Set(Array.from(await x.data(), (v) => Math.round(v * 255)))).toEqual(new Set([30, 60, 90]));
    const grey = await data.imageFolder(folder, { resize: [2, 2], grayscale: true });
    const luma = (await numbersOf(new data.DataLoader(grey)))[0]!;
    expect(luma).toHaveLength(8);
    // Of linear light, by ITU-R BT.709.
    expect(luma[0]! * 255).toBeGreaterThan(54);
    expect(luma[0]! * 255).toBeLessThan(60);
  });

  test('names two files of different sizes', async () => {
    await image('a/1.png', [0, 0, 0], 4, 3);
    await image('b/2.png', [0, 0, 0], 4, 4);
    const set = await data.imageFolder(folder);
    await expect(reds(set)).rejects.toThrow(
      /b.2\.png: is 4×4×3, .*a.1\.png is 3×4×3; options resize and centerCrop make one size of all$/,
    );
    await expect(data.imageFolder(folder, { corrupt: 'skip' })).rejects.toThrow(
      /2\.png: is 4×4×3, .*1\.png is 3×4×3/,
    );
    await expect(data.imageFolder(folder, { centerCrop: 4 })).rejects.toThrow(
      /1\.png: is 3×4 pixels, centerCrop wants 4×4; resize makes it larger$/,
    );
  });

  test('names images that are damaged, or leaves them out', async () => {
    const pixels = Buffer.from(noise(64 * 64 * 3, 5).map((v) => 127 + 100 * v));
    const jpeg = await sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    const png = await sharp(jpeg).png().toBuffer();
    await file('a/1.jpg', jpeg);
    await file('a/2.jpg', jpeg.subarray(0, jpeg.length / 2));
    await file('b/3.png', png.subarray(0, png.length / 2));
    await file('b/4.png', png);
    await file('b/5.png', 'no image');
    await file('b/6.jpg', '');
    for (const cache of [false, true]) {
      const set = await data.imageFolder(folder, { cache });
      for (const [i, name] of [[1, '2.jpg'], [2, '3.png'], [4, '5.png'], [5, '6.jpg']] as const) {
        await expect(set.batch(Int32Array.of(0, i))).rejects.toThrow(new RegExp(`${name}: `));
      } // prettier-ignore
      const good = await data.imageFolder(folder, { corrupt: 'skip', cache });
      expect(good.files.map((path) => path.slice(folder.length + 3))).toEqual(['1.jpg', '4.png']);
      expect([...(await good.labels())]).toEqual([0, 1]);
      expect(good.skipped.map((skipped) => skipped.file.slice(folder.length + 3))).toEqual([
        '2.jpg',
        '3.png',
        '5.png',
        '6.jpg',
      ]);
      for (const { file: name, error } of good.skipped)
        expect(error.message.startsWith(`${name}: `)).toBe(true);
      expect(await reds(good)).toHaveLength(2);
    }
  });

  test('takes classes in the order given', async () => {
    await flowers();
    const set = await data.imageFolder(folder, { classes: ['rose', 'tulip', 'aster'] });
    expect([...(await set.labels())]).toEqual([0, 0, 0, 2, 2]);
    await rm(join(folder, 'aster'), { recursive: true });
    expect((await data.imageFolder(folder, { classes: ['rose'] })).length).toBe(3);
    await expect(data.imageFolder(folder, { classes: ['tulip'] })).rejects.toThrow(
      /rose: is no class, wants one of tulip$/,
    );
  });

  test('refuses folders that are empty, missing, of one class', async () => {
    await expect(data.imageFolder(join(folder, 'none'))).rejects.toThrow(
      /none: the folder cannot be read: ENOENT/,
    );
    await expect(data.imageFolder(folder)).rejects.toThrow(/: has no folders, wants one for each class$/);
    await image('cat/1.png', [0, 0, 0]);
    await expect(data.imageFolder(folder)).rejects.toThrow(
      /: has one class alone, cat, wants two folders or more/,
    );
    await mkdir(join(folder, 'dog'));
    await expect(data.imageFolder(folder)).rejects.toThrow(/dog: holds no images \(\.jpg, /);
    await rm(join(folder, 'cat', '1.png'));
    await file('cat/1.png', 'x');
    await file('dog/1.png', 'x');
    await expect(data.imageFolder(folder)).rejects.toThrow(/cat.1\.png: /);
    await expect(data.imageFolder(folder, { corrupt: 'skip' })).rejects.toThrow(
      /: none of 2 images can be read: .*1\.png/,
    );
  });

  test.each([
    [
      { resize: 0 },
      /^imageFolder: resize is 0, wants a whole number from 1 on, or \[height, width\] of such$/,
    ],
    [{ resize: [1, 2, 3] }, /^imageFolder: resize is \[1, 2, 3\]/],
    [{ centerCrop: 1.5 }, /^imageFolder: centerCrop is 1.5/],
    [{ corrupt: 'ignore' }, /^imageFolder: corrupt is 'ignore', wants 'error' or 'skip'$/],
    [{ cache: 1 }, /^imageFolder: cache is of type number, wants true or false$/],
    [{ grayscale: 'no' }, /^imageFolder: grayscale is of type string/],
    [{ concurrency: 0 }, /^imageFolder: concurrency is 0/],
    [{ classes: 'a' }, /^imageFolder: classes is 'a', wants an array of names$/],
    [{ size: 3 }, /^imageFolder: option 'size' is unknown/],
  ])('refuses %o', async (options, message) => {
    await expect(data.imageFolder(folder, options as never)).rejects.toThrow(message);
  });
});

describe('imageFolders', () => {
  test('reads train, val and test, by the classes of train', async () => {
    await flowers('train/');
    await image('val/rose/1.png', [9, 0, 0]);
    await flowers('test/');
    const { train, validation, test: held } = await data.imageFolders(folder, { cache: true });
    expect([train.length, validation?.length, held?.length]).toEqual([5, 1, 5]);
    expect([...(await validation!.labels())]).toEqual([1]);
    expect(await reds(validation!)).toEqual([9]);
    await rm(join(folder, 'test'), { recursive: true });
    expect(Object.keys(await data.imageFolders(folder))).toEqual(['train', 'validation']);
    await image('val/tulip/1.png', [9, 0, 0]);
    await expect(data.imageFolders(folder)).rejects.toThrow(/tulip: is no class, wants one of aster, rose$/);
  });

  test('refuses a folder of another layout', async () => {
    await expect(data.imageFolders(folder)).rejects.toThrow(/: has no folders, wants train, and val or test/);
    await flowers();
    await expect(data.imageFolders(folder)).rejects.toThrow(/: has the folders aster, rose, wants train/);
  });
});

describe('readImage', () => {
  const pixels = async (image: string | Uint8Array, options?: data.ImageOptions) => {
    const tensor = await data.readImage(image, options);
    return { shape: tensor.shape, data: await tensor.data() };
  };

  test('gives bytes as they are, of files and of bytes', async () => {
    const raw = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => (i * 37) % 256);
    const png = await sharp(raw, { raw: { width: 5, height: 4, channels: 3 } })
      .png()
      .toBuffer();
    await file('some.png', png);
    for (const from of [png, join(folder, 'some.png')]) {
      expect(await pixels(from)).toEqual({ shape: [4, 5, 3], data: raw });
    }
    const cropped = await pixels(png, { centerCrop: [2, 3] });
    expect(cropped.data).toEqual(Uint8Array.from([...raw.subarray(18, 27), ...raw.subarray(33, 42)]));
  });

  test('makes three channels of grey, lays on black what is transparent, and 8 bits of 16', async () => {
    const grey = await sharp(Buffer.from([7, 200]), { raw: { width: 2, height: 1, channels: 1 } }).toColourspace('b-w').png().toBuffer();
    expect(await pixels(grey)).toEqual({ shape: [1, 2, 3], data: Uint8Array.of(7, 7, 7, 200, 200, 200) });
    expect(await pixels(grey, { grayscale: true })).toEqual({ shape: [1, 2, 1], data: Uint8Array.of(7, 200) });
    const clear = await sharp(Buffer.from([200, 100, 50, 0, 200, 100, 50, 255]), { raw: { width: 2, height: 1, channels: 4 } }).png().toBuffer();
    expect((await pixels(clear)).data).toEqual(Uint8Array.of(0, 0, 0, 200, 100, 50));
    const deep = await sharp(Uint16Array.of(65535, 257, 0), { raw: { width: 1, height: 1, channels: 3 } }).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    expect((await pixels(deep)).data).toEqual(Uint8Array.of(255, 1, 0));
  }); // prettier-ignore

  test('turns upright what the camera noted', async () => {
    const raw = Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap((v) => [v * 40, v * 40, v * 40]));
    const lying = await sharp(raw, { raw: { width: 3, height: 2, channels: 3 } }).withMetadata({ orientation: 6 }).png().toBuffer();
    const upright = await pixels(lying);
    expect(upright.shape).toEqual([3, 2, 3]);
    expect([0, 3, 6, 9, 12, 15].map((i) => upright.data[i]! / 40)).toEqual([4, 1, 5, 2, 6, 3]);
    const middle = await pixels(lying, { centerCrop: [1, 2] });
    expect([middle.shape, middle.data[0]! / 40, middle.data[3]! / 40]).toEqual([[1, 2, 3], 5, 2]);
  }); // prettier-ignore

  test('makes smaller by a triangle over areas, as PIL and torchvision do', async () => {
    const [width, height, w, h] = [23, 17, 9, 5];
    const raw = Uint8Array.from(noise(width * height, 3), (v) => 127 + 120 * v);
    const png = await sharp(raw, { raw: { width, height, channels: 1 } }).toColourspace('b-w').png().toBuffer();
    const made = await pixels(png, { resize: [h, w], grayscale: true });
    // Along one axis: weights fall off linearly, to 0 at the distance of one new pixel.
    const along = (values: number[], n: number): number[] =>
      Array.from({ length: n }, (_, i) => {
        const scale = values.length / n;
        const weights = values.map((_v, j) => Math.max(0, 1 - Math.abs((j + 0.5) / scale - (i + 0.5))));
        const total = weights.reduce((a, b) => a + b, 0);
        return values.reduce((sum, v, j) => sum + v * weights[j]!, 0) / total;
      });
    const rows = Array.from({ length: height }, (_, y) => along([...raw.subarray(y * width, (y + 1) * width)], w));
    const columns = Array.from({ length: w }, (_, x) => along(rows.map((row) => row[x]!), h));
    const wanted = Array.from({ length: h * w }, (_, i) => columns[i % w]![Math.floor(i / w)]!);
    // At the border libvips repeats the outermost pixels.
    const inside = wanted.map((_, i) => i).filter((i) => i % w > 0 && i % w < w - 1 && i >= w && i < w * (h - 1));
    const errors = inside.map((i) => Math.abs(wanted[i]! - made.data[i]!));
    expect(Math.max(...errors)).toBeLessThan(4);
    expect(errors.reduce((a, b) => a + b, 0) / errors.length).toBeLessThan(1);
  }); // prettier-ignore

  test('names what is wrong', async () => {
    await expect(data.readImage(join(folder, 'none.jpg'))).rejects.toThrow(
      /none\.jpg: Input file is missing/,
    );
    await expect(data.readImage(Buffer.from('none'))).rejects.toThrow(/^image: Input buffer/);
    await expect(data.readImage('x', { resize: -1 })).rejects.toThrow(/^readImage: resize is -1/);
  });
});

if (process.env.STRIATE_DATA !== undefined) {
  test('reads real images, all of them', async () => {
    const { train, test: held } = await data.imageFolders(join(process.env.STRIATE_DATA!, 'cifar10-images'));
    expect([train.length, held?.length, train.shape, train.classes.length]).toEqual([
      400,
      100,
      [32, 32, 3],
      10,
    ]);
    for (const set of [train, held!]) expect(await reds(set, 64)).toHaveLength(set.length);
  });
}
