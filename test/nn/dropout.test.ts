import { describe, expect, test } from 'vitest';
import { grad, nn, ops, setSeed, type Tensor } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { expectClose, expectGradients, expectSameBits, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

describe.each([
  [
    'Dropout',
    new nn.Dropout(0.3, { inverted: false }),
    (x: Tensor) => ops.dropout(x, 0.3, true, { inverted: false }),
    [9, 5],
  ],
  ['Dropout1d', new nn.Dropout1d(0.3), (x: Tensor) => ops.dropout1d(x, 0.3), [9, 5, 4]],
  ['Dropout2d', new nn.Dropout2d(0.3), (x: Tensor) => ops.dropout2d(x, 0.3), [9, 5, 2, 4]],
  ['AlphaDropout', new nn.AlphaDropout(0.3), (x: Tensor) => ops.alphaDropout(x, 0.3), [9, 5]],
  ['GaussianDropout', new nn.GaussianDropout(0.3), (x: Tensor) => ops.gaussianDropout(x, 0.3), [9, 5]],
  ['MaskingNoise', new nn.MaskingNoise(0.3), (x: Tensor) => ops.maskingNoise(x, 0.3), [9, 5]],
  ['GaussianNoise', new nn.GaussianNoise(0.3), (x: Tensor) => ops.gaussianNoise(x, 0.3), [9, 5]],
] as const)('%s', (name, layer, op, shape) => {
  test('is its operation in training, and leaves all in use', async () => {
    const x = noisy(shape);
    setSeed(1);
    const y = await layer.train().forward(x).data();
    setSeed(1);
    expect(await op(x).data()).toEqual(y);
    const used = await layer.eval().forward(x).data();
    const scale = name === 'Dropout' ? Math.fround(0.7) : 1;
    expect(used).toEqual((await x.data()).map((v) => v * scale));
  });
});

test('layers refuse what is no probability when they are made', () => {
  const kinds = [
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.AlphaDropout,
    nn.GaussianDropout,
    nn.MaskingNoise,
  ] as const;
  for (const Kind of kinds) {
    expect(new Kind().p).toBe(0.5);
    for (const p of [-0.1, 1.5, NaN, '0.5', null]) {
      expect(() => new Kind(p as number)).toThrow(`${Kind.name}: p is`);
    }
  }
  expect(() => new nn.GaussianDropout(1)).toThrow(RangeError);
  for (const std of [-1, NaN, undefined]) {
    expect(() => new nn.GaussianNoise(std!)).toThrow(/^GaussianNoise: std is/);
  }
  expect(() => new nn.Dropout(0.5, { inverted: 1 as never })).toThrow(
    new TypeError('Dropout: inverted is 1, wants true or false'),
  );
  expect(() => new nn.DropConnectLinear(2, 3, { p: 2 })).toThrow(
    new RangeError('DropConnectLinear: p is 2, wants a probability from 0 to 1'),
  );
  expect(() => new nn.DropConnectConv2d(2, 3, 3, { p: NaN })).toThrow(/^DropConnectConv2d: p is NaN/);
});

const kinds = [
  {
    name: 'DropConnectLinear',
    make: () => new nn.DropConnectLinear(13, 7, { p: 0.4 }),
    plain: () => new nn.Linear(13, 7),
    x: noisy([5, 13]),
  },
  {
    name: 'DropConnectConv2d',
    make: () => new nn.DropConnectConv2d(4, 6, 3, { p: 0.4, padding: 1 }),
    plain: () => new nn.Conv2d(4, 6, 3, { padding: 1 }),
    x: noisy([2, 5, 6, 4]),
  },
];

describe.each(kinds)('$name', ({ make, plain, x }) => {
  test('in use is the layer without dropping', async () => {
    const [layer, other] = [make().eval(), plain()];
    other.loadStateDict(layer.stateDict());
    expect(await layer.forward(x).data()).toEqual(await other.forward(x).data());
    expect(await layer.forwardRelu(x).data()).toEqual(await other.forwardRelu(x).data());
  });

  test('in training drops weights, anew in each call, and scales the others', async () => {
    const [layer, other] = [make(), plain()];
    setSeed(9);
    const [first, second] = [layer.forward(x), layer.forward(x)];
    expect(await first.data()).not.toEqual(await second.data());
    setSeed(9);
    const dropped = ops.dropout(layer.weight, 0.4);
    const share = (await dropped.data()).filter((v) => v === 0).length / dropped.size;
    expect(Math.abs(share - 0.4)).toBeLessThan(0.2);
    other.loadStateDict(new Map<string, Tensor>([['weight', dropped], ['bias', layer.bias!]])); // prettier-ignore
    await expectClose(first, await other.forward(x).data(), 1e-6);
    setSeed(9);
    await expectClose(layer.forwardRelu(x), await other.forwardRelu(x).data(), 1e-6);
  });

  test('passes gradients through the weights that it kept', async () => {
    const layer = make();
    setSeed(10);
    const y = layer.forward(x);
    const [byWeight] = grad(y, [layer.weight], noisy(y.shape));
    setSeed(10);
    const mask = await ops.dropout(ops.onesLike(layer.weight), 0.4).data();
    const other = plain();
    const z = other.forward(x);
    const whole = await grad(z, [other.weight], noisy(z.shape))[0]!.data();
    await expectClose(byWeight!, whole.map((v, i) => v * mask[i]!), 1e-6); // prettier-ignore
    await expectGradients(
      (input) => {
        setSeed(11);
        return layer.forward(input);
      },
      [x.detach()],
    );
  });

  test('to the same bits with 1 and 2 threads, leaving nothing behind', async () => {
    const layer = make();
    await expectSameBits(() => {
      setSeed(12);
      return [layer.forward(x)];
    });
    await collectGarbage();
    const before = native.memory().liveTensors;
    const y = layer.forward(x);
    const [g] = grad(y, [layer.weight], y.detach());
    g!.dispose();
    y.dispose();
    expect(native.memory().liveTensors).toBeLessThanOrEqual(before + 1);
  });
});

test('DropConnectConv2d ends a residual block as Conv2d does', async () => {
  const layer = new nn.DropConnectConv2d(3, 3, 3, { p: 0.3, padding: 1 });
  const [x, residual] = [noisy([2, 4, 4, 3]), noisy([2, 4, 4, 3], 2)];
  setSeed(1);
  const y = await layer.forwardAddRelu(x, residual).data();
  setSeed(1);
  await expectClose(layer.forward(x).add(residual).relu(), y, 1e-6);
});

test('DropConnect drops in a Sequential too, whatever it does in one pass', async () => {
  const conv = new nn.DropConnectConv2d(1, 6, 5, { p: 1, padding: 2 });
  const linear = new nn.DropConnectLinear(6 * 14 * 14, 9, { p: 1 });
  const model = new nn.Sequential(conv, new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten(), linear);
  const bias = await linear.bias!.data();
  const y = await model.forward(noisy([3, 28, 28, 1])).data();
  expect(y).toEqual(Float32Array.from(y, (_, i) => bias[i % 9]!));
  const pooled = new nn.Sequential(conv, new nn.MaxPool2d(2));
  const channels = await conv.bias!.data();
  const z = await pooled.forward(noisy([3, 28, 28, 1])).data();
  expect(z).toEqual(Float32Array.from(z, (_, i) => channels[i % 6]!));
});
