import { describe, expect, test } from 'vitest';
import {
  backward,
  checkGradients,
  data,
  loss,
  memory,
  models,
  nn,
  noGrad,
  optim,
  setSeed,
  tensor,
  Trainer,
  type Tensor,
} from '../../lib/index.js';
import { expectSameBits, f32, noise, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** What a layer is given, in the order of the calls. */
class Witness extends nn.Module {
  readonly seen: Float32Array[] = [];

  override forward(x: Tensor): Tensor {
    this.seen.push(x.dataSync());
    return x;
  }
}

describe('Autoencoder', () => {
  test('is the decoder of the encoder, in the shape of its input', async () => {
    const [encoder, decoder] = [
      new nn.Sequential(new nn.Flatten(), new nn.Linear(12, 4)),
      new nn.Linear(4, 12),
    ];
    const model = new models.Autoencoder(encoder, decoder);
    const x = noisy([3, 2, 6, 1]);
    const y = model.forward(x);
    expect(y.shape).toEqual(x.shape);
    const code = model.encode(x);
    expect(await code.data()).toEqual(await encoder.forward(x).data());
    expect(await y.data()).toEqual(await model.decode(code).data());
    // What has another size stays as it is.
    expect(new models.Autoencoder(encoder, new nn.Linear(4, 5)).forward(x).shape).toEqual([3, 5]);
    await checkGradients((input) => model.forward(input), [noisy([2, 2, 6, 1])]);
  });

  test.each([
    ['masking', () => new nn.MaskingNoise(0.5)],
    ['Gaussian', () => new nn.GaussianNoise(0.5)],
  ])(
    'with %s noise corrupts what the encoder sees in training alone, and never the target',
    async (_, make) => {
      const witness = new Witness();
      const model = new models.Autoencoder(witness, new nn.Linear(40, 40), { corruption: make() });
      const values = noise(20 * 40, 3);
      const dataset = new data.TensorDataset(tensor(values, [20, 40]), tensor(new Int32Array(20)));
      const targets: Float32Array[] = [];
      const trainer = new Trainer(model, {
        optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
        loss: (output, target) => {
          targets.push((target as Tensor).dataSync());
          return loss.mse(output, target);
        },
      });
      setSeed(1);
      const options = { batchSize: 20, shuffle: false, progress: false };
      await trainer.fit(data.reconstruction(dataset), { ...options, epochs: 2 });
      const changed = witness.seen.map((seen) => seen.filter((v, i) => v !== values[i]).length / seen.length);
      expect(Math.min(...changed)).toBeGreaterThan(0.4);
      expect(witness.seen[0]).not.toEqual(witness.seen[1]);
      for (const target of targets) expect(target).toEqual(values);
      await trainer.evaluate(data.reconstruction(dataset));
      expect(witness.seen.at(-1)).toEqual(values);
      model.train().encode(tensor(values, [20, 40]));
      expect(witness.seen.at(-1)).toEqual(values);
    },
  );

  test('leaves nothing behind', async () => {
    const model = new models.Autoencoder(
      new nn.Sequential(new nn.Flatten(), new nn.Linear(12, 4)),
      new nn.Linear(4, 12),
      { corruption: new nn.MaskingNoise(0.3) },
    );
    const x = noisy([3, 2, 6, 1]);
    await collectGarbage();
    const before = memory().liveTensors;
    noGrad(() => model.forward(x)).dispose();
    const y = model.forward(x);
    backward(y, noisy(y.shape));
    y.dispose();
    model.zeroGrad();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
    expect(x.disposed).toBe(false);
  });

  test('refuses what is no module', () => {
    const module = new nn.Identity();
    expect(() => new models.Autoencoder(3 as never, module)).toThrow(
      new TypeError('Autoencoder: encoder is 3, wants a Module'),
    );
    expect(() => new models.Autoencoder(module, null as never)).toThrow(/^Autoencoder: decoder is null/);
    expect(() => new models.Autoencoder(module, module, { corruption: 0.5 as never })).toThrow(
      /^Autoencoder: corruption is 0\.5/,
    );
  });
});

describe('autoencoder', () => {
  test('goes down to the code and back the same way', () => {
    const count = (model: nn.Module): number => model.parameters().reduce((n, p) => n + p.size, 0);
    const weights = 20 * 8 + 8 * 3;
    const biases = 8 + 3 + 8 + 20;
    expect(count(models.autoencoder([20, 8, 3]))).toBe(2 * weights + biases);
    const tied = models.autoencoder([20, 8, 3], { tied: true, outputActivation: () => new nn.Sigmoid() });
    expect(count(tied)).toBe(weights + biases);
    const kinds = (module: nn.Module): string[] => [...module.children()].map(([, m]) => m.constructor.name);
    expect(kinds(tied.encoder)).toEqual(['Flatten', 'Linear', 'ReLU', 'Linear']);
    expect(kinds(tied.decoder)).toEqual(['TiedLinear', 'ReLU', 'TiedLinear', 'Sigmoid']);
    expect(tied.encode(noisy([2, 4, 5])).shape).toEqual([2, 3]);
    expect(tied.forward(noisy([2, 4, 5])).shape).toEqual([2, 4, 5]);
    const sparse = models.autoencoder([20, 8], {
      codeActivation: () => new nn.Sigmoid(),
      activation: () => new nn.Tanh(),
    });
    expect(kinds(sparse.encoder)).toEqual(['Flatten', 'Linear', 'Sigmoid']);
    expect(kinds(sparse.decoder)).toEqual(['Linear']);
  });

  test('refuses', () => {
    for (const widths of [[], [3], [3, 0], [3, 1.5], ['3', 2], 7]) {
      expect(() => models.autoencoder(widths as number[])).toThrow(/^autoencoder: widths/);
    }
    expect(() => models.autoencoder([3, 2], { codeActivation: 'relu' as never })).toThrow(
      new TypeError("autoencoder: codeActivation is 'relu', wants a function that makes a Module"),
    );
    expect(() => models.autoencoder([3, 2], { outputActivation: (() => 3) as never })).toThrow(
      /^autoencoder: outputActivation is a function, wants a function that makes a Module/,
    );
  });
});

describe.each([true, false])('convAutoencoder, tied %s', (tied) => {
  test('halves and doubles sides, and learns', async () => {
    setSeed(1);
    const model = models.convAutoencoder({ channels: 2, widths: [8, 4], tied });
    const x = noisy([5, 12, 8, 2]);
    expect(model.encode(x).shape).toEqual([5, 3, 2, 4]);
    expect(model.forward(x).shape).toEqual(x.shape);
    expect(model.parameters()).toHaveLength(tied ? 6 : 8);
    // Slopes of light in all directions.
    const smooth = f32(
      Array.from({ length: 24 * 12 * 8 * 2 }, (_, i) => {
        const [n, row, column] = [
          Math.floor(i / 192),
          (Math.floor(i / 16) % 12) / 12,
          (Math.floor(i / 2) % 8) / 8,
        ];
        return 0.5 + 0.4 * (Math.cos(n) * (row - 0.5) + Math.sin(n) * (column - 0.5)) + 0.1 * (i % 2);
      }),
      [24, 12, 8, 2],
    );
    const dataset = data.reconstruction(new data.TensorDataset(smooth, tensor(new Int32Array(24))));
    const trainer = new Trainer(model, {
      optimizer: new optim.Adam(model.parameters(), { lr: 1e-2 }),
      loss: loss.mse,
    });
    const { epochs } = await trainer.fit(dataset, { epochs: 40, batchSize: 6, seed: 1, progress: false });
    expect(epochs.at(-1)!.loss).toBeLessThan(0.3 * epochs[0]!.loss);
  });
});

test('convAutoencoder refuses', () => {
  expect(() => models.convAutoencoder({ widths: [] })).toThrow(/^convAutoencoder: widths is \[\]/);
  expect(() => models.convAutoencoder({ channels: 0 })).toThrow(/^convAutoencoder: widths\[0\] is 0/);
  expect(() => models.convAutoencoder({ outputActivation: 1 as never })).toThrow(TypeError);
});

describe('StackedAutoencoder', () => {
  test('unrolled, it is all encoders and then all decoders', async () => {
    const stack = new models.StackedAutoencoder([12, 6, 4], { outputActivation: null });
    const [first, second] = stack.layers as [models.Autoencoder, models.Autoencoder];
    const x = noisy([3, 4, 3]);
    const code = second.encode(first.encode(x));
    expect(await stack.encode(x).data()).toEqual(await code.data());
    const back = first.decode(second.decode(code));
    expect(await stack.decode(code).data()).toEqual(await back.data());
    const y = stack.forward(x);
    expect(y.shape).toEqual(x.shape);
    expect(await y.data()).toEqual(await back.data());
    expect([...stack.stateDict().keys()]).toEqual(
      [0, 1].flatMap((i) =>
        ['encoder.linear.weight', 'encoder.linear.bias', 'decoder.linear.bias'].map(
          (name) => `layers.${i}.${name}`,
        ),
      ),
    );
    expect(new models.StackedAutoencoder([12, 6], { tied: false }).parameters()).toHaveLength(4);
    // Sigmoids of weights as they start hardly depend on the input.
    for (const p of stack.parameters()) p.assign(noGrad(() => p.mul(5)));
    await checkGradients((input) => stack.forward(input), [noisy([2, 4, 3])], { step: 3e-2 });
  });

  test('the classifier begins with copies of the encoders', async () => {
    const stack = new models.StackedAutoencoder([12, 6, 4], { activation: () => new nn.Tanh() });
    const x = noisy([3, 4, 3]);
    const classifier = stack.classifier(5);
    expect(classifier.forward(x).shape).toEqual([3, 5]);
    let hidden: Tensor = x;
    for (let i = 0; i < 5; i++) hidden = classifier.at(i).forward(hidden);
    const before = await stack.encode(x).data();
    expect(await hidden.data()).toEqual(before);
    for (const p of classifier.parameters()) p.assign(f32(new Float32Array(p.size), p.shape));
    expect(await stack.encode(x).data()).toEqual(before);
  });

  test('has the same bits with 1 and 2 threads, and leaves nothing behind', async () => {
    const stack = new models.StackedAutoencoder([301, 77, 33]);
    const x = noisy([67, 301]);
    await expectSameBits(() => [stack.forward(x)]);
    await collectGarbage();
    const before = memory().liveTensors;
    noGrad(() => stack.forward(x)).dispose();
    stack.encode(x).dispose();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  });

  test('refuses', () => {
    for (const widths of [[], [3], [3, -1], null]) {
      expect(() => new models.StackedAutoencoder(widths as never)).toThrow(/^StackedAutoencoder: widths/);
    }
    expect(() => new models.StackedAutoencoder([3, 2], { activation: null as never })).toThrow(
      new TypeError('StackedAutoencoder: activation is null, wants a function that makes a Module'),
    );
    expect(() => new models.StackedAutoencoder([3, 2], { corruption: 0.3 as never })).toThrow(
      /^StackedAutoencoder: corruption is 0\.3/,
    );
    expect(() => new models.StackedAutoencoder([3, 2]).classifier(NaN)).toThrow(
      /^classifier: classes is NaN/,
    );
  });
});
