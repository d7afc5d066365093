import { expect, test } from 'vitest';
import { grad, noGrad } from '../../../lib/autograd.js';
import { crossEntropy } from '../../../lib/loss/index.js';
import { Adam } from '../../../lib/optim/index.js';
import type { Tensor } from '../../../lib/tensor.js';
import { f32, i32, noise, noisy, relativeError } from '../../check.js';
import { float, floats, int, longs, network } from './network.js';

const weights = (name: string, shape: number[], seed: number) =>
  floats(name, shape, noise(shape.reduce((n, extent) => n * extent, 1), seed)); // prettier-ignore

/** Of images [N, 3, H, W], and what exporters write between their convolutions and their heads. */
function small() {
  return network({
    inputs: { x: ['N', 3, 6, 6] },
    constants: [
      weights('conv', [8, 3, 3, 3], 1),
      weights('slope', [8, 1, 1], 2),
      weights('scale', [8, 1, 1], 3),
      weights('shift', [1, 8, 1, 1], 4),
      weights('whole', [8, 6, 6], 5),
      weights('head', [4, 5], 6),
      ...[longs('sizes', [4, 4]), longs('places', [3, 1, 1, 0], [4]), longs('axes', [2, 3]), longs('last', [1])],
      ...[longs('starts', [-1]), longs('ends', [-100]), longs('steps', [-1]), floats('two', [], [2])],
    ],
    nodes: [
      { operation: 'Conv', inputs: ['x', 'conv'], outputs: ['a'], attributes: { pads: { kind: 'ints', value: [1, 1, 1, 1] } } },
      { operation: 'PRelu', inputs: ['a', 'slope'], outputs: ['b'] },
      { operation: 'Mul', inputs: ['b', 'scale'], outputs: ['c'] },
      { operation: 'Add', inputs: ['shift', 'c'], outputs: ['d'] },
      { operation: 'PRelu', inputs: ['d', 'whole'], outputs: ['e'] },
      { operation: 'Split', inputs: ['e', 'sizes'], outputs: ['f', 'g'], attributes: { axis: int(1) } },
      { operation: 'Gather', inputs: ['f', 'places'], outputs: ['h'], attributes: { axis: int(1) } },
      { operation: 'HardSigmoid', inputs: ['h'], outputs: ['i'], attributes: { alpha: float(0.1) } },
      { operation: 'Mul', inputs: ['i', 'g'], outputs: ['j'] },
      { operation: 'Slice', inputs: ['j', 'starts', 'ends', 'last', 'steps'], outputs: ['k'] },
      { operation: 'Pow', inputs: ['k', 'two'], outputs: ['l'] },
      { operation: 'Sum', inputs: ['l', 'j', 'k'], outputs: ['m'] },
      { operation: 'ReduceMean', inputs: ['m', 'axes'], outputs: ['n'], attributes: { keepdims: int(0) } },
      { operation: 'MatMul', inputs: ['n', 'head'], outputs: ['y'] },
    ],
  }); // prettier-ignore
}

test('gradients reach every weight, and are right', async () => {
  using model = small();
  const x = noisy([2, 6, 6, 3], 9);
  const g = noise(10, 10);
  const parameters = [...model.namedParameters()];
  expect(parameters.map(([name]) => name).sort()).toEqual([
    'conv',
    'head',
    'scale',
    'shift',
    'slope',
    'whole',
  ]);
  const gradients = grad(model.forward(x), parameters.map(([, p]) => p as Tensor), f32(g, [2, 5])); // prettier-ignore
  const total = async () =>
    (await noGrad(() => model.forward(x)).data()).reduce((sum, v, i) => sum + v * g[i]!, 0);
  for (const [k, [name, parameter]] of parameters.entries()) {
    const values = await parameter.data();
    const given = await gradients[k]!.data();
    const places = Array.from({ length: 8 }, (_, i) => Math.floor((i * values.length) / 8));
    const numeric: number[] = [];
    // Each of these is of little weight; there is no kink along them.
    const step = name === 'whole' ? 0.05 : 2e-3;
    for (const place of places) {
      const at = async (change: number) => {
        const moved = values.map((v, i) => (i === place ? v + change : v));
        parameter.assign(f32(moved, parameter.shape));
        return total();
      };
      numeric.push(((await at(step)) - (await at(-step))) / (2 * step));
    }
    parameter.assign(f32(values, parameter.shape));
    const error = relativeError(places.map((place) => given[place]!), numeric); // prettier-ignore
    expect(error, `gradient by ${name}: relative error ${error}`).toBeLessThan(1e-2);
  }
});

test('a network of others learns further', async () => {
  using model = small();
  model.train();
  const optimizer = new Adam(model.parameters(), { lr: 0.02 });
  const x = noisy([16, 6, 6, 3], 11);
  const labels = i32(Array.from({ length: 16 }, (_, i) => i % 5), [16]); // prettier-ignore
  const losses: number[] = [];
  for (let step = 0; step < 120; step++) {
    optimizer.zeroGrad();
    using y = model.forward(x);
    using loss = crossEntropy(y, labels);
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
  }
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
});
