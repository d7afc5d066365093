import sharp from 'sharp';
import { expect, test } from 'vitest';
import { pngAddress, pngOf } from '../../lib/report/png.js';
import { isImage, thumbnail } from '../../lib/report/thumbnail.js';
import { noise } from '../check.js';

const bytes = (n: number): Uint8Array => Uint8Array.from(noise(n, 8), (value) => 128 + 127 * value);

test.each([
  [7, 5, 1],
  [1, 1, 3],
  [13, 31, 3],
  [300, 2, 1],
] as const)('PNG of %i×%i pixels of %i channels, as another reads it', async (width, height, channels) => {
  const data = bytes(width * height * channels);
  const { data: read, info } = await sharp(await pngOf({ width, height, channels, data }))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([width, height]);
  const grey = (i: number) => read[i * info.channels];
  if (channels === 1) expect(Array.from(data, (_, i) => grey(i))).toEqual([...data]);
  else expect([...read]).toEqual([...data]);
});

test('the address holds the file', async () => {
  const picture = { width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) } as const;
  const address = await pngAddress(picture);
  expect(address).toMatch(/^data:image\/png;base64,[A-Za-z0-9+/=]+$/);
  expect(Buffer.from(address.split(',')[1]!, 'base64')).toEqual(await pngOf(picture));
});

test('thumbnails: values from 0 to 1 as they are, others from the least to the largest', () => {
  const of = (...values: number[]) => [...thumbnail(Float32Array.from(values), [1, values.length, 1]).data];
  expect(of(0.2, 0.6)).toEqual([51, 153]);
  expect(of(-1, 0, 1)).toEqual([0, 128, 255]);
  expect(of(NaN, 10, 20)).toEqual([0, 0, 255]);
  expect(of(7, 7)).toEqual([0, 0]);
});

test('thumbnails: three channels in colour, the first of others in grey', () => {
  const values = Float32Array.from([0, 0.2, 0.4, 0.6, 0.8, 1, 0, 0.2]);
  expect(thumbnail(values, [1, 2, 4])).toEqual({
    ...{ width: 2, height: 1, channels: 3 },
    data: Uint8Array.of(0, 51, 102, 204, 255, 0),
  });
  expect(thumbnail(values, [2, 2, 2])).toMatchObject({ channels: 1, data: Uint8Array.of(0, 102, 204, 0) });
});

test('thumbnails: what is large is made small by means of blocks, the last ones smaller', () => {
  const picture = thumbnail(
    Float32Array.from({ length: 130 * 65 }, (_, i) => (i % 65 < 64 ? 0.5 : 1)),
    [130, 65, 1],
  );
  expect([picture.width, picture.height]).toEqual([22, 44]);
  // Blocks of 3: the last column has 63 and 64, the mean of 0.5 and 1.
  expect([...picture.data.subarray(20, 22)]).toEqual([128, 191]);
});

test('what is shown as a picture', () => {
  expect(
    [
      [4, 4, 1],
      [4, 4],
      [10, 3],
      [0, 4, 1],
    ].map(isImage),
  ).toEqual([true, false, false, false]);
});
