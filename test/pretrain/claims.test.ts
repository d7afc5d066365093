// What autoencoders and pretraining are for, on MNIST where its files are, else on the digits that come with striate.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  data,
  loss,
  models,
  nn,
  noGrad,
  ops,
  optim,
  pretrain,
  scope,
  setSeed,
  Trainer,
} from '../../lib/index.js';
import type { Tensor } from '../../lib/index.js';

const folder = process.env.STRIATE_DATA;
const mnist = folder !== undefined;
const { train, test: held } = mnist
  ? await data.mnist(join(folder, 'mnist'))
  : await data.digits({ side: 8 });

describe(`a tied autoencoder, on ${mnist ? 'MNIST' : 'digits'}`, () => {
  const [pixels, hidden, code, epochs] = mnist ? [784, 256, 32, 6] : [64, 128, 8, 40];
  const [x] = held.batch(Int32Array.from({ length: held.length }, (_, i) => i));
  const error = (reconstruct: (x: Tensor) => Tensor): Promise<number> =>
    noGrad(() => scope(() => loss.mse(reconstruct(x), x))).item();

  test('errs less on new digits than as many principal components', async () => {
    const pca = await data.preprocessing.PCA.fit(train, { components: code });
    const byComponents = await error((images) =>
      ops.reshape(
        ops.matmul(pca.forward(images), pca.components, { transposeB: true }).add(pca.mean),
        images.shape,
      ),
    );
    for (const seed of [1, 2]) {
      setSeed(seed);
      const model = models.autoencoder([pixels, hidden, code], { tied: true });
      const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 });
      const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: epochs });
      const trainer = new Trainer(model, { optimizer, schedule, loss: loss.mse });
      await trainer.fit(data.reconstruction(train), { epochs, batchSize: 64, seed, progress: false });
      model.eval();
      expect(await error((images) => model.forward(images))).toBeLessThan(0.9 * byComponents);
    }
  });
});

describe(`a deep network of sigmoids and few labels, on ${mnist ? 'MNIST' : 'digits'}`, () => {
  const widths = mnist ? [784, 256, 256, 256] : [64, 64, 64, 64];
  const labelled = new data.Subset(
    train,
    Array.from({ length: mnist ? 500 : 200 }, (_, i) => i),
  );

  async function fineTuned(model: nn.Module, seed: number): Promise<number> {
    const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
    const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
    await trainer.fit(labelled, { epochs: mnist ? 12 : 30, batchSize: 20, seed, progress: false });
    return (await trainer.evaluate(held)).accuracy;
  }

  test.each([1, 2])('learns new digits better when it was pretrained, seed %i', async (seed) => {
    const options = { batchSize: 32, seed, progress: false };
    setSeed(seed);
    const random = new nn.Sequential(
      new nn.Flatten(),
      ...widths.slice(1).flatMap((width, i) => [new nn.Linear(widths[i]!, width), new nn.Sigmoid()]),
      new nn.Linear(widths.at(-1)!, 10),
    );
    const without = await fineTuned(random, seed);
    const stack = new models.StackedAutoencoder(widths, { corruption: () => new nn.MaskingNoise(0.25) });
    await pretrain.greedy(stack, train, {
      ...options,
      epochs: mnist ? 3 : 50,
      loss: () => loss.binaryCrossEntropy,
    });
    expect(await fineTuned(stack.classifier(10), seed)).toBeGreaterThan(without + 0.03);
    const dbn = new models.DBN(widths);
    await pretrain.greedy(dbn, train, { ...options, epochs: mnist ? 3 : 20 });
    expect(await fineTuned(dbn.classifier(10), seed)).toBeGreaterThan(without + 0.03);
  });
});
