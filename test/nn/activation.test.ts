import { describe, expect, test } from 'vitest';
import { loss, nn, ops, optim, randn, setSeed, tensor, type Tensor } from '../../lib/index.js';
import { f32, noisy } from '../check.js';

const layers: [nn.Module, (x: Tensor) => Tensor][] = [
  [new nn.ReLU(), ops.relu],
  [new nn.Sigmoid(), ops.sigmoid],
  [new nn.Tanh(), ops.tanh],
  [new nn.LeakyReLU(), (x) => ops.leakyRelu(x, 0.01)],
  [new nn.LeakyReLU(0.3), (x) => ops.leakyRelu(x, 0.3)],
  [new nn.PReLU(), (x) => ops.leakyRelu(x, 0.25)],
  [new nn.PReLU(5, { init: 0.5 }), (x) => ops.leakyRelu(x, 0.5)],
  [new nn.ReLU6(), ops.relu6],
  [new nn.ELU(), (x) => ops.elu(x, 1)],
  [new nn.ELU(0.7), (x) => ops.elu(x, 0.7)],
  [new nn.SELU(), ops.selu],
  [new nn.GELU(), (x) => ops.gelu(x)],
  [new nn.GELU({ approximate: 'tanh' }), (x) => ops.gelu(x, { approximate: 'tanh' })],
  [new nn.SiLU(), ops.silu],
  [new nn.Hardswish(), ops.hardswish],
  [new nn.Hardsigmoid(), (x) => ops.hardsigmoid(x)],
  [new nn.Mish(), ops.mish],
  [new nn.Softplus(), (x) => ops.softplus(x)],
  [new nn.Softplus({ beta: 2, threshold: 5 }), (x) => ops.softplus(x, { beta: 2, threshold: 5 })],
  [new nn.LogSigmoid(), ops.logSigmoid],
  [new nn.Softsign(), ops.softsign],
  [new nn.Softmax(), (x) => ops.softmax(x, -1)],
  [new nn.Softmax(1), (x) => ops.softmax(x, 1)],
  [new nn.LogSoftmax(0), (x) => ops.logSoftmax(x, 0)],
];

test.each(layers)('%o is its operation, alone and in Sequential', async (layer, operation) => {
  const x = f32(
    (await noisy([3, 4, 5]).data()).map((v) => 8 * v),
    [3, 4, 5],
  );
  const wanted = await operation(x).data();
  expect(await layer.forward(x).data()).toEqual(wanted);
  expect(await new nn.Sequential(layer).eval().forward(x).data()).toEqual(wanted);
});

describe('PReLU', () => {
  test('learns its slopes', async () => {
    const layer = new nn.PReLU(2);
    expect([...layer.stateDict().keys()]).toEqual(['weight']);
    expect(layer.weight.shape).toEqual([2]);
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.5 });
    const x = tensor([[-1, -1]]);
    for (let i = 0; i < 60; i++) {
      optimizer.zeroGrad();
      using y = layer.forward(x);
      using error = y
        .sub(tensor([[-0.9, 0.4]]))
        .square()
        .sum();
      error.backward();
      optimizer.step();
    }
    const [first, second] = await layer.weight.data();
    expect(first).toBeCloseTo(0.9, 4);
    expect(second).toBeCloseTo(-0.4, 4);
  });
});

describe('Maxout layers', () => {
  test('MaxoutLinear is the largest of several linear functions', async () => {
    const layer = new nn.MaxoutLinear(6, 4, 3);
    expect(layer.linear.weight.shape).toEqual([6, 12]);
    expect([...layer.stateDict().keys()]).toEqual(['linear.weight', 'linear.bias']);
    const x = randn([5, 6]);
    const all = await layer.linear.forward(x).data();
    const y = await layer.forward(x).data();
    expect([...y]).toEqual(Array.from(y, (_, i) => Math.max(...all.subarray(3 * i, 3 * i + 3))));
    expect(new nn.MaxoutLinear(6, 4, 3, { bias: false }).parameters()).toHaveLength(1);
  });

  test('MaxoutConv2d is the largest of several convolutions', async () => {
    const layer = new nn.MaxoutConv2d(2, 5, 3, 2, { padding: 1, stride: 2 });
    expect(layer.conv.weight.shape).toEqual([3, 3, 2, 10]);
    const x = randn([2, 7, 8, 2]);
    const all = await layer.conv.forward(x).data();
    const y = layer.forward(x);
    expect(y.shape).toEqual([2, 4, 4, 5]);
    const values = await y.data();
    expect([...values]).toEqual(Array.from(values, (_, i) => Math.max(all[2 * i]!, all[2 * i + 1]!)));
    y.sum().backward();
    expect(layer.conv.weight.grad!.shape).toEqual([3, 3, 2, 10]);
  });

  test('a network of them learns what no line parts', async () => {
    setSeed(3);
    const model = new nn.Sequential(new nn.MaxoutLinear(2, 6, 3), new nn.Linear(6, 2));
    const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]); // prettier-ignore
    const labels = tensor(Int32Array.of(0, 1, 1, 0));
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
    let last = Infinity;
    for (let i = 0; i < 200; i++) {
      optimizer.zeroGrad();
      using error = loss.crossEntropy(model.forward(x), labels);
      error.backward();
      optimizer.step();
      if (i === 199) last = await error.item();
    }
    expect(last).toBeLessThan(0.05);
  });
});

test.each<[() => unknown, RegExp]>([
  [() => new nn.LeakyReLU(NaN), /LeakyReLU: negativeSlope is NaN, wants a finite number/],
  [() => new nn.LeakyReLU('1' as never), /LeakyReLU: negativeSlope is 1/],
  [() => new nn.PReLU(0), /PReLU: numParameters is 0, wants a whole number from 1 on/],
  [() => new nn.PReLU(1, { init: NaN }), /PReLU: init is NaN/],
  [
    () => new nn.PReLU(3).forward(noisy([2, 4])),
    /prelu: weight has shape \[3\], wants one slope or as many as/,
  ],
  [() => new nn.ELU(-1), /ELU: alpha is -1, wants a finite number from 0 on/],
  [() => new nn.GELU({ approximate: 'fast' as never }), /GELU: approximate is fast, wants 'none' or 'tanh'/],
  [() => new nn.Softplus({ beta: 0 }), /Softplus: beta is 0, wants a finite number above 0/],
  [() => new nn.Softplus({ threshold: Infinity }), /Softplus: threshold is Infinity/],
  [() => new nn.Softmax(0.5), /Softmax: axis is 0.5, wants a whole number/],
  [() => new nn.LogSoftmax(NaN), /LogSoftmax: axis is NaN, wants a whole number/],
  [() => new nn.MaxoutLinear(2, 2, 0), /MaxoutLinear: pieces is 0, wants a whole number from 1 to 256/],
  [() => new nn.MaxoutConv2d(2, 2, 3, 1.5), /MaxoutConv2d: pieces is 1.5/],
])('refused: %s', (make, message) => {
  expect(make).toThrow(message);
});
