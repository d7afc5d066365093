import { describe, expect, test } from 'vitest';
import {
  data,
  loss,
  memory,
  nn,
  ops,
  optim,
  randomState,
  setRandomState,
  setSeed,
  StriateError,
  synchronize,
  tensor,
  Trainer,
  type Loss,
  type Tensor,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { f32, noise } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Gives what is not finite from some call on. */
class Breaks extends nn.Module {
  left: number;
  constructor(calls: number) {
    super();
    this.left = calls;
  }
  forward(x: Tensor): Tensor {
    return this.left-- > 0 ? x : ops.div(x, 0);
  }
}

function points(n: number, change: (x: Float32Array) => void = () => undefined): data.TensorDataset {
  const x = noise(n * 2, 4);
  const labels = Int32Array.from({ length: n }, (_, i) => (x[2 * i]! + x[2 * i + 1]! > 0 ? 1 : 0));
  change(x);
  return new data.TensorDataset(tensor(x, [n, 2]), tensor(labels));
}

function trainerOf(
  middle: nn.Module,
  { lr = 0.1, of = loss.crossEntropy, accumulate = 1 }: { lr?: number; of?: Loss; accumulate?: number } = {},
) {
  setSeed(1);
  const model = new nn.Sequential(
    new nn.Sequential(new nn.Linear(2, 8), new nn.Dropout(0.3), middle),
    new nn.ReLU(),
    new nn.Linear(8, 2),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  return new Trainer(model, { optimizer, loss: of, accumulate });
}

const weights = ({ model }: Trainer) => Promise.all(model.parameters().map((p) => p.data()));
const options = { batchSize: 8, shuffle: false, progress: false } as const;

describe('a loss that is not finite ends training', () => {
  test.each([1, 2])(
    'and names the layer, with the weights as before, accumulating %i',
    async (accumulate) => {
      const [trainer, until] = [
        trainerOf(new Breaks(4), { accumulate }),
        trainerOf(new Breaks(99), { accumulate }),
      ];
      const random = randomState();
      const reasons: string[] = [];
      const fitting = trainer.fit(points(80), {
        ...options,
        callbacks: [{ onTrainEnd: ({ reason }) => void reasons.push(reason) }],
      });
      await expect(fitting).rejects.toThrow(
        new StriateError(
          'fit: the loss of epoch 1, batch 5 is NaN: 0.2 (Breaks) is the first layer whose output is not finite; no step was made with it',
        ),
      );
      expect(reasons).toEqual(['failed']);
      setRandomState(random);
      await until.fit(points(32), options);
      expect(await weights(trainer)).toEqual(await weights(until));
      // What comes afterwards is told nothing of it.
      await synchronize();
    },
  );

  test('and names the parameter that the step before has made so', async () => {
    const trainer = trainerOf(new nn.Identity(), {
      lr: 1e38,
      of: (y, t) => ops.mul(loss.crossEntropy(y, t), 1e20),
    });
    await expect(trainer.fit(points(80), options)).rejects.toThrow(
      /^fit: the loss of epoch 1, batch 2 is NaN: 0\.0 \(Linear\) is the first layer whose output is not finite, as its parameter 0\.0\.weight is not since the step before;/,
    );
  });

  test('and tells of the input, the target, and the loss function', async () => {
    const broken = points(80, (x) => (x[50] = NaN));
    await expect(trainerOf(new nn.Identity()).fit(broken, options)).rejects.toThrow(
      /batch 4 is NaN: the input is not finite/,
    );
    let calls = 0;
    const own: Loss = (y, t) => ops.mul(loss.crossEntropy(y, t), ++calls > 2 ? Infinity : 1);
    await expect(trainerOf(new nn.Identity(), { of: own }).fit(points(80), options)).rejects.toThrow(
      /batch 3 is Infinity: the outputs of all layers are finite, so it is the loss function;/,
    );
    const y = new data.TensorDataset(tensor(noise(8), [4, 2]), f32([1, NaN, 3, 4], [4, 1]));
    const model = new nn.Linear(2, 1);
    const trainer = new Trainer(model, { optimizer: new optim.SGD(model.parameters()), loss: loss.mse });
    await expect(trainer.fit(y, { progress: false })).rejects.toThrow(
      /batch 1 is NaN: the target is not finite/,
    );
    let times = 0;
    const once: Loss = (out, t) => ops.mul(loss.crossEntropy(out, t), ++times === 2 ? NaN : 1);
    await expect(trainerOf(new nn.Identity(), { of: once }).fit(points(80), options)).rejects.toThrow(
      /batch 2 is NaN: the outputs of all layers are finite, and the loss, too, when the batch was repeated;/,
    );
  });

  test('with a step of dropout drawn as it was', async () => {
    // Only what dropout has let pass is seen.
    const seen: number[][] = [];
    class Watch extends nn.Module {
      forward(x: Tensor): Tensor {
        seen.push([...x.dataSync()]);
        return seen.length > 2 ? ops.div(x, 0) : x;
      }
    }
    await expect(trainerOf(new Watch()).fit(points(80), options)).rejects.toThrow(
      /batch 3 is NaN: 0\.2 \(Watch\)/,
    );
    expect(seen.at(-1)).toEqual(seen[2]);
  });

  test('and leaves no memory behind', async () => {
    const trainer = trainerOf(new Breaks(2));
    const set = points(80);
    const fail = () => expect(trainer.fit(set, options)).rejects.toThrow(StriateError);
    await fail();
    await collectGarbage();
    const before = memory().liveTensors;
    await fail();
    await collectGarbage();
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
  });
});

describe('whenFinite', () => {
  test('gives its value, or fails, also after one that has', async () => {
    const when = (
      input: number,
      value: number,
      previous: ReturnType<typeof native.whenFinite> | null = null,
    ) => native.whenFinite(f32([input], []).handle, value, previous);
    expect([...(await native.data(when(3, 0.25)))]).toEqual([0.25]);
    expect([...(await native.data(when(3, 2, when(1, 1))))]).toEqual([2]);
    for (const input of [NaN, Infinity, -Infinity]) {
      const failed = when(input, 1);
      await expect(native.data(failed)).rejects.toThrow(/whenFinite: input is not finite/);
      await expect(native.data(when(1, 1, failed))).rejects.toThrow(/whenFinite: input is not finite/);
    }
    expect(() => native.whenFinite(f32([1, 2], [2]).handle, 1, null)).toThrow(
      /input \[2\] has 2 elements, wants 1/,
    );
  });
});
