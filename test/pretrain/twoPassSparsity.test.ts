import { describe, expect, test } from 'vitest';
import {
  data,
  grad,
  loss,
  memory,
  models,
  nn,
  ops,
  optim,
  pretrain,
  setSeed,
  StriateError,
  tensor,
  Trainer,
  type Tensor,
} from '../../lib/index.js';
import { f32, noise, relativeError } from '../check.js';
import { collectGarbage } from '../garbage.js';

const [samples, inputs, units] = [13, 5, 4];
const values = noise(samples * inputs, 3);
const dataset = () => data.reconstruction(new data.TensorDataset(tensor(values, [samples, inputs]), tensor(values, [samples, inputs]))); // prettier-ignore

function sparse(rho = 0.05) {
  setSeed(1);
  const sparsity = new nn.Sparsity({ rho, beta: 3 });
  const encoder = new nn.Linear(inputs, units);
  const decoder = new nn.Linear(units, inputs);
  const model = new models.Autoencoder(new nn.Sequential(encoder, new nn.Sigmoid(), sparsity), decoder);
  const lossOf = (output: Tensor, target: Tensor): Tensor =>
    ops.add(loss.mse(output, target), sparsity.penalty());
  return { sparsity, encoder, decoder, model, lossOf };
}

/** The loss over all data in double precision: mean squared error and β·Σ KL(ρ ‖ ρ̂). */
function wholeLoss(parameters: readonly ArrayLike<number>[], rho = 0.05, beta = 3): number {
  const [w, b, v, c] = parameters as [
    ArrayLike<number>,
    ArrayLike<number>,
    ArrayLike<number>,
    ArrayLike<number>,
  ];
  const rates = new Array<number>(units).fill(0);
  let squared = 0;
  for (let n = 0; n < samples; n++) {
    const x = values.subarray(n * inputs, (n + 1) * inputs);
    const code = rates.map((_, j) => {
      const sum = x.reduce((total, value, i) => total + value * w[i * units + j]!, b[j]!);
      return 1 / (1 + Math.exp(-sum));
    });
    code.forEach((a, j) => (rates[j]! += a / samples));
    x.forEach((value, i) => {
      const y = code.reduce((total, a, j) => total + a * v[j * inputs + i]!, c[i]!);
      squared += (y - value) ** 2;
    });
  }
  const divergence = rates.reduce(
    (sum, r) => sum + rho * Math.log(rho / r) + (1 - rho) * Math.log((1 - rho) / (1 - r)),
    0,
  );
  return squared / (samples * inputs) + beta * divergence;
}

describe('gradients of batches by means measured over all data', () => {
  async function gradientOfBatches(twoPass: boolean): Promise<{ analytic: number[]; numeric: number[] }> {
    const { model, sparsity, lossOf } = sparse();
    const parameters = model.parameters();
    if (twoPass) await new pretrain.TwoPassSparsity(sparsity, dataset(), { batchSize: 4 }).measure(model);
    const total = parameters.map((p) => new Float64Array(p.size));
    model.train();
    for await (const [x, y] of new data.DataLoader(dataset(), { batchSize: 5 })) {
      const gradients = grad(lossOf(model.forward(x), y as Tensor), parameters);
      for (const [k, g] of gradients.entries()) {
        (await g.data()).forEach((value, i) => (total[k]![i]! += (value * x.shape[0]!) / samples));
      }
    }
    const given = await Promise.all(parameters.map(async (p) => Float64Array.from(await p.data())));
    const numeric = given.flatMap((own, k) =>
      Array.from(own, (value, i) => {
        const at = (change: number): number => wholeLoss(given.with(k, own.with(i, value + change)));
        return (at(1e-4) - at(-1e-4)) / 2e-4;
      }),
    );
    return { analytic: total.flatMap((g) => [...g]), numeric };
  }

  test('add up to that of the loss over all data, by differences', async () => {
    const { analytic, numeric } = await gradientOfBatches(true);
    expect(relativeError(analytic, numeric)).toBeLessThan(1e-5);
  });

  test('by means of batches do not', async () => {
    const { analytic, numeric } = await gradientOfBatches(false);
    expect(relativeError(analytic, numeric)).toBeGreaterThan(1e-3);
  });
});

test('the value is the loss over all data', async () => {
  const { model, sparsity, lossOf } = sparse();
  await new pretrain.TwoPassSparsity(sparsity, dataset()).measure(model);
  const x = tensor(values, [samples, inputs]);
  const given = model.parameters().map((p) => p.dataSync());
  const value = await lossOf(model.train().forward(x), x).item();
  expect(Math.abs(value / wholeLoss(given) - 1)).toBeLessThan(1e-5);
});

describe('as a callback', () => {
  test.each(['epoch', 'step'] as const)(
    'measures before each %s, and takes the means away',
    async (interval) => {
      const { model, sparsity, lossOf } = sparse(0.1);
      const seen = new Set<string>();
      const trainer = new Trainer(model, {
        optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
        loss: (output, target) => {
          if (sparsity.means && model.training) seen.add(sparsity.means.dataSync().join());
          return lossOf(output, target as Tensor);
        },
      });
      const callback = new pretrain.TwoPassSparsity(sparsity, dataset(), { interval, batchSize: 6 });
      const options = { epochs: 40, batchSize: 5, seed: 1, progress: false, callbacks: [callback] };
      await trainer.fit(dataset(), { ...options, validation: dataset() });
      expect(seen.size).toBe(interval === 'epoch' ? 40 : 120);
      expect(sparsity.means).toBeNull();
      const rates = await ops.mean(model.encode(tensor(values, [samples, inputs])), 0).data();
      for (const rate of rates) expect(Math.abs(rate - 0.1)).toBeLessThan(0.07);
    },
  );

  test('sees through corruption and scopes, and leaves nothing behind but the means', async () => {
    const sparsity = new nn.Sparsity();
    class Scoped extends nn.Module {
      override forward(x: Tensor): Tensor {
        return sparsity.forward(x.sigmoid());
      }
      readonly inner = sparsity;
    }
    const corruption = new nn.MaskingNoise(0.9);
    const model = new models.Autoencoder(new Scoped(), new nn.Identity(), { corruption });
    const callback = new pretrain.TwoPassSparsity(sparsity, dataset(), { batchSize: 5 });
    await callback.measure(model);
    await collectGarbage();
    const before = memory().liveTensors;
    await callback.measure(model);
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
    const expected = Array.from({ length: inputs }, (_, i) => {
      let total = 0;
      for (let n = 0; n < samples; n++) total += 1 / (1 + Math.exp(-values[n * inputs + i]!));
      return total / samples;
    });
    expect(relativeError(await sparsity.means!.data(), expected)).toBeLessThan(1e-6);
    expect(model.training).toBe(true);
  });
});

test('refuses', async () => {
  const sparsity = new nn.Sparsity();
  const make =
    (...given: unknown[]) =>
    () =>
      new pretrain.TwoPassSparsity(...(given as ConstructorParameters<typeof pretrain.TwoPassSparsity>));
  expect(make(3, dataset())).toThrow(new TypeError('TwoPassSparsity: layer is 3, wants an nn.Sparsity'));
  expect(make(sparsity, 3)).toThrow('TwoPassSparsity: dataset is 3, wants one that has samples');
  expect(make(sparsity, new data.Subset(dataset(), []))).toThrow(TypeError);
  expect(make(sparsity, dataset(), { interval: 'day' })).toThrow(/^TwoPassSparsity: interval is 'day'/);
  const elsewhere = new pretrain.TwoPassSparsity(sparsity, dataset());
  await expect(elsewhere.measure(new nn.Identity())).rejects.toThrow(
    new StriateError('TwoPassSparsity: the model called the layer 0 times, wants it once in the model'),
  );
  const twice = new nn.Sequential(sparsity, new nn.Sigmoid(), sparsity);
  await expect(elsewhere.measure(twice)).rejects.toThrow(/called the layer 2 times/);
  const bad = f32([1], [1]);
  sparsity.means = bad;
  expect(() => sparsity.train().forward(f32([1, 2], [1, 2]))).toThrow(/means is \[1\], wants \[2\]/);
});
