import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { io, nn, optim, StriateError } from '../../lib/index.js';
import { f32, noise } from '../check.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
  file = join(folder, 'adam.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

function adam(lr = 0.1): optim.Adam {
  const [body, head] = [new nn.Linear(3, 4), new nn.Linear(4, 2)];
  const groups = [
    { parameters: body.parameters(), clipValue: 0.5 },
    { parameters: head.parameters(), lr },
  ];
  return new optim.Adam(groups, { lr: 0.01, amsgrad: true });
}

function stepOf(optimizer: optim.Optimizer, seed: number): void {
  for (const p of optimizer.parameters) p.grad = f32(noise(p.size, seed), p.shape);
  optimizer.step();
}

test('an optimizer saved and loaded goes on as if nothing had happened', async () => {
  const [saved, loaded] = [adam(), adam(7)];
  for (let seed = 0; seed < 3; seed++) stepOf(saved, seed);
  saved.groups[0]!.lr = 0.25;
  await io.saveOptimizer(saved, file, { note: 'é' });
  expect(await io.loadOptimizer(loaded, file)).toEqual({ note: 'é' });
  expect(loaded.groups.map(({ options }) => options)).toEqual(saved.groups.map(({ options }) => options));
  for (const [i, p] of loaded.parameters.entries()) p.assign(saved.parameters[i]!);
  for (const optimizer of [saved, loaded]) stepOf(optimizer, 9);
  for (const [i, p] of loaded.parameters.entries()) {
    expect(await p.data()).toEqual(await saved.parameters[i]!.data());
  }
});

test('so does one that has made no step, and L-BFGS', async () => {
  const fresh = adam(7);
  await io.saveOptimizer(adam(), file);
  await io.loadOptimizer(fresh, file);
  expect([fresh.groups[1]!.lr, fresh.stateDict().tensors.size]).toEqual([0.1, 0]);

  const make = () => {
    const p = f32([3, -2], [2]);
    p.requiresGrad = true;
    const optimizer = new optim.LBFGS([p], { lineSearch: 'strongWolfe', maxIter: 2 });
    const closure = () => {
      optimizer.zeroGrad();
      const loss = p.square().square().sum();
      loss.backward();
      return loss;
    };
    return { p, optimizer, closure };
  };
  const [one, other] = [make(), make()];
  await one.optimizer.step(one.closure);
  await io.saveOptimizer(one.optimizer, file);
  await io.loadOptimizer(other.optimizer, file);
  other.p.assign(one.p);
  for (const { optimizer, closure } of [one, other]) await optimizer.step(closure);
  expect(await other.p.data()).toEqual(await one.p.data());
});

test('a file of something else, or that does not fit, leaves the optimizer as it was', async () => {
  const optimizer = adam();
  stepOf(optimizer, 1);
  const before = optimizer.stateDict();
  const refused = async (message: RegExp) => {
    await expect(io.loadOptimizer(optimizer, file)).rejects.toThrow(message);
    expect(optimizer.stateDict()).toEqual(before);
  };
  await io.saveSafetensors(new nn.Linear(2, 3), file);
  await refused(/adam\.safetensors: has no state of an optimizer in its metadata$/);
  for (const state of ['', '7', '{}', '{"groups":[{}],"steps":[]}', '{"groups":[null],"steps":[]}']) {
    await io.saveSafetensors(new Map(), file, { 'striate.optimizer': state });
    await refused(/has no state of an optimizer/);
  }
  const sgd = new optim.SGD(new nn.Linear(3, 4).parameters());
  await io.saveOptimizer(sgd, file);
  await refused(/adam\.safetensors: holds the state of SGD, wants Adam$/);
  const smaller = new optim.Adam(new nn.Linear(3, 4).parameters());
  await io.saveOptimizer(smaller, file);
  await refused(
    /loadStateDict: the state is of 2 parameters, wants 4; the groups have the parameters \[0, 1\]/,
  );
  await expect(io.loadOptimizer(optimizer, file)).rejects.toThrow(StriateError);
  await io.saveOptimizer(optimizer, file);
  const whole = await readFile(file);
  const text = whole.toString('latin1').replace('\\"eps\\":1e-8', '\\"eps\\":-1e8');
  await writeFile(file, Buffer.from(text, 'latin1'));
  await refused(/eps is -100000000/);
  await writeFile(file, whole.subarray(0, -1));
  await refused(/adam\.safetensors/);
  expect(await readdir(folder)).toEqual(['adam.safetensors']);
});
