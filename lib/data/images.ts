import { describe } from '../describe.js';
import { completed, requireFlag } from '../optim/options.js';
import { tensor } from '../ops/creation.js';
import type { Tensor } from '../tensor.js';

/** What becomes of an image file before it is a tensor. */
export interface ImageOptions {
  /**
   * A number: the shorter side becomes this, the longer in proportion, as by torchvision's Resize(n). [height, width]: just
   * that, whatever the proportion. Bilinear, over areas where it makes smaller. Default: images stay as they are.
   */
  resize?: number | readonly [height: number, width: number] | undefined;
  /** The middle of the image, afterwards: n×n, or [height, width], as by torchvision's CenterCrop. Default: all of it. */
  centerCrop?: number | readonly [height: number, width: number] | undefined;
  /** Whether images have one channel, of grey, or red, green and blue. Default: false. */
  grayscale?: boolean | undefined;
}

export type CheckedImageOptions = Required<ImageOptions> & { grayscale: boolean };

export const imageDefaults: CheckedImageOptions = {
  resize: undefined,
  centerCrop: undefined,
  grayscale: false,
};

/** Pixels, row by row, channels last. */
export interface Pixels {
  data: Uint8Array;
  shape: readonly [height: number, width: number, channels: number];
}

export function checkImageOptions(operation: string, options: CheckedImageOptions): void {
  requireFlag(`${operation}: grayscale`, options.grayscale);
  for (const name of ['resize', 'centerCrop'] as const) {
    const size: unknown = options[name];
    const extents: readonly unknown[] = Array.isArray(size) ? size : [size, size];
    const fits = extents.length === 2 && extents.every((n) => Number.isInteger(n) && (n as number) >= 1);
    if (size === undefined || fits) continue;
    throw new RangeError(
      `${operation}: ${name} is ${describe(size)}, wants a whole number from 1 on, or [height, width] of such`,
    );
  }
}

/**
 * An image as a tensor u8 [height, width, channels], by the package sharp: JPEG, PNG, WebP, GIF, AVIF, TIFF. It is turned
 * upright as its camera noted, what is transparent is laid on black, other colour spaces become sRGB.
 *
 * @param image a file, or the bytes of one
 * @throws Error that names the file where it is damaged, cut short or no image, and where sharp is not installed
 */
export async function readImage(
  image: string | Uint8Array,
  options: ImageOptions = {},
): Promise<Tensor<'u8'>> {
  const checked = completed('readImage', imageDefaults, options as CheckedImageOptions);
  checkImageOptions('readImage', checked);
  const { data, shape } = await decode(image, checked);
  return tensor(data, shape);
}

export async function decode(image: string | Uint8Array, options: CheckedImageOptions): Promise<Pixels> {
  const name = typeof image === 'string' ? image : 'image';
  const { default: sharp } = await import('sharp').catch((cause: unknown) => {
    throw new Error('images are read by the package sharp, which is not installed: npm install sharp', {
      cause,
    });
  });
  try {
    // Warnings are of what other programs read as well; what is cut short is refused, though half of it could be shown.
    const source = sharp(image, { failOn: 'error' });
    const { resize, centerCrop } = options;
    const turned = source.autoOrient().flatten({ background: 'black' });
    // The header is read where the size matters: to look costs a quarter of decoding a small image.
    let size: readonly [number, number] = [0, 0];
    if (typeof resize === 'number' || (centerCrop !== undefined && resize === undefined)) {
      const { height, width } = (await source.metadata()).autoOrient;
      size = [height, width];
    }
    if (resize !== undefined) {
      size = typeof resize === 'number' ? inProportion(size, resize) : resize;
      turned.resize(size[1], size[0], { fit: 'fill', kernel: 'linear' });
    }
    if (centerCrop !== undefined) {
      const [height, width] = typeof centerCrop === 'number' ? [centerCrop, centerCrop] : centerCrop;
      if (height > size[0] || width > size[1]) {
        throw new RangeError(
          `is ${size.join('×')} pixels, centerCrop wants ${height}×${width}; resize makes it larger`,
        );
      }
      const [top, left] = [Math.round((size[0] - height) / 2), Math.round((size[1] - width) / 2)];
      turned.extract({ left, top, width, height });
    }
    const coloured = options.grayscale ? turned.grayscale() : turned.toColourspace('srgb');
    const { data, info } = await coloured.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data, shape: [info.height, info.width, info.channels] };
  } catch (cause) {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`, {
      cause,
    });
  }
}

/** The size whose shorter side is `side`. */
function inProportion([height, width]: readonly [number, number], side: number): [number, number] {
  const longer = Math.floor((side * Math.max(height, width)) / Math.min(height, width));
  return height < width ? [side, longer] : [longer, side];
}
