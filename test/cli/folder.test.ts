// Training, resuming, measuring and predicting on folders of images.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noise } from '../check.js';
import { lastLine, lines, striate } from './striate.js';

let root: string;
const colors = ['blue', 'green', 'red'] as const;
const counts = { train: 20, test: 6 };

/** Noise with more of one colour. */
async function draw(file: string, color: (typeof colors)[number], seed: number): Promise<void> {
  const side = 20;
  const channel = { red: 0, green: 1, blue: 2 }[color];
  const values = noise(side * side * 3, seed);
  const pixels = Uint8Array.from(values, (v, i) => 100 + 60 * v + (i % 3 === channel ? 60 : 0));
  await sharp(pixels, { raw: { width: side, height: side, channels: 3 } }).toFile(file);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'striate-folder-'));
  for (const [part, count] of Object.entries(counts)) {
    for (const [k, color] of colors.entries()) {
      const folder = join(root, 'images', part, color);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < count; i++) await draw(join(folder, `${i}.png`), color, 1000 * k + i + count);
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

async function ran(
  ...args: string[]
): Promise<{ out: string; err: string; rows: Record<string, unknown>[] }> {
  const { code, out, err } = await striate(args);
  expect(code, `${args.join(' ')}: ${err}`).toBe(0);
  return { out, err, rows: args.includes('--json') ? (lines(out) as Record<string, unknown>[]) : [] };
}

const network = ['--model', 'smallVgg', '--set', 'model.widths=[8,16]', '--data', 'folder'];
const training = [
  ...network,
  ...['--side', '16', '--batch-size', '16', '--seed', '1', '--lr', '0.01'],
  ...['--augment', 'crop', 'flip', '--set', 'augmentation.0.padding=2', '--json'],
];

describe('striate on folders of images', () => {
  test('trains, resumes to the same weights, measures, and predicts', async () => {
    const data = ['--data-dir', join(root, 'images')];
    const [straight, broken] = [join(root, 'straight'), join(root, 'broken')];
    const logs = ['--csv-log', join(root, 'log.csv'), '--tensorboard', join(root, 'tb')];
    const whole = await ran(
      ...['train', ...training, ...data, '--epochs', '3', '--save', straight, ...logs],
      ...['--report', join(root, 'report.html')],
    );
    expect(whole.rows.slice(0, 3).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    const { testAccuracy } = whole.rows[3] as { testAccuracy: number };
    expect(testAccuracy).toBeGreaterThan(0.7);
    expect((await readFile(join(root, 'log.csv'), 'utf8')).trimEnd().split('\n')).toHaveLength(4);
    expect(await readFile(join(root, 'report.html'), 'utf8')).toContain('smallVgg on folder');
    expect((await readdir(join(root, 'tb'), { recursive: true })).length).toBeGreaterThan(0);

    const checkpoint = join(root, 'checkpoint');
    await ran('train', ...training, ...data, '--epochs', '1', '--checkpoint', checkpoint);
    const resumed = await ran('resume', checkpoint, '--epochs', '3', '--save', broken, '--json');
    expect(resumed.rows.map(({ epoch }) => epoch)).toEqual([2, 3, undefined]);
    expect(resumed.rows.at(-1)).toMatchObject({ epochs: 3, testAccuracy });
    expect((await readFile(broken)).equals(await readFile(straight))).toBe(true);

    const result = await ran('eval', '--weights', straight, ...data, '--json');
    expect(result.rows[0]).toMatchObject({ accuracy: testAccuracy, samples: 18 });
    const { classes, confusion } = result.rows[0] as {
      classes: { class: string; recall: number; samples: number }[];
      confusion: number[][];
    };
    expect(classes.map((one) => [one.class, one.samples])).toEqual(colors.map((color) => [color, 6]));
    expect(confusion.map((row) => row.reduce((a, b) => a + b))).toEqual([6, 6, 6]);
    expect(classes.map(({ recall }) => recall)).toEqual(confusion.map((row, k) => row[k]! / 6));
    const shown = await ran('eval', '--weights', straight, ...data);
    expect(shown.out).toMatch(/^class +precision +recall +F1 +samples\n-+\nblue +[\d.]+% /);
    expect(shown.out).toMatch(/\nis \\ taken for +blue +green +red\n-+\nblue +\d+ +\d+ +\d+\n/);
    expect(shown.out).toMatch(/\naccuracy [\d.]+% · loss [\d.]+ · 18 samples\n$/);
    // A checkpoint serves as well.
    const last = join(checkpoint, 'last.safetensors');
    const same = await ran('eval', '--weights', last, ...data, '--json');
    expect(same.rows[0]).toEqual(result.rows[0]);

    const folder = join(root, 'images', 'test', 'red');
    const file = join(root, 'images', 'test', 'blue', '0.png');
    const answers = await ran('predict', folder, file, '--weights', straight, '--json');
    expect(answers.rows).toHaveLength(7);
    const right = answers.rows.filter((row) => String(row.image).includes(`/${String(row.class)}/`));
    expect(right.length).toBe(confusion[2]![2]! + (answers.rows[6]!.class === 'blue' ? 1 : 0));
    const table = await ran('predict', folder, file, '--weights', straight, '--top', '2');
    expect(table.out).toMatch(
      /^image +class +sure +class +sure\n-+\n.*\/red\/0\.png +\w+ +[\d.]+% +\w+ +[\d.]+%\n/,
    );
    expect(table.out.trimEnd().split('\n')).toHaveLength(9);
    const one = await ran('predict', file, '--weights', straight);
    expect(one.out).toMatch(/^\w+ \([\d.]+%\)\n$/);
  });

  test('divides a folder without parts, and holds a share back to validate', async () => {
    const data = ['--data-dir', join(root, 'images', 'train')];
    const { rows } = await ran('train', ...training, ...data, '--epochs', '1', '--validation', '0.25');
    expect(rows[0]).toHaveProperty('validationLoss');
    expect(rows[1]).toHaveProperty('testAccuracy');
  });

  test('trains with all that a recipe may have', async () => {
    const recipe = {
      model: { name: 'resnet18' },
      data: { name: 'folder', dir: join(root, 'images'), side: 16 },
      augmentation: [
        { name: 'resizedCrop', size: 12, scale: [0.5, 1] },
        { name: 'affine', degrees: 5, translate: [0.1, 0.1] },
        { name: 'colorJitter', brightness: 0.1, hue: 0.05 },
        { name: 'blur', kernelSize: 3 },
        { name: 'noise', sigma: 0.02 },
        { name: 'grayscale', p: 0.1 },
        { name: 'erase' },
        { name: 'cutout', length: 3 },
      ],
      cutmix: 1,
      epochs: 2,
      batchSize: 20,
      accumulate: 2,
      dropLast: true,
      optimizer: { name: 'adamw', lr: 1e-3, weightDecay: 0.01, clipNorm: 1 },
      schedule: { name: 'cosine', warmup: 0.5 },
      loss: { name: 'crossEntropy', labelSmoothing: 0.1, balanced: true },
      ema: 0.9,
      earlyStopping: { patience: 5, restoreBestWeights: true },
      seed: 4,
      save: join(root, 'all.safetensors'),
    };
    const file = join(root, 'all.json');
    await writeFile(file, JSON.stringify(recipe));
    const { rows } = await ran('train', '--recipe', file, '--json');
    expect(rows).toHaveLength(3);
    const answer = await ran(
      'predict',
      join(root, 'images', 'test', 'red'),
      '--weights',
      recipe.save,
      '--json',
    );
    expect(answer.rows).toHaveLength(6);
  });

  test('tells images that are none by name, and goes on with the others', async () => {
    const weights = join(root, 'weights');
    const data = ['--data-dir', join(root, 'images'), '--epochs', '1'];
    await ran('train', ...training, ...data, '--save', weights);
    const folder = join(root, 'mixed');
    await mkdir(folder);
    await draw(join(folder, 'a.png'), 'red', 5);
    await writeFile(join(folder, 'b.png'), 'no image');
    const { code, out, err } = await striate(['predict', folder, '--weights', weights, '--json']);
    expect([code, lines(out)]).toEqual([1, [expect.objectContaining({ image: join(folder, 'a.png') })]]);
    expect(err).toMatch(/^striate: .*b\.png: /);
  });

  test('refuses what does not go together', async () => {
    const weights = join(root, 'digits.safetensors');
    await ran('train', '--epochs', '1', '--save', weights, '--json');
    const checkpoint = join(root, 'nothing');
    const wrong: [string[], RegExp][] = [
      [['train', '--data', 'folder'], /--data folder wants --data-dir/],
      [['train', '--data', 'folder', '--data-dir', join(root, 'none')], /none/],
      [
        ['train', '--data', 'folder', '--data-dir', join(root, 'images'), '--side', '16'],
        /lenet5: samples are \[16, 16, 3\]/,
      ],
      [['train', '--mixup', '1', '--cutmix', '1'], /mixup and cutmix: a recipe has one of the two/],
      [['train', '--data-dir', 'x'], /data\.dir is unknown/],
      [
        ['eval', '--weights', weights, '--data', 'folder', '--data-dir', join(root, 'images')],
        /is for the classes 0, 1/,
      ],
      [['predict', join(root, 'none.png'), '--weights', weights], /none\.png: is not there/],
      [['resume', checkpoint], /nothing/],
      [['resume', weights], /is no checkpoint/],
      [['summary'], /--model or --weights, one of the two/],
      [['summary', '--model', 'lenet5', '--input', '28'], /lenet5: samples are \[28\]/],
      [['summary', '--model', 'lenet5', '--input', 'x'], /whole numbers from 1 on/],
    ];
    for (const [args, message] of wrong) {
      const { code, err, out } = await striate(args);
      expect([args.join(' '), code, out]).toEqual([args.join(' '), 1, '']);
      expect(err).toMatch(message);
      expect(err).not.toContain('    at ');
    }
  });
});

const folderOfData = process.env.STRIATE_DATA;
if (folderOfData !== undefined) {
  test('photographs of ten classes', async () => {
    const data = ['--data-dir', join(folderOfData, 'cifar10-images')];
    const [weights, checkpoint] = [join(root, 'photos.safetensors'), join(root, 'photos')];
    const options = ['--side', '32', '--epochs', '1', '--batch-size', '50', '--augment', 'crop', 'flip'];
    await ran(
      'train',
      ...network,
      ...data,
      ...options,
      '--save',
      weights,
      '--checkpoint',
      checkpoint,
      '--json',
    );
    const resumed = await ran('resume', checkpoint, '--epochs', '2', '--save', weights, '--json');
    const { testAccuracy } = resumed.rows.at(-1) as { testAccuracy: number };
    const result = await ran('eval', '--weights', weights, ...data, '--json');
    expect(result.rows[0]).toMatchObject({ accuracy: testAccuracy, samples: 100 });
    const photos = join(folderOfData, 'cifar10-images', 'test', 'ship');
    expect(lastLine((await ran('predict', photos, '--weights', weights, '--json')).out)).toHaveProperty(
      'class',
    );
  });
}
