// Transforms that change what pixels are: colours, blur, noise, boxes, mixtures, features.
import { describe, expect, test } from 'vitest';
import { loss, tensor } from '../../../lib/index.js';
import { native } from '../../../lib/native.js';
import { expectClose, f32, i32, noise, noisy, relativeError, volume } from '../../check.js';
import { collectGarbage } from '../../garbage.js';
import { bits, draws, inputsAfter, transforms } from './batches.js';

const shape = [30, 12, 11, 3];
const x = noise(volume(shape), 4).map((value) => (value + 1) / 2);
const size = 12 * 11 * 3;
const of = (values: Float32Array, n: number) => values.subarray(n * size, (n + 1) * size);
const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('colours', () => {
  test('ColorJitter draws a factor of brightness for each image', async () => {
    const dark = x.map((value) => value / 4);
    const y = await inputsAfter(new transforms.ColorJitter({ brightness: 0.5 }), f32(dark, shape));
    const factors = Array.from({ length: 30 }, (_, n) => mean(of(y, n)) / mean(of(dark, n)));
    for (const [n, factor] of factors.entries()) {
      expect(factor).toBeGreaterThanOrEqual(0.5);
      expect(factor).toBeLessThanOrEqual(1.5);
      expect(
        relativeError(
          of(y, n),
          of(dark, n).map((value) => value * factor),
        ),
      ).toBeLessThan(1e-5);
    }
    expect(new Set(factors.map((factor) => factor.toFixed(3))).size).toBeGreaterThan(20);
  });

  test('ColorJitter without anything to draw changes nothing; a hue of a whole turn is none', async () => {
    expect(bits(await inputsAfter(new transforms.ColorJitter(), f32(x, shape)))).toBe(bits(x));
    const still = new transforms.ColorJitter({ hue: [0, 0], contrast: [1, 1] });
    expect(bits(await inputsAfter(still, f32(x, shape)))).toBe(bits(x));
  });

  test('ColorJitter changes one thing alone as it does beside others that are still', async () => {
    const alone = await inputsAfter(new transforms.ColorJitter({ saturation: 0.7 }), f32(x, shape));
    const beside = new transforms.ColorJitter({ saturation: 0.7, hue: 0, brightness: [1, 1] });
    expect(bits(await inputsAfter(beside, f32(x, shape)))).toBe(bits(alone));
    expect(bits(alone)).not.toBe(bits(x));
  });

  test('Grayscale and RandomGrayscale make grey of all or of some', async () => {
    const grey = Array.from({ length: x.length / 3 }, (_, i) =>
      0.2989 * x[3 * i]! + 0.587 * x[3 * i + 1]! + 0.114 * x[3 * i + 2]!); // prettier-ignore
    expect(relativeError(await inputsAfter(new transforms.Grayscale(), f32(x, shape)), grey)).toBeLessThan(
      1e-6,
    );
    const three = await inputsAfter(new transforms.Grayscale(3), f32(x, shape));
    expect(
      relativeError(
        three,
        grey.flatMap((v) => [v, v, v]),
      ),
    ).toBeLessThan(1e-6);
    const some = await inputsAfter(new transforms.RandomGrayscale(0.4), f32(x, shape));
    const kinds = Array.from({ length: 30 }, (_, n) =>
      bits(of(some, n).slice()) === bits(of(x, n).slice())
        ? 'colour'
        : relativeError(of(some, n), of(three, n)) < 1e-6
          ? 'grey'
          : 'neither',
    );
    expect(new Set(kinds)).toEqual(new Set(['colour', 'grey']));
  });
});

describe('blur and noise', () => {
  test('GaussianBlur blurs by a normal distribution', async () => {
    const point = new Float32Array(15 * 15);
    point[7 * 15 + 7] = 1;
    const y = await inputsAfter(
      new transforms.GaussianBlur([7, 5], { sigma: 1.3 }),
      f32(point, [1, 15, 15, 1]),
    );
    const weights = (n: number) => {
      const row = Array.from({ length: n }, (_, i) => Math.exp(-((i - (n - 1) / 2) ** 2) / 2 / 1.3 ** 2));
      const sum = row.reduce((total, value) => total + value, 0);
      return (i: number) => row[i + (n - 1) / 2]! / sum || 0;
    };
    const [down, along] = [weights(7), weights(5)];
    const expected = Array.from(
      { length: 225 },
      (_, k) => down(Math.floor(k / 15) - 7) * along((k % 15) - 7),
    );
    expect(relativeError(y, expected)).toBeLessThan(1e-6);
    const range = await inputsAfter(
      new transforms.GaussianBlur(5),
      f32(new Float32Array([...point, ...point]), [2, 15, 15, 1]),
    );
    expect(range[112]).not.toBe(range[225 + 112]);
  });

  test('GaussianNoise adds noise and holds it within [0, 1]', async () => {
    const big = f32(new Float32Array(4 * 9000).fill(0.5), [4, 9000]);
    const y = await inputsAfter(new transforms.GaussianNoise({ mean: 0.1, sigma: 0.05 }), big);
    expect(mean(y)).toBeCloseTo(0.6, 2);
    expect(Math.sqrt(mean(y.map((value) => (value - 0.6) ** 2)))).toBeCloseTo(0.05, 2);
    expect(Math.max(...(await inputsAfter(new transforms.GaussianNoise({ sigma: 3 }), big)))).toBe(1);
    const free = await inputsAfter(new transforms.GaussianNoise({ sigma: 3, clip: false }), big);
    expect(Math.max(...free)).toBeGreaterThan(3);
  });

  test('CheckFinite names the sample', async () => {
    const given = x.slice();
    given[5 * size + 4] = NaN;
    await expect(inputsAfter(new transforms.CheckFinite(), f32(given, shape))).rejects.toThrow(
      /checkFinite: sample 5 is NaN at \[0, 1, 1\]/,
    );
    expect(bits(await inputsAfter(new transforms.CheckFinite(), f32(x, shape)))).toBe(bits(x));
  });
});

/** Which pixels of image n differ: its box, and whether all of them do. */
function changed(y: Float32Array, n: number) {
  const places = Array.from({ length: 132 }, (_, i) => i).filter((i) =>
    [0, 1, 2].some((c) => of(y, n)[3 * i + c] !== of(x, n)[3 * i + c]),
  );
  const [rows, columns] = [places.map((i) => Math.floor(i / 11)), places.map((i) => i % 11)];
  const [tall, wide] = [
    Math.max(...rows) - Math.min(...rows) + 1,
    Math.max(...columns) - Math.min(...columns) + 1,
  ];
  return { count: places.length, tall, wide, top: Math.min(...rows), left: Math.min(...columns) };
}

describe('boxes', () => {
  test('RandomErasing erases boxes of the area and proportions it is told', async () => {
    const erasing = new transforms.RandomErasing({ p: 0.6, scale: [0.2, 0.4], ratio: [0.5, 2], value: 9 });
    const y = await inputsAfter(erasing, f32(x, shape));
    const boxes = Array.from({ length: 30 }, (_, n) => changed(y, n)).filter(({ count }) => count > 0);
    expect(boxes.length).toBeGreaterThan(10);
    expect(boxes.length).toBeLessThan(26);
    for (const { count, tall, wide } of boxes) {
      expect(count).toBe(tall * wide);
      expect(count / 132).toBeGreaterThan(0.15);
      expect(count / 132).toBeLessThan(0.48);
    }
    expect(new Set(boxes.map(({ top, left }) => `${top},${left}`)).size).toBeGreaterThan(5);
    expect(y.every((value) => value === 9 || value <= 1)).toBe(true);
  });

  test("RandomErasing by 'random' leaves other numbers in each image", async () => {
    const erasing = new transforms.RandomErasing({ p: 1, value: 'random' });
    const y = await inputsAfter(erasing, f32(x, shape));
    expect(changed(y, 1).count).toBeGreaterThan(0);
    const one = await inputsAfter(erasing, f32(of(x, 0), [1, 12, 11, 3]));
    expect(bits(one)).toBe(bits(of(y, 0).slice()));
  });

  test('Cutout cuts squares out, at the border parts of them', async () => {
    const y = await inputsAfter(new transforms.Cutout(6), f32(x, shape));
    const boxes = Array.from({ length: 30 }, (_, n) => changed(y, n));
    expect(boxes.every(({ count, tall, wide }) => count === tall * wide && tall <= 6 && wide <= 6)).toBe(
      true,
    );
    expect(boxes.some(({ tall }) => tall < 6)).toBe(true);
    expect(boxes.some(({ tall, wide }) => tall === 6 && wide === 6)).toBe(true);
  });
});

describe('mixtures', () => {
  const labels = [0, 1, 2, 3, 1];
  const five = () => f32(x.subarray(0, 5 * size), [5, 12, 11, 3]);

  test('MixUp mixes inputs and targets alike', async () => {
    const transform = new transforms.MixUp({ alpha: 0.8, numClasses: 4 });
    const [mixed, target] = transform.apply([five(), i32(labels, [5])], draws(5));
    expect([target.dtype, target.shape]).toEqual(['f32', [5, 4]]);
    const [values, shares] = [await mixed.data(), await target.data()];
    for (let n = 0; n < 5; n++) {
      const own = shares[4 * n + labels[n]!]!;
      const others = 1 - own;
      const partner = (n + 1) % 5;
      expect(shares[4 * n + labels[partner]!]).toBeCloseTo(others, 6);
      const expected = of(x, n).map((value, i) => own * value + others * of(x, partner)[i]!);
      expect(relativeError(of(values, n), expected)).toBeLessThan(1e-6);
    }
    const crossEntropy = loss.crossEntropy(noisy([5, 4]), target);
    expect(await crossEntropy.item()).toBeGreaterThan(0);
  });

  test('CutMix pastes boxes and mixes targets by their area', async () => {
    const transform = new transforms.CutMix({ numClasses: 4 });
    const [pasted, target] = transform.apply([five(), i32(labels, [5])], draws(5));
    const [values, shares] = [await pasted.data(), await target.data()];
    let boxes = 0;
    for (let n = 0; n < 5; n++) {
      const { count, tall, wide } = changed(values, n);
      boxes += Number(count > 0);
      if (count > 0) expect(count).toBe(tall * wide);
      expect(shares[4 * n + labels[(n + 1) % 5]!]).toBeCloseTo(count / 132, 6);
      const partner = of(x, (n + 1) % 5);
      of(values, n).forEach((value, i) => expect([of(x, n)[i], partner[i]]).toContain(value));
    }
    expect(boxes).toBeGreaterThan(2);
  });

  test('take values as targets', async () => {
    const [, target] = new transforms.MixUp().apply([noisy([2, 3]), f32([1, 0, 0, 1], [2, 2])], draws(2));
    const [a = 0, b = 0, c = 0, d = 0] = await target.data();
    expect(a + b).toBeCloseTo(1, 6);
    expect(c + d).toBeCloseTo(1, 6);
  });

  test('refuse labels without a number of classes, and options that are none', async () => {
    const batch = () =>
      [noisy([2, 3]), i32([0, 5], [2])] as [ReturnType<typeof noisy>, ReturnType<typeof i32>];
    expect(() => new transforms.MixUp().apply(batch(), draws(2))).toThrow(
      /MixUp: targets are labels, wants numClasses/,
    );
    expect(() => new transforms.CutMix({ alpha: 0 })).toThrow(/CutMix: alpha is 0/);
    expect(() => new transforms.CutMix({ numClasses: 0 })).toThrow(/CutMix: numClasses is 0/);
    const [, target] = new transforms.MixUp({ numClasses: 3 }).apply(batch(), draws(2));
    await expect(target.data()).rejects.toThrow(/index 5 at place 1 is not in \[0, 3\)/);
  });
});

describe('features', () => {
  const labels = [0, 1, 0, 1, 0, 7];
  const features = noise(6 * 5, 2);
  const batch = () =>
    [f32(features, [6, 5]), i32(labels, [6])] as [ReturnType<typeof f32>, ReturnType<typeof i32>];
  const row = (values: Float32Array, n: number) => values.subarray(5 * n, 5 * n + 5);

  test.each([
    ['FeatureInterpolation', 0.3],
    ['FeatureExtrapolation', -0.3],
  ] as const)('%s goes along the line through another sample of the class', async (name, share) => {
    const [moved, target] = new transforms[name]({ lambda: 0.3 }).apply(batch(), draws(6));
    expect([...(await target.data())]).toEqual(labels);
    const values = await moved.data();
    for (let n = 0; n < 6; n++) {
      const partners = labels.flatMap((label, i) => (label === labels[n] && i !== n ? [i] : []));
      const candidates = partners.length > 0 ? partners : [n];
      const errors = candidates.map((partner) =>
        relativeError(
          row(values, n),
          row(features, n).map((value, i) => value + share * (row(features, partner)[i]! - value)),
        ),
      );
      expect(Math.min(...errors)).toBeLessThan(1e-6);
    }
  });

  test('leaves samples alone as often as it is told, and wants labels', async () => {
    const none = new transforms.FeatureInterpolation({ p: 0 });
    expect(bits(await none.apply(batch(), draws(6))[0].data())).toBe(bits(features));
    expect(() => none.apply([noisy([2, 3]), noisy([2, 2])], draws(2))).toThrow(
      /FeatureInterpolation: targets are f32 \[2, 2\], wants labels i32 \[N\]/,
    );
  });

  test('FeatureNoise is γ·σ·z', async () => {
    const zeros = () => f32(new Float32Array(4000), [1000, 4]);
    const y = await inputsAfter(new transforms.FeatureNoise({ gamma: 0.5, std: [0, 1, 2, 4] }), zeros());
    for (const [c, std] of [0, 0.5, 1, 2].entries()) {
      const squares = y.filter((_, i) => i % 4 === c).reduce((sum, value) => sum + value ** 2, 0);
      expect(Math.sqrt(squares / 1000)).toBeCloseTo(std, 0.9);
    }
    const one = await inputsAfter(new transforms.FeatureNoise({ std: 2 }), zeros());
    expect(Math.sqrt(mean(one.map((value) => value ** 2)))).toBeCloseTo(1, 1);
  });
});

test('wrong options are refused at once', () => {
  const {
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    RandomErasing,
    Cutout,
    FeatureNoise,
    FeatureInterpolation,
  } = transforms;
  expect(() => new ColorJitter({ brightness: -1 })).toThrow(/ColorJitter: brightness is -1/);
  expect(() => new ColorJitter({ hue: 0.6 })).toThrow(
    /ColorJitter: hue is \[-0.6, 0.6\].*within -0.5 to 0.5/,
  );
  expect(() => new ColorJitter({ contrast: [2, 1] })).toThrow(/contrast is \[2, 1\]/);
  expect(() => new transforms.Grayscale(2 as never)).toThrow(/numOutputChannels is 2/);
  expect(() => new GaussianBlur(4)).toThrow(/GaussianBlur: kernelSize is 4, wants odd numbers/);
  expect(() => new GaussianBlur(3, { sigma: 0 })).toThrow(/GaussianBlur: sigma is \[0, 0\]/);
  expect(() => new GaussianNoise({ sigma: -1 })).toThrow(/GaussianNoise: sigma is -1/);
  expect(() => new GaussianNoise({ clip: 'yes' as never })).toThrow(/clip is 'yes'/);
  expect(() => new RandomErasing({ value: 'noise' as never })).toThrow(/RandomErasing: value is 'noise'/);
  expect(() => new RandomErasing({ scale: [0, 2] })).toThrow(/scale is \[0, 2\]/);
  expect(() => new Cutout(0)).toThrow(/Cutout: length is 0/);
  expect(() => new FeatureNoise({ std: -1 })).toThrow(/FeatureNoise: std is -1/);
  expect(() => new FeatureInterpolation({ lambda: NaN })).toThrow(/FeatureInterpolation: lambda is NaN/);
  expect(() => new transforms.FeatureExtrapolation({ p: 2 })).toThrow(/FeatureExtrapolation: p is 2/);
});

test('every transform leaves nothing behind but what it returns', async () => {
  const all = [
    new transforms.RandomCrop(8, { padding: 2 }),
    new transforms.RandomHorizontalFlip(),
    new transforms.Normalize(0.5, 0.5),
    new transforms.Resize(7),
    new transforms.RandomResizedCrop(9),
    new transforms.RandomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1], shear: 5 }),
    new transforms.RandomRotation(20, { interpolation: 'bilinear', paddingMode: 'edge' }),
    new transforms.GaussianBlur(3),
    new transforms.GaussianNoise(),
    new transforms.CheckFinite(),
    new transforms.ColorJitter({ brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1 }),
    new transforms.RandomGrayscale(),
    new transforms.Grayscale(3),
    new transforms.RandomErasing({ value: 'random' }),
    new transforms.Cutout(3),
    new transforms.FeatureNoise({ std: [1, 2, 3] }),
    new transforms.FeatureExtrapolation(),
    new transforms.MixUp({ numClasses: 4 }),
    new transforms.CutMix(),
  ];
  await collectGarbage();
  for (const transform of [...all, new transforms.Compose(all)]) {
    const before = native.memory().liveTensors;
    const given = [f32(x, shape), tensor(Int32Array.from({ length: 30 }, (_, i) => i % 4))] as const;
    // CutMix follows MixUp, which has made probabilities of labels.
    const batch = transform instanceof transforms.CutMix ? ([given[0], noisy([30, 4])] as const) : given;
    if (batch !== given) given[1].dispose();
    const after = transform.apply([...batch], draws(30));
    expect(native.memory().liveTensors, transform.constructor.name).toBe(before + 2);
    for (const part of after) {
      await part.data();
      part.dispose();
    }
    expect(native.memory().liveTensors).toBe(before);
  }
});

test('numbers of samples and samples must be as many', () => {
  const batch = () =>
    [noisy([3, 4, 4, 3]), i32([0, 1, 2], [3])] as [ReturnType<typeof noisy>, ReturnType<typeof i32>];
  for (const transform of [
    new transforms.RandomCrop(2),
    new transforms.GaussianNoise(),
    new transforms.ColorJitter({ hue: 0.1 }),
    new transforms.MixUp({ numClasses: 3 }),
    new transforms.FeatureInterpolation(),
  ]) {
    expect(() => transform.apply(batch(), draws(2))).toThrow(
      /comes with 2 numbers of samples, wants as many/,
    );
  }
});

test('kept tensors are not disposed', async () => {
  const kept = noisy([2, 4, 4, 3]).keep();
  const y = new transforms.RandomCrop(2).apply([kept, i32([0, 1], [2])], draws(2))[0];
  expect(kept.disposed).toBe(false);
  await expectClose(
    new transforms.CenterCrop(4).apply([kept, i32([0, 1], [2])], draws(2))[0],
    await kept.data(),
    0,
  );
  y.dispose();
  kept.dispose();
});
