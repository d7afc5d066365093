import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completed } from '../../lib/cli/recipe/defaults.js';
import { merged, withPath } from '../../lib/cli/recipe/merge.js';
import { overridden } from '../../lib/cli/recipe/options.js';
import { checkedRecipe } from '../../lib/cli/recipe/schema.js';
import { packageRoot } from '../../lib/native.js';
import { striate } from './striate.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-recipe-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a recipe', () => {
  test.each<[unknown, string]>([
    [{ epochs: 0 }, 'r: epochs is 0, wants a whole number from 1 on'],
    [{ epochs: '5' }, "r: epochs is '5', wants a whole number from 1 on"],
    [{ epoch: 5 }, 'r: epoch is unknown'],
    [{ model: 'lenet5' }, "r: model is 'lenet5', wants"],
    [{ model: { name: 'lenet6' } }, "r: model.name is 'lenet6', wants lenet5, alexnet, "],
    [{ model: {} }, 'r: model.name is missing'],
    [{ model: { name: 'lenet5', smallImages: true } }, 'r: model.smallImages is unknown'],
    [{ optimizer: { name: 'sgd', lr: -1 } }, 'r: optimizer.lr is -1, wants a number greater than 0'],
    [{ optimizer: { name: 'adam', betas: [0.9, 1] } }, 'r: optimizer.betas.1 is 1, wants a number from 0 on'],
    [
      { augmentation: [{ name: 'flip' }, { name: 'flip', p: 2 }] },
      'r: augmentation.1.p is 2, wants a number',
    ],
    [{ data: { name: 'cifar100', labels: 'rough' } }, "r: data.labels is 'rough', wants fine or coarse"],
    [{ checkpoint: { folder: '' } }, "r: checkpoint.folder is '', wants text"],
    [{ dashboard: 70000 }, 'r: dashboard is 70000, wants a port from 0 to 65535'],
    [{ epochs: 0, batchSize: 0, ema: 1, seed: -1, mixup: 0 }, '; and 2 more'],
    [[1], 'r: the recipe is [1], wants an object'],
    [{ earlyStopping: [1] }, 'r: earlyStopping is [1], wants an object'],
    [null, 'r: the recipe is null, wants an object'],
  ])('%j is refused', (recipe, message) => {
    expect(() => checkedRecipe(recipe, 'r')).toThrow(message);
  });

  test('is taken as it is where it fits, and completed', () => {
    const recipe = { model: { name: 'resnet18', smallImages: true }, ema: 0.99 } as const;
    expect(checkedRecipe(recipe, 'r')).toEqual(recipe);
    expect(completed(checkedRecipe(recipe, 'r'))).toMatchObject({
      ...recipe,
      data: { name: 'digits' },
      epochs: 5,
      optimizer: { name: 'adam', lr: 1e-3 },
    });
  });

  test('gives way to options, field by field', () => {
    const recipe = completed({
      model: { name: 'resnet18', smallImages: true },
      optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9 },
      ema: 0.99,
    });
    expect(overridden(recipe, { lr: 0.2, epochs: 3 })).toEqual({
      ...recipe,
      epochs: 3,
      optimizer: { name: 'sgd', lr: 0.2, momentum: 0.9 },
    });
    // Another kind keeps none of the old one's options but what all have.
    expect(overridden(recipe, { optimizer: 'adamw' }).optimizer).toEqual({ name: 'adamw', lr: 0.1 });
    expect(overridden(recipe, { model: 'lenet5' }).model).toEqual({ name: 'lenet5' });
    expect(overridden(recipe, { augment: ['crop', 'flip'] }).augmentation).toEqual([
      { name: 'crop' },
      { name: 'flip' },
    ]);
    const set = overridden(recipe, {
      set: [
        ['optimizer.momentum', 0.5],
        ['augmentation', [{ name: 'crop' }]],
        ['augmentation.0.padding', 2],
        ['ema', null],
      ],
    });
    expect(set.optimizer).toEqual({ name: 'sgd', lr: 0.1, momentum: 0.5 });
    expect(set.augmentation).toEqual([{ name: 'crop', padding: 2 }]);
    expect(set).not.toHaveProperty('ema');
    expect(() => overridden(recipe, { momentum: NaN })).toThrow(
      'the command line: optimizer.momentum is NaN, wants a number from 0 on',
    );
    expect(() => overridden(recipe, { set: [['optimizer.speed', 1]] })).toThrow('optimizer.speed is unknown');
  });

  test('is merged without changing what it is made of', () => {
    const under = Object.freeze({ a: Object.freeze({ name: 'x', b: 1, lr: 2 }), c: [1] });
    expect(merged(under, { a: { name: 'y' } }, ['lr'])).toEqual({ a: { name: 'y', lr: 2 }, c: [1] });
    expect(merged(under, { a: { b: undefined }, c: null })).toEqual({ a: { name: 'x', b: 1, lr: 2 } });
    expect(withPath(under, 'c.0', 5)).toEqual({ ...under, c: [5] });
    expect(withPath(under, 'd.e', 5)).toEqual({ ...under, d: { e: 5 } });
    expect(under.c).toEqual([1]);
  });
});

describe('striate train --print-recipe', () => {
  test('prints what --recipe takes', async () => {
    const args = [
      '--model',
      'resnet34',
      '--small-images',
      '--data',
      'cifar10',
      '--data-dir',
      'd',
      '--mixup',
      '0.2',
    ];
    const more = ['--optimizer', 'sgd', '--lr', '0.1', '--nesterov', '--momentum', '0.9', '--patience', '3'];
    const rest = ['--schedule', 'onecycle', '--dashboard', '--set', 'schedule.pctStart=0.2', '--seed', '0'];
    const first = await striate(['train', ...args, ...more, ...rest, '--print-recipe']);
    expect(first.code, first.err).toBe(0);
    const recipe = JSON.parse(first.out) as unknown;
    expect(recipe).toMatchObject({
      model: { name: 'resnet34', smallImages: true },
      data: { name: 'cifar10', dir: 'd' },
      optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true },
      schedule: { name: 'onecycle', pctStart: 0.2 },
      earlyStopping: { patience: 3, restoreBestWeights: true },
      mixup: 0.2,
      dashboard: 8737,
      seed: 0,
    });
    const file = join(folder, 'recipe.json');
    await writeFile(file, first.out);
    const again = await striate(['train', '--recipe', file, '--epochs', '7', '--print-recipe']);
    expect(JSON.parse(again.out)).toEqual({ ...(recipe as object), epochs: 7 });
  });

  test('names the file and the path of what does not fit', async () => {
    const file = join(folder, 'wrong.json');
    const wrong: [string, RegExp][] = [
      ['{"optimizer": {"name": "sgd", "momentun": 0.9}}', /wrong\.json: optimizer\.momentun is unknown\n$/],
      ['{"epochs": 2.5}', /wrong\.json: epochs is 2\.5, wants a whole number from 1 on\n$/],
      ['{"epochs": 2', /wrong\.json: is not JSON: /],
    ];
    for (const [text, message] of wrong) {
      await writeFile(file, text);
      const { code, err, out } = await striate(['train', '--recipe', file]);
      expect([code, out]).toEqual([1, '']);
      expect(err).toMatch(message);
    }
    const missing = await striate(['train', '--recipe', join(folder, 'none.json')]);
    expect(missing.err).toMatch(/cannot read the recipe .*none\.json/);
  });

  test.each(['cifar10.json', 'mnist.json'])('the example %s is one', async (name) => {
    const file = join(packageRoot, 'examples', 'recipes', name);
    const { code, out, err } = await striate(['train', '--recipe', file, '--print-recipe']);
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject(JSON.parse(await readFile(file, 'utf8')) as object);
  });
});
