// What weights files and recipes say of networks, data and their preparation.
import { describe, expect, test } from 'vitest';
import { inputAfter, measuringSteps, trainingSteps } from '../../lib/cli/augmentation.js';
import { byClass } from '../../lib/cli/evaluation.js';
import { buildModel, settled } from '../../lib/cli/models.js';
import { checkedNetwork, type Network } from '../../lib/cli/network.js';
import { buildOptimizer, buildSchedule } from '../../lib/cli/optimization.js';
import { modelNames, optimizerNames, scheduleNames } from '../../lib/cli/recipe/schema.js';
import { table } from '../../lib/cli/table.js';
import { nn } from '../../lib/index.js';
import { ReduceLROnPlateau } from '../../lib/optim/index.js';

const network: Network = {
  model: { name: 'smallVgg' },
  input: [32, 32, 3],
  classes: ['a', 'b'],
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.2, 0.2],
  data: { name: 'cifar10' },
};

describe('a network', () => {
  test('is checked', () => {
    expect(checkedNetwork(network, 'f')).toEqual(network);
    const wrong: unknown[] = [
      undefined,
      null,
      [],
      'text',
      { ...network, mean: [1] },
      { ...network, std: [0, 1, 1] },
      { ...network, input: [] },
      { ...network, input: [32, -1] },
      { ...network, classes: [] },
      { ...network, classes: [1] },
      { ...network, more: 1 },
    ];
    for (const value of wrong) {
      expect(() => checkedNetwork(value, 'f'), JSON.stringify(value)).toThrow(
        'f: does not say which network',
      );
    }
    expect(() => checkedNetwork({ ...network, model: { name: 'x' } }, 'f')).toThrow("f: model.name is 'x'");
    expect(() => checkedNetwork({ ...network, data: { name: 'x' } }, 'f')).toThrow("f: data.name is 'x'");
  });

  test('is made by each name', () => {
    // Those for photographs have weights by the hundred megabyte.
    const light = modelNames.filter((name) => !/vgg\d|alexnet|34|50/.test(name));
    for (const name of light) {
      const input = name === 'lenet5' ? [28, 28, 1] : [32, 32, 3];
      using model = buildModel(settled({ name }, input), input, 3);
      expect(model.parameters().at(-1)?.shape, name).toEqual([3]);
    }
    expect(settled({ name: 'resnet18' }, [32, 32, 3])).toEqual({ name: 'resnet18', smallImages: true });
    expect(settled({ name: 'resnet18' }, [224, 224, 3])).toEqual({ name: 'resnet18', smallImages: false });
    expect(settled({ name: 'resnet18', smallImages: false }, [32, 32, 3])).toMatchObject({
      smallImages: false,
    });
    expect(settled({ name: 'googlenet', auxLogits: true }, [32, 32, 3])).toEqual({
      ...{ name: 'googlenet', auxLogits: true, smallImages: true },
    });
    expect(() => buildModel({ name: 'vgg11' }, [5], 3)).toThrow('vgg11: samples are [5], wants images');
  });

  test('takes images of the size that augmentation leaves', () => {
    const sized = { augmentation: [{ name: 'resizedCrop', size: 24 }, { name: 'flip' }] } as const;
    expect(inputAfter({ augmentation: [...sized.augmentation] }, [32, 32, 3])).toEqual([24, 24, 3]);
    expect(inputAfter({ augmentation: [{ name: 'crop' }] }, [32, 32, 3])).toEqual([32, 32, 3]);
    const kinds = (steps: readonly object[]) => steps.map((step) => step.constructor.name);
    expect(kinds(measuringSteps(network, [32, 32, 3]))).toEqual(['Normalize']);
    expect(kinds(measuringSteps(network, [40, 32, 3]))).toEqual(['Resize', 'Normalize']);
    expect(kinds(measuringSteps({ ...network, mean: [], std: [] }, [32, 32, 3]))).toEqual([]);
    expect(kinds(trainingSteps({ augmentation: [{ name: 'crop' }], mixup: 0.2 }, network))).toEqual([
      'RandomCrop',
      'Normalize',
      'MixUp',
    ]);
    expect(() => trainingSteps({ augmentation: [{ name: 'flip' }] }, { ...network, input: [4] })).toThrow(
      'augmentation: samples are [4], wants images',
    );
  });
});

describe('schedules', () => {
  const length = { epochs: 4, stepsPerEpoch: 10 };

  test.each(scheduleNames.filter((name) => name !== 'plateau' && name !== 'constant'))(
    '%s goes through all steps, after a rise',
    (name) => {
      const model = new nn.Linear(2, 2);
      const optimizer = buildOptimizer(model, { name: 'sgd', lr: 0.5, momentum: 0.9 });
      const warmup = name === 'onecycle' ? {} : { warmup: 0.5 };
      const options = name === 'multistep' ? { milestones: [1] } : name === 'step' ? { stepSize: 1 } : {};
      const { scheduler } = buildSchedule(optimizer, { name, ...options, ...warmup }, length)!;
      const rates: number[] = [];
      for (let i = 0; i < 40; i++) {
        rates.push(optimizer.lr);
        scheduler.step(0);
      }
      expect(Math.max(...rates)).toBeCloseTo(0.5, 2);
      expect(rates[0]).toBeLessThan(0.03);
      if (name !== 'onecycle') expect(rates[5]).toBeCloseTo(0.5, 6);
      expect(rates[39]).toBeLessThan(0.4);
    },
  );

  test('cosine without a rise is that of its steps', () => {
    const optimizer = buildOptimizer(new nn.Linear(2, 2), { name: 'sgd', lr: 0.1 });
    const { scheduler, interval } = buildSchedule(optimizer, { name: 'cosine' }, length)!;
    expect(interval).toBe('step');
    for (let i = 0; i < 10; i++) scheduler.step(0);
    expect(optimizer.lr).toBeCloseTo(0.05 * (1 + Math.cos(Math.PI / 4)), 6);
  });

  test('constant is none, plateau watches', () => {
    const optimizer = buildOptimizer(new nn.Linear(2, 2), { name: 'adam' });
    expect(buildSchedule(optimizer, { name: 'constant' }, length)).toBeNull();
    const plateau = buildSchedule(optimizer, { name: 'plateau', monitor: 'loss', patience: 1 }, length);
    expect(plateau?.scheduler).toBeInstanceOf(ReduceLROnPlateau);
    expect(plateau?.monitor).toBe('loss');
  });
});

test.each(optimizerNames)('the optimizer %s is made', (name) => {
  const optimizer = buildOptimizer(new nn.Linear(2, 2), { name, lr: 0.25, clipNorm: 2 });
  expect(optimizer.constructor.name.toLowerCase()).toBe(name);
  expect(optimizer.groups[0]!.options).toMatchObject({ lr: 0.25, clipNorm: 2 });
});

test('classes are measured by the confusion of them', () => {
  const results = byClass(
    [
      [3, 1, 0],
      [2, 4, 0],
      [0, 0, 0],
    ],
    ['a', 'b', 'c'],
  );
  expect(results).toEqual([
    { class: 'a', precision: 0.6, recall: 0.75, f1: 6 / 9, samples: 4 },
    { class: 'b', precision: 0.8, recall: 4 / 6, f1: 8 / 11, samples: 6 },
    { class: 'c', precision: null, recall: null, f1: null, samples: 0 },
  ]);
  expect(table(['x', 'count'], [['long name', '1']])).toBe(
    'x          count\n----------------\nlong name      1\n',
  );
});
