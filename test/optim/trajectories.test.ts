import { describe, expect, test } from 'vitest';
import * as optim from '../../lib/optim/index.js';
import { relativeError } from '../check.js';
import { lowerCamelCase, pattern, vectors } from '../fixtures/pattern.js';
import { parameter, setGradient } from './formulas.js';

const kinds = {
  SGD: optim.SGD,
  Adam: optim.Adam,
  AdamW: optim.AdamW,
  NAdam: optim.NAdam,
  Adagrad: optim.Adagrad,
  Adadelta: optim.Adadelta,
  RMSprop: optim.RMSprop,
  Lion: optim.Lion,
};

interface Vector {
  optimizer: keyof typeof kinds;
  options: Record<string, unknown>;
  shapes: number[][];
  noted: { step: number; parameters: number[][] }[];
}

interface GroupsVector extends Vector {
  groups: { indices: number[]; options: Record<string, unknown> }[];
}

async function expectTrajectory(
  optimizer: optim.Optimizer,
  parameters: readonly optim.Optimizer['parameters'][number][],
  { noted }: Vector,
  stepsWithout: number,
): Promise<void> {
  let done = 0;
  for (const { step: until, parameters: expected } of noted) {
    for (; done < until; done++) {
      const step = done + 1;
      for (const [i, p] of parameters.entries()) {
        if (i === 2 && step <= stepsWithout) continue;
        setGradient(p, pattern(p.shape, 10 + 3 * step + i));
      }
      optimizer.step();
    }
    for (const [i, p] of parameters.entries()) {
      expect(relativeError(await p.data(), expected[i]!)).toBeLessThan(2e-6);
    }
  }
}

describe("PyTorch's trajectories", () => {
  test.each(vectors<Vector>('optimizers'))('$optimizer $options', async (v) => {
    const parameters = v.shapes.map((shape, i) => parameter(pattern(shape, i), shape));
    const optimizer = new kinds[v.optimizer](parameters, lowerCamelCase(v.options));
    await expectTrajectory(optimizer, parameters, v, 2);
  });

  test.each(vectors<GroupsVector>('optimizerGroups'))('$optimizer $options in groups', async (v) => {
    const parameters = v.shapes.map((shape, i) => parameter(pattern(shape, i), shape));
    const groups = v.groups.map(({ indices, options }) => ({
      parameters: indices.map((i) => parameters[i]!),
      ...lowerCamelCase(options),
    }));
    const optimizer = new kinds[v.optimizer](groups, lowerCamelCase(v.options));
    await expectTrajectory(optimizer, parameters, v, 3);
  });
});
