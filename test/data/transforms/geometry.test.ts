import { describe, expect, test } from 'vitest';
import type { data } from '../../../lib/index.js';
import { f32, noise, noisy, relativeError, volume } from '../../check.js';
import { draws, inputsAfter, transforms } from './batches.js';

const shape = [40, 6, 7, 2];
const image = (values: Float32Array, n: number, [, height, width, channels] = shape) =>
  values.subarray(n * height! * width! * channels!, (n + 1) * height! * width! * channels!);
/** A part of an image of `shape` from row and column on, mirrored or not. */
function part(
  values: Float32Array,
  [top, left]: number[],
  [tall, wide]: number[],
  flips = [false, false],
  fill = 0,
) {
  const [, height, width, channels] = shape as [number, number, number, number];
  return Array.from({ length: tall! * wide! * channels }, (_, k) => {
    const [i, j, c] = [Math.floor(k / channels / wide!), Math.floor(k / channels) % wide!, k % channels];
    const row = top! + (flips[1] ? tall! - 1 - i : i);
    const column = left! + (flips[0] ? wide! - 1 - j : j);
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    return inside ? values[(row * width + column) * channels + c]! : fill;
  });
}

const x = noise(volume(shape), 4);
const same = (a: ArrayLike<number>, b: ArrayLike<number>) => relativeError(a, b) === 0;

describe('crops and mirrors', () => {
  test('RandomCrop cuts out all windows there are, of the padded image', async () => {
    const crop = new transforms.RandomCrop([5, 4], { padding: [1, 0, 2, 1], fill: 3 });
    const found = new Set<string>();
    for (let epoch = 1; epoch < 20; epoch++) {
      const y = await inputsAfter(crop, f32(x, shape), { epoch });
      for (let n = 0; n < 40; n++) {
        const out = image(y, n, [40, 5, 4, 2]);
        const at: number[][] = [];
        for (let top = -1; top <= 1; top++)
          for (let left = -2; left <= 4; left++)
            if (same(out, part(image(x, n), [top, left], [5, 4], [false, false], 3))) at.push([top, left]);
        expect(at).toHaveLength(1);
        found.add(at.join());
      }
    }
    expect(found.size).toBe(3 * 7);
  });

  test('RandomCrop pads what is too small, if asked for', async () => {
    const y = await inputsAfter(new transforms.RandomCrop([10, 7], { padIfNeeded: true }), f32(x, shape));
    const tops = Array.from({ length: 40 }, (_, n) =>
      [-4, -3, -2, -1, 0].filter((top) =>
        same(image(y, n, [40, 10, 7, 2]), part(image(x, n), [top, 0], [10, 7])),
      ),
    );
    expect(tops.every((list) => list.length === 1)).toBe(true);
    expect(new Set(tops.flat())).toEqual(new Set([-4, -3, -2, -1, 0]));
    await expect(inputsAfter(new transforms.RandomCrop(7), f32(x, shape))).rejects.toThrow(
      /RandomCrop: size is \[7, 7\], an axis of the images has 6 pixels and 0 of padding/,
    );
  });

  test.each([
    [[4, 4], [1, 2]],
    [[3, 2], [2, 2]],
    [[5, 6], [0, 0]],
    [[9, 3], [-1, 2]],
    [[6, 12], [0, -2]],
  ])('CenterCrop of %j begins at %j', async (size, at) => {
    const y = await inputsAfter(new transforms.CenterCrop(size as [number, number]), f32(x, shape));
    expect(same(image(y, 3, [40, ...size, 2]), part(image(x, 3), at, size))).toBe(true);
  }); // prettier-ignore

  test('Pad surrounds images', async () => {
    const pad = new transforms.Pad([1, 2, 0, 3], { fill: 0.5 });
    const y = await inputsAfter(pad, f32(x, shape));
    expect(same(image(y, 7, [40, 9, 10, 2]), part(image(x, 7), [-1, 0], [9, 10], [false, false], 0.5))).toBe(
      true,
    );
  });

  test.each([
    ['RandomHorizontalFlip', [true, false]],
    ['RandomVerticalFlip', [false, true]],
  ] as const)('%s mirrors as often as it is told', async (name, flips) => {
    const y = await inputsAfter(new transforms[name](0.4), f32(x, shape));
    let mirrored = 0;
    for (let n = 0; n < 40; n++) {
      const was = same(image(y, n), part(image(x, n), [0, 0], [6, 7], [...flips]));
      expect(was || same(image(y, n), image(x, n))).toBe(true);
      mirrored += Number(was);
    }
    expect(mirrored).toBeGreaterThan(6);
    expect(mirrored).toBeLessThan(26);
    expect(same(await inputsAfter(new transforms[name](0), f32(x, shape)), x)).toBe(true);
    const all = await inputsAfter(new transforms[name](1), f32(x, shape));
    expect(same(image(all, 9), part(image(x, 9), [0, 0], [6, 7], [...flips]))).toBe(true);
  });

  test('Normalize takes out a mean and a deviation', async () => {
    const y = await inputsAfter(new transforms.Normalize([0.5, -1], 0.25), f32(x, shape));
    const expected = x.map((value, i) => (value - [0.5, -1][i % 2]!) / 0.25);
    expect(relativeError(y, expected)).toBeLessThan(1e-6);
  });
});

describe('sizes', () => {
  test('Resize makes the shorter side what it is told, or both', () => {
    const sizeOf = (transform: data.transforms.Transform, size: number[]) =>
      transform.apply([noisy([2, ...size, 3]), noisy([2])], draws(2))[0].shape.slice(1, 3);
    expect(sizeOf(new transforms.Resize(8), [20, 31])).toEqual([8, 12]);
    expect(sizeOf(new transforms.Resize(8), [31, 20])).toEqual([12, 8]);
    expect(sizeOf(new transforms.Resize([8, 3]), [31, 20])).toEqual([8, 3]);
    expect(sizeOf(new transforms.Resize(40, { interpolation: 'nearest' }), [20, 20])).toEqual([40, 40]);
  });

  test('RandomResizedCrop shows parts of the area and proportions that are allowed', async () => {
    // Value = column in one channel, row in the other: a part tells its own borders.
    const [side, out] = [60, 12];
    const ramp = f32(
      Float32Array.from({ length: 50 * side * side * 2 }, (_, k) => {
        const place = Math.floor(k / 2) % (side * side);
        return k % 2 === 0 ? place % side : Math.floor(place / side);
      }),
      [50, side, side, 2],
    );
    const crop = new transforms.RandomResizedCrop(out, {
      scale: [0.25, 0.5],
      ratio: [0.5, 2],
      antialias: false,
    });
    const y = await inputsAfter(crop, ramp);
    const widths = new Set<number>();
    for (let n = 0; n < 50; n++) {
      const at = (i: number, j: number, c: number) => y[((n * out + i) * out + j) * 2 + c]!;
      // The slope of a ramp shows how many pixels one place takes.
      const width = ((at(5, 8, 0) - at(5, 4, 0)) / 4) * out;
      const height = ((at(8, 5, 1) - at(4, 5, 1)) / 4) * out;
      widths.add(Math.round(width));
      expect((width * height) / side ** 2).toBeGreaterThan(0.23);
      expect((width * height) / side ** 2).toBeLessThan(0.52);
      expect(width / height).toBeGreaterThan(0.47);
      expect(width / height).toBeLessThan(2.1);
    }
    expect(widths.size).toBeGreaterThan(10);
  });

  test('RandomResizedCrop takes the centre where nothing fits', async () => {
    const wide = noise(2 * 4 * 40, 2);
    const crop = new transforms.RandomResizedCrop(4, { scale: [1, 1], ratio: [1, 1] });
    const y = await inputsAfter(crop, f32(wide, [2, 4, 40, 1]));
    const centre = Array.from({ length: 32 }, (_, k) => wide[Math.floor(k / 4) * 40 + 18 + (k % 4)]!);
    expect(same(y, centre)).toBe(true);
  });
});

describe('affine maps', () => {
  test('affineMatrix moves what is seen as torchvision does', () => {
    const { affineMatrix } = transforms;
    const move = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
    const at = (m: readonly number[], px: number, py: number) => [
      m[0]! * px + m[1]! * py + m[2]!,
      m[3]! * px + m[4]! * py + m[5]!,
    ];
    const close = (a: number[], b: number[]) => a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 10));
    // Where a place of the result comes from, in an image of 11 × 21 with its centre at (10, 5).
    close(at(affineMatrix(move, 11, 21), 3, 4), [3, 4]);
    close(at(affineMatrix({ ...move, translate: [2, -1] }, 11, 21), 3, 4), [1, 5]);
    close(at(affineMatrix({ ...move, scale: 2 }, 11, 21), 14, 9), [12, 7]);
    // Clockwise: what was at the right is at the bottom.
    close(at(affineMatrix({ ...move, angle: 90 }, 11, 21), 10, 8), [13, 5]);
    close(at(affineMatrix({ ...move, shear: [45, 0] }, 11, 21), 10, 8), [13, 8]);
    // torchvision.transforms.functional._get_inverse_affine_matrix([0, 0], 30, [3, -2], 1.5, [10, -20]) by its formula.
    const [rotation, sx, sy] = [30, 10, -20].map((degrees) => (degrees * Math.PI) / 180) as [
      number,
      number,
      number,
    ];
    const a = Math.cos(rotation - sy) / Math.cos(sy);
    const b = (-Math.cos(rotation - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rotation);
    const c = Math.sin(rotation - sy) / Math.cos(sy);
    const d = (-Math.sin(rotation - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rotation);
    const expected = [d / 1.5, -b / 1.5, 0, -c / 1.5, a / 1.5, 0];
    expected[2] = expected[0]! * -3 + expected[1]! * 2;
    expected[5] = expected[3]! * -3 + expected[4]! * 2;
    const full = { angle: 30, translate: [3, -2], scale: 1.5, shear: [10, -20] } as const;
    close([...affineMatrix(full, 1, 1)], expected);
  });

  test('RandomRotation by 90° turns counterclockwise', async () => {
    const square = noise(25, 1);
    const y = await inputsAfter(new transforms.RandomRotation([90, 90]), f32(square, [1, 5, 5, 1]));
    const expected = Array.from({ length: 25 }, (_, k) => square[(k % 5) * 5 + 4 - Math.floor(k / 5)]!);
    expect(same(y, expected)).toBe(true);
  });

  test('RandomAffine moves by whole pixels within its bounds', async () => {
    const y = await inputsAfter(new transforms.RandomAffine(0, { translate: [0.3, 0.2] }), f32(x, shape));
    const moves = Array.from({ length: 40 }, (_, n) => {
      const fits: string[] = [];
      for (let down = -2; down <= 2; down++)
        for (let right = -3; right <= 3; right++)
          if (same(image(y, n), part(image(x, n), [-down, -right], [6, 7]))) fits.push(`${down},${right}`);
      return fits;
    });
    expect(moves.every((list) => list.length === 1)).toBe(true);
    expect(new Set(moves.flat()).size).toBeGreaterThan(6);
    expect(moves.flat().every((move) => Math.abs(Number(move.split(',')[0])) <= 1)).toBe(true);
  });

  test('RandomAffine without anything to draw changes nothing', async () => {
    const still = new transforms.RandomAffine(0, { interpolation: 'bilinear' });
    expect(relativeError(await inputsAfter(still, f32(x, shape)), x)).toBeLessThan(1e-6);
  });
});

describe('wrong options are refused at once', () => {
  const { RandomCrop, Pad, RandomHorizontalFlip, Normalize, Resize, RandomResizedCrop, RandomAffine } =
    transforms;
  test.each<[() => unknown, RegExp]>([
    [() => new RandomCrop(0), /RandomCrop: size is 0, wants whole numbers from 1/],
    [() => new RandomCrop('a' as never), /RandomCrop: size is 'a'/],
    [() => new RandomCrop(3, { padding: -1 }), /RandomCrop: padding is -1/],
    [() => new RandomCrop(3, { padding: [1, 2, 3] as never }), /RandomCrop: padding is \[1, 2, 3\]/],
    [() => new RandomCrop(3, { paddingMode: 'zero' as never }), /paddingMode is 'zero', wants 'constant', 'edge'/],
    [() => new RandomCrop(3, { fill: NaN }), /RandomCrop: fill is NaN/],
    [() => new RandomCrop(3, { padIfNeeded: 1 as never }), /padIfNeeded is 1/],
    [() => new Pad(0.5), /Pad: padding is 0.5/],
    [() => new RandomHorizontalFlip(1.5), /RandomHorizontalFlip: p is 1.5, wants a probability/],
    [() => new RandomHorizontalFlip(NaN), /RandomHorizontalFlip: p is NaN/],
    [() => new transforms.RandomVerticalFlip('1' as never), /RandomVerticalFlip: p is '1'/],
    [() => new Normalize(0, 0), /Normalize: std is 0, wants numbers above 0/],
    [() => new Normalize([0, NaN], 1), /Normalize: mean is \[0, NaN\]/],
    [() => new Resize([2, 2.5]), /Resize: size is \[2, 2.5\]/],
    [() => new Resize(2, { interpolation: 'cubic' as never }), /interpolation is 'cubic'/],
    [() => new RandomResizedCrop(2, { scale: [0.5, 0.2] }), /scale is \[0.5, 0.2\], wants \[low, high\]/],
    [() => new RandomResizedCrop(2, { ratio: [0, 1] }), /ratio is \[0, 1\]/],
    [() => new RandomAffine(-5), /RandomAffine: degrees is -5, wants a finite number from 0 on/],
    [() => new RandomAffine(0, { translate: [2, 0] }), /translate is 2, wants a finite number from 0 to 1/],
    [() => new RandomAffine(0, { translate: 0.1 as never }), /translate is 0.1, wants \[horizontal, vertical\]/],
    [() => new RandomAffine(0, { scale: [0, 1] }), /scale is \[0, 1\]/],
    [() => new RandomAffine(0, { shear: 90 }), /shear is -90/],
    [() => new RandomAffine(0, { paddingMode: 'reflect' as never }), /paddingMode is 'reflect'/],
    [() => new transforms.RandomRotation([3, 1]), /RandomRotation: degrees is \[3, 1\]/],
  ])('%#', (make, message) => {
    expect(make).toThrow(message);
  }); // prettier-ignore

  test('and what are no images, when they come', async () => {
    await expect(inputsAfter(new RandomCrop(2), noisy([4, 3]))).rejects.toThrow(
      /RandomCrop: x \[4, 3\] has 2 axes, wants images: \[N, H, W, C\]/,
    );
    await expect(inputsAfter(new RandomAffine(1), noisy([4, 3]))).rejects.toThrow(/RandomAffine: x \[4, 3\]/);
    await expect(inputsAfter(new Normalize([1, 2], 1), noisy([2, 3, 3, 3]))).rejects.toThrow(
      /mean has 2 values, wants one, or one for each of 3 channels/,
    );
  });
});
