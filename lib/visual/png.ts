import { StriateError } from '../native.js';

/** An 8-bit image: `channels` of each pixel side by side, rows from the top; 1 is grey, 3 are red, green and blue. */
export interface Picture {
  width: number;
  height: number;
  channels: 1 | 3;
  data: Uint8Array;
}

/**
 * Writes a picture as a PNG file.
 *
 * @param scale how many pixels of the file each pixel is wide and high. Default: 1.
 * @throws StriateError where the package sharp is not installed; what the file system says
 */
export async function savePng(
  picture: Picture,
  file: string,
  { scale = 1 }: { scale?: number } = {},
): Promise<void> {
  if (!Number.isInteger(scale) || scale < 1) {
    throw new RangeError(`savePng: scale is ${scale}, wants a whole number from 1 on`);
  }
  const { default: sharp } = await import('sharp').catch((cause: unknown) => {
    throw new StriateError('savePng: pictures want the package sharp: npm install sharp', { cause });
  });
  const { width, height, channels, data } = picture;
  const image = sharp(data, { raw: { width, height, channels } });
  const large = scale > 1 ? image.resize(width * scale, height * scale, { kernel: 'nearest' }) : image;
  await large.png().toFile(file);
}
