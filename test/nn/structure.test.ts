import { describe, expect, test } from 'vitest';
import { memory, nn, noGrad, ops, randn, StriateError, tensor, zeros, type Tensor } from '../../lib/index.js';
import { expectClose, expectGradients, i32, noise, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

const total = (x: Tensor) => x.mul(x).sum();

describe('Residual', () => {
  test('adds its input to what the body gives', async () => {
    const body = new nn.Linear(4, 4);
    const x = noisy([3, 4], 1);
    const y = new nn.Residual(body).forward(x);
    const [inner, input] = [await body.forward(x).data(), await x.data()];
    await expectClose(
      y,
      inner.map((v, i) => v + input[i]!),
    );
  });

  test('whose last layer is zero is, before an activation, the activation of its input', async () => {
    const last = new nn.Conv2d(3, 3, 3, { padding: 1 });
    for (const parameter of last.parameters()) parameter.assign(zeros(parameter.shape));
    const body = new nn.Sequential(new nn.Conv2d(3, 3, 3, { padding: 1 }), new nn.ReLU(), last);
    const block = new nn.Sequential(new nn.Residual(body), new nn.ReLU());
    const x = noisy([2, 5, 4, 3], 2);
    expect([...(await block.forward(x).data())]).toEqual([...(await x.relu().data())]);
    // And nothing of the gradient is lost on the way back: it is that of the activation.
    x.requiresGrad = true;
    block.forward(x).backward(noisy(x.shape, 3));
    const through = x.grad!;
    x.grad = null;
    x.relu().backward(noisy(x.shape, 3));
    await expectClose(through, await x.grad!.data());
  });

  test('with a shortcut of another shape', async () => {
    const shortcut = new nn.Conv2d(2, 5, 1, { stride: 2 });
    const body = new nn.Conv2d(2, 5, 3, { stride: 2, padding: 1 });
    const block = new nn.Residual(body, shortcut);
    expect([...block.namedParameters()].map(([name]) => name)).toEqual([
      'body.weight', 'body.bias', 'shortcut.weight', 'shortcut.bias',
    ]); // prettier-ignore
    const x = noisy([1, 6, 6, 2], 4);
    const y = block.forward(x);
    await expectClose(y, await body.forward(x).add(shortcut.forward(x)).data());
    await expectGradients((image) => block.forward(image), [noisy([1, 4, 4, 2], 5)], { tolerance: 1e-3 });
  });

  test('leaves nothing behind', async () => {
    const block = new nn.Residual(new nn.Linear(4, 4), new nn.Linear(4, 4));
    const x = randn([2, 4]);
    await collectGarbage();
    const before = memory().liveTensors;
    noGrad(() => block.forward(x)).dispose();
    expect(memory().liveTensors).toBe(before);
    noGrad(() => new nn.Residual(new nn.Identity()).forward(x)).dispose();
    expect(x.disposed).toBe(false);
  });

  test('refuses what is no module', () => {
    expect(() => new nn.Residual(null as never)).not.toThrow(StriateError);
    expect(() => new nn.Residual(3 as never)).toThrow(/Residual: body is no Module/);
    expect(() => new nn.Residual(new nn.ReLU(), {} as never)).toThrow(/Residual: shortcut is no Module/);
  });
});

describe('Parallel', () => {
  test('puts the results of its branches one after the other in depth', async () => {
    const [a, b] = [new nn.Conv2d(3, 4, 1), new nn.Conv2d(3, 2, 3, { padding: 1 })];
    const block = new nn.Parallel(a, b, new nn.Identity());
    const x = noisy([2, 5, 4, 3], 1);
    const y = block.forward(x);
    expect(y.shape).toEqual([2, 5, 4, 9]);
    await expectClose(y, await ops.concat([a.forward(x), b.forward(x), x], -1).data());
    expect(x.disposed).toBe(false);
    await expectGradients((image) => block.forward(image), [noisy([1, 3, 3, 3], 2)], { tolerance: 1e-3 });
  });

  test('names its branches, and refuses none and what is no module', () => {
    const block = new nn.Parallel({
      narrow: new nn.Conv2d(1, 1, 1),
      wide: new nn.Conv2d(1, 1, 3, { bias: false }),
    });
    expect([...block.namedParameters()].map(([name]) => name)).toEqual([
      'narrow.weight',
      'narrow.bias',
      'wide.weight',
    ]);
    expect(() => new nn.Parallel()).toThrow(/Parallel: there are no branches/);
    expect(() => new nn.Parallel({ a: 3 as never })).toThrow(/Parallel: branch a is no Module/);
  });

  test('leaves nothing behind, also where a branch fails', async () => {
    const x = randn([1, 4, 4, 2]);
    const block = new nn.Parallel(new nn.Conv2d(2, 3, 1), new nn.Conv2d(5, 3, 1));
    await collectGarbage();
    const before = memory().liveTensors;
    expect(() => noGrad(() => block.forward(x))).toThrow(/conv2d/);
    expect(memory().liveTensors).toBe(before);
  });
});

describe('SeparableConv2d', () => {
  test('is the convolution whose kernels are products of its two', async () => {
    const [inputs, outputs, multiplier] = [3, 5, 2];
    const layer = new nn.SeparableConv2d(inputs, outputs, 3, {
      depthMultiplier: multiplier,
      padding: 1,
      stride: 2,
    });
    const depth = await layer.depthwise.weight.data();
    const point = await layer.pointwise.weight.data();
    const dense = new Float32Array(9 * inputs * outputs);
    for (let tap = 0; tap < 9; tap++)
      for (let c = 0; c < inputs; c++)
        for (let m = 0; m < multiplier; m++)
          for (let k = 0; k < outputs; k++) {
            const between = c * multiplier + m;
            dense[(tap * inputs + c) * outputs + k]! +=
              depth[tap * inputs * multiplier + between]! * point[between * outputs + k]!;
          }
    const x = noisy([2, 7, 6, inputs], 1);
    const kernel = tensor(dense, [3, 3, inputs, outputs]);
    const wanted = ops.conv2d(x, kernel, layer.pointwise.bias, { padding: 1, stride: 2 });
    await expectClose(layer.forward(x), await wanted.data(), 2e-6);
    await expectClose(layer.forwardRelu(x), await wanted.relu().data(), 2e-6);
    expect(layer.parameters().reduce((n, p) => n + p.size, 0)).toBe(9 * 3 * 2 + 6 * 5 + 5);
    expect(() => new nn.SeparableConv2d(3, 4, 3, { depthMultiplier: 0.5 })).toThrow(/depthMultiplier is 0.5/);
  });
});

describe('small layers', () => {
  test('Identity and Reshape', () => {
    const x = randn([2, 12]);
    expect(new nn.Identity().forward(x)).toBe(x);
    expect(new nn.Reshape([2, 3, 2]).forward(x).shape).toEqual([2, 2, 3, 2]);
    expect(new nn.Reshape([-1, 4]).forward(x).shape).toEqual([2, 3, 4]);
    expect(() => new nn.Reshape([5]).forward(x)).toThrow(/reshape/);
  });

  test('Upsample', async () => {
    const layer = new nn.Upsample({ scaleFactor: 2 });
    const y = layer.forward(tensor([1, 2, 3, 4], [1, 2, 2, 1]));
    expect([...(await y.data())]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  });

  test('Embedding gives rows of its weight, and learns those that were asked for', async () => {
    const layer = new nn.Embedding(5, 3);
    const y = layer.forward(i32([4, 0, 4, 1], [2, 2]));
    expect(y.shape).toEqual([2, 2, 3]);
    const weight = await layer.weight.data();
    expect([...(await y.data())]).toEqual(
      [4, 0, 4, 1].flatMap((row) => [...weight.slice(3 * row, 3 * row + 3)]),
    );
    const g = noise(12, 2);
    y.backward(tensor(g, [2, 2, 3]));
    const wanted = new Float64Array(15);
    [4, 0, 4, 1].forEach((row, i) => {
      for (let c = 0; c < 3; c++) wanted[3 * row + c]! += g[3 * i + c]!;
    });
    await expectClose(layer.weight.grad!, wanted);
    await expect(layer.forward(i32([5], [1])).data()).rejects.toThrow(StriateError);
    expect(() => layer.forward(randn([2]))).toThrow(/gather: indices is f32/);
    expect(() => new nn.Embedding(0, 3)).toThrow(/Embedding: numEmbeddings is 0/);
  });

  test('ModuleList holds modules for another', () => {
    class Chain extends nn.Module {
      readonly layers = new nn.ModuleList([new nn.Linear(3, 3), new nn.Linear(3, 2)]);
      override forward(x: Tensor): Tensor {
        return [...this.layers].reduce((y, layer) => layer.forward(y), x);
      }
    }
    const chain = new Chain();
    expect([...chain.namedParameters()].map(([name]) => name)).toEqual([
      'layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias',
    ]); // prettier-ignore
    expect(chain.forward(randn([4, 3])).shape).toEqual([4, 2]);
    expect([chain.layers.length, chain.layers.at(-1)]).toEqual([2, chain.layers.at(1)]);
    expect(() => chain.layers.at(2)).toThrow(/there is no module 2 among 2/);
    expect(() => chain.layers.append({} as never)).toThrow(/module 2 is no Module/);
    expect(() => chain.layers.forward(randn([1]))).toThrow(/a list has no forward/);
  });

  test('wrong sizes and groups are refused at construction', () => {
    expect(() => new nn.Conv2d(3, 8, 3, { groups: 2 })).toThrow(
      /Conv2d: inChannels is 3, wants a multiple of groups, 2/,
    );
    expect(() => new nn.Conv2d(4, 7, 3, { groups: 2 })).toThrow(/Conv2d: outChannels is 7/);
    expect(() => new nn.Conv2d(0, 7, 3)).toThrow(/Conv2d: inChannels is 0, wants a whole number from 1 on/);
    expect(() => new nn.Conv2d(1, 7, 0)).toThrow(/Conv2d: kernelSize is 0/);
    expect(() => new nn.Conv1d(4, 7.5, 3)).toThrow(/Conv1d: outChannels is 7.5/);
    expect(() => new nn.ConvTranspose2d(4, 6, 3, { groups: 4 })).toThrow(/ConvTranspose2d: outChannels is 6/);
    expect(() => new nn.ConvTranspose1d(4, 6, -1)).toThrow(/ConvTranspose1d: kernelSize is -1/);
    expect(() => new nn.Linear(4, NaN)).toThrow(/Linear: outFeatures is NaN/);
    expect(() => new nn.Linear('4' as never, 2)).toThrow(TypeError);
    expect(total(new nn.Linear(4, 2).forward(randn([1, 4]))).requiresGrad).toBe(true);
  });
});
