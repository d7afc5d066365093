import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { BasicBlock, Bottleneck, Inception } from '../../lib/models/index.js';
import { fuseForInference, type Module, type Parameter } from '../../lib/nn/index.js';
import { expectClose, expectSameBits, f32, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { pattern, vectors } from '../fixtures/pattern.js';

interface Case {
  block: 'BasicBlock' | 'Bottleneck' | 'Inception';
  arguments: [number, number, number, number, number, number, number];
  shape: number[];
  outputShape: number[];
  y: number[];
  dx: number[];
  names: string[];
  gradients: number[][];
  evaluated: number[];
}

function make({ block, arguments: [inputs, ...rest] }: Case): Module {
  if (block === 'BasicBlock') return new BasicBlock(inputs, rest[0], rest[1]);
  if (block === 'Bottleneck') return new Bottleneck(inputs, rest[0], rest[1]);
  const [one, threeReduce, three, fiveReduce, five, pool] = rest;
  return new Inception(inputs, { one, threeReduce, three, fiveReduce, five, pool });
}

/** As test/fixtures/blocks.py sets them. */
function setParameters(module: Module, names: readonly string[]): Parameter[] {
  const parameters = new Map(module.namedParameters());
  expect([...parameters.keys()]).toEqual(names);
  return names.map((name, i) => {
    const parameter = parameters.get(name)!;
    const scale = name.endsWith('weight') && parameter.rank === 1 ? 1 : 0;
    const values = pattern(parameter.shape, i + 3).map((v) => scale + 0.5 * v);
    parameter.assign(f32(values, parameter.shape));
    return parameter;
  });
}

const cases = vectors<Case>('blocks').map((c, i) => ({ ...c, i }));

test.each(cases)("$block, case $i, agrees with PyTorch's", async (c) => {
  const module = make(c);
  const parameters = setParameters(module, c.names);
  const x = f32(pattern(c.shape, 1), c.shape);
  x.requiresGrad = true;
  const y = module.forward(x);
  expect(y.shape).toEqual(c.outputShape);
  await expectClose(y, c.y, 1e-5);
  const [dx, ...gradients] = grad(y, [x, ...parameters], f32(pattern(y.shape, 2), y.shape));
  await expectClose(dx!, c.dx, 3e-5);
  for (const [i, gradient] of gradients.entries()) await expectClose(gradient, c.gradients[i]!, 3e-5);
  await expectClose(module.eval().forward(x), c.evaluated, 1e-5);
  const tensors = module.stateDict().size;
  await expectClose(fuseForInference(module).forward(x), c.evaluated, 1e-5);
  expect(module.stateDict().size).toBeLessThan(tensors);
  await expectClose(fuseForInference(module).forward(x), c.evaluated, 1e-5);
});

describe.each(cases)('$block, case $i', (c) => {
  test('gives the same bits with 1 and 2 threads', async () => {
    const module = make(c);
    const channels = c.shape[3]!;
    const x = noisy([3, 19, 23, channels]);
    x.requiresGrad = true;
    await expectSameBits(() => {
      const y = module.forward(x);
      return [y, ...grad(y, [x, ...module.parameters()], noisy(y.shape, 2))];
    });
  });

  test('leaves nothing but its result, recorded or not', async () => {
    const module = make(c);
    const x = noisy(c.shape);
    for (const forward of [() => module.forward(x), () => module.eval().forward(x)]) {
      forward().dispose();
      await collectGarbage();
      const before = native.memory().liveTensors;
      const y = forward();
      y.dispose();
      expect(native.memory().liveTensors).toBe(before);
    }
  });
});
