// What is frozen stays as it is, to the bit, and costs no backward pass.
import { describe, expect, test } from 'vitest';
import {
  Checkpoint,
  data,
  EMA,
  loss,
  nn,
  optim,
  profile,
  randn,
  setSeed,
  tensor,
  Trainer,
  transfer,
  type Callback,
} from '../../lib/index.js';
import { noisy } from '../check.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function network(): nn.Sequential {
  setSeed(3);
  return new nn.Sequential({
    conv1: new nn.Conv2d(1, 4, 3),
    bn1: new nn.BatchNorm2d(4),
    relu: new nn.ReLU(),
    conv2: new nn.Conv2d(4, 4, 3, { stride: 2 }),
    in2: new nn.InstanceNorm2d(4, { affine: true, trackRunningStats: true }),
    bn2: new nn.BatchNorm2d(4, { affine: false, momentum: null }),
    flatten: new nn.Flatten(),
    drop: new nn.Dropout(0.2),
    fc1: new nn.Linear(36, 8),
    fc2: new nn.Linear(8, 3),
  });
}

function images(n = 24): data.TensorDataset {
  return new data.TensorDataset(
    noisy([n, 10, 10, 1], 5),
    tensor(Int32Array.from({ length: n }, (_, i) => i % 3)),
  );
}

async function valuesOf(model: nn.Module): Promise<Map<string, readonly number[]>> {
  const list = Array.from(model.stateDict(), async ([name, t]) => [name, [...(await t.data())]] as const);
  return new Map(await Promise.all(list));
}

/** The names whose values are others. */
function changed(was: Map<string, readonly number[]>, is: Map<string, readonly number[]>): string[] {
  return [...was.keys()].filter((name) => was.get(name)!.some((v, i) => !Object.is(v, is.get(name)![i])));
}

const quiet = { progress: false } as const;

describe('freeze', () => {
  test('keeps parameters and running statistics to the bit, with momentum, decay and averages', async () => {
    const model = network();
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.05, weightDecay: 0.1 });
    const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
    // State and gradients of before are no reason to move.
    await trainer.fit(images(), { epochs: 2, batchSize: 8, ...quiet });
    transfer.unfreezeTop(model, 2);
    const was = await valuesOf(model);
    await trainer.fit(images(), { epochs: 3, batchSize: 8, callbacks: [new EMA({ decay: 0.7 })], ...quiet });
    expect(changed(was, await valuesOf(model))).toEqual(['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']);
    model.unfreeze();
    await trainer.fit(images(), { batchSize: 8, ...quiet });
    expect(changed(was, await valuesOf(model)).sort()).toEqual([...was.keys()].sort());
  });

  test('forgets gradients, so that no optimizer follows them', async () => {
    const model = network();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    loss.crossEntropy(model.forward(noisy([4, 10, 10, 1])), tensor(Int32Array.of(0, 1, 2, 0))).backward();
    model.freeze();
    const was = await valuesOf(model);
    optimizer.step();
    expect(changed(was, await valuesOf(model))).toEqual([]);
  });

  test('norms use the running statistics in training, and dropout drops', async () => {
    const model = network();
    model.train();
    model.forward(noisy([8, 10, 10, 1], 6));
    const x = noisy([8, 10, 10, 1], 7);
    const norm = new nn.Sequential(model.at(0), model.at(1)).freeze();
    const training = await norm.forward(x).data();
    expect(await norm.eval().forward(x).data()).toEqual(training);
    norm.train().unfreeze();
    expect(await norm.forward(x).data()).not.toEqual(training);
    const dropout = new nn.Dropout(0.5).freeze();
    expect((await dropout.forward(randn([200])).data()).filter((v) => v === 0).length).toBeGreaterThan(50);
  });

  test('the statistics of the population are of those that are not frozen', async () => {
    const model = network();
    model.at(1).freeze();
    const meanOf = (name: string) => model.stateDict().get(`${name}.runningMean`)!.data();
    const was = await meanOf('bn1');
    await nn.populationStatistics(model, [noisy([8, 10, 10, 1], 8)]);
    expect(await meanOf('bn1')).toEqual(was);
    expect((await meanOf('bn2')).some((v: number) => v !== 0)).toBe(true);
  });

  test('costs no backward pass, and below the top no gradient of weights', async () => {
    const model = network();
    const step = async () => {
      const entries = await profile(() =>
        loss.crossEntropy(model.forward(noisy([4, 10, 10, 1])), tensor(Int32Array.of(0, 1, 2, 0))).backward(),
      );
      model.zeroGrad();
      return entries
        .map(({ operation }) => operation)
        .filter((name) => /conv2dBy|batchNorm|matmul/.test(name));
    };
    expect(await step()).toEqual(
      expect.arrayContaining(['conv2dByWeight', 'conv2dByInput', 'batchNormBackward']),
    );
    transfer.unfreezeTop(model, 1);
    // Of the head alone: by its weight.
    expect((await step()).filter((name) => name !== 'batchNormInference')).toEqual(['matmul']);
    model.freeze();
    model.at(0).unfreeze();
    // The gradient goes through all layers above, to their inputs.
    const through = await step();
    expect(through.filter((name) => name === 'conv2dByWeight')).toHaveLength(1);
    expect(through.filter((name) => name === 'conv2dByInput')).toHaveLength(1);
    expect(through.filter((name) => name === 'matmul')).toHaveLength(2);
  });
});

describe('GradualUnfreezing', () => {
  /** The stages that each epoch has changed. */
  async function trained(options: transfer.GradualUnfreezingOptions, epochs: number): Promise<string[]> {
    const model = network();
    const optimizer = new optim.SGD(transfer.stageGroups(model, { lr: 0.1 }), { momentum: 0.9 });
    let was = await valuesOf(model);
    const seen: string[] = [];
    const watch: Callback = {
      async onEpochEnd() {
        const is = await valuesOf(model);
        seen.push([...new Set(changed(was, is).map((name) => name.split('.')[0]!))].join(' '));
        was = is;
      },
    };
    const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
    const callbacks = [new transfer.GradualUnfreezing(options), watch];
    await trainer.fit(images(), { epochs, batchSize: 8, callbacks, ...quiet });
    return seen;
  }

  test('trains one stage more at a time, from the top', async () => {
    expect(await trained({}, 5)).toEqual(
      [
        'fc2',
        'fc1 fc2',
        'conv2 fc1 fc2 in2 bn2',
        'conv1 bn1 conv2 fc1 fc2 in2 bn2',
        'conv1 bn1 conv2 fc1 fc2 in2 bn2',
      ].map((line) => expect.toSatisfy((given: string) => sorted(given) === sorted(line)) as string),
    );
    const stages = [['conv1', 'bn1', 'conv2', 'in2', 'bn2'], ['fc1'], ['fc2']];
    expect(await trained({ start: 2, everyEpochs: 2, stages }, 3)).toEqual([
      'fc1 fc2',
      'fc1 fc2',
      expect.toSatisfy((given: string) => sorted(given) === sorted('conv1 bn1 conv2 fc1 fc2 in2 bn2')),
    ]);
  });

  test('goes on from a checkpoint to the same bits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'striate-gradual-'));
    try {
      const run = async (name: string, ends: number, resume?: string) => {
        const model = network();
        const optimizer = new optim.Adam(transfer.stageGroups(model, { lr: 0.01 }));
        const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
        const stop: Callback = {
          onEpochEnd({ epoch }) {
            if (epoch === ends) trainer.stop();
          },
        };
        const checkpoint = new Checkpoint({ folder: join(folder, name), monitor: null });
        const callbacks = [new transfer.GradualUnfreezing(), checkpoint, stop];
        await trainer.fit(images(), { epochs: 4, batchSize: 8, seed: 1, callbacks, resume, ...quiet });
        return valuesOf(model);
      };
      const whole = await run('whole', 4);
      await run('part', 2);
      expect(await run('rest', 4, join(folder, 'part', 'last.safetensors'))).toEqual(whole);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('refuses an optimizer that lacks parameters, and options that are none', async () => {
    const model = network();
    const optimizer = new optim.SGD(model.at(9).parameters());
    const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
    const callbacks = [new transfer.GradualUnfreezing()];
    await expect(trainer.fit(images(), { callbacks, ...quiet })).rejects.toThrow(
      /the optimizer lacks parameters of conv1, conv2, fc1, wants all from the beginning/,
    );
    expect(() => new transfer.GradualUnfreezing({ start: -1 })).toThrow(/GradualUnfreezing: start is -1/);
    expect(() => new transfer.GradualUnfreezing({ everyEpochs: 0 })).toThrow(RangeError);
  });
});

function sorted(names: string): string {
  return names.split(' ').sort().join(' ');
}
