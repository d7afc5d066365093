// ONNX's own tests of its operators: a folder for each, with a model, and inputs and outputs as tensors of the file format.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadOnnx } from '../../../lib/io/onnx/loadOnnx.js';
import { arrayOf } from '../../../lib/io/onnx/elements.js';
import type { OnnxModule } from '../../../lib/io/onnx/import/module.js';
import { readTensor } from '../../../lib/io/onnx/readTensor.js';
import type { Constant } from '../../../lib/io/onnx/schema.js';
import { tensor } from '../../../lib/ops/creation.js';
import { transpose } from '../../../lib/ops/movement.js';
import type { DType, Tensor } from '../../../lib/tensor.js';

/** The folder of tests of single nodes; it is one of two, by the version of ONNX. */
const folder = join(process.env.STRIATE_ONNX_TESTS ?? '', 'node');

/** The names of all tests, without the `test_` that they begin with. */
export function backendTests(): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('test_'))
    .map((name) => name.slice('test_'.length))
    .sort();
}

/** Whether a test has data: the newer set leaves out those of many casts. */
export function hasData(name: string): boolean {
  return existsSync(join(folder, `test_${name}`, 'test_data_set_0', 'output_0.pb'));
}

function asTensor(constant: Constant): Tensor<DType> {
  return tensor(arrayOf(constant) as Int32Array, constant.shape);
}

/** [0, 2, …, 1], and its inverse. */
function toChannelsLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
}

function toChannelsFirst(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
}

/** Loads a test's model and runs it on all its inputs. */
async function runBackendTest(name: string): Promise<void> {
  const path = join(folder, `test_${name}`);
  using model = await loadOnnx(join(path, 'model.onnx'));
  let sets = 0;
  for (let set = 0; existsSync(join(path, `test_data_set_${set}`)); set++) {
    await runOn(model, join(path, `test_data_set_${set}`));
    sets++;
  }
  expect(sets).toBeGreaterThan(0);
}

async function runOn(model: OnnxModule, set: string): Promise<void> {
  const read = (file: string) => readTensor(new Uint8Array(readFileSync(join(set, file))), file);
  const inputs = Object.fromEntries(
    model.inputs.map(({ name, layout }, i) => {
      const x = asTensor(read(`input_${i}.pb`));
      return [name, layout === 'channelsLast' ? transpose(x, toChannelsLast(x.rank)) : x];
    }),
  );
  const results = model.run(inputs);
  for (const [i, { name, layout }] of model.outputs.entries()) {
    const expected = read(`output_${i}.pb`);
    const given = results[name]!;
    const y = layout === 'channelsLast' ? transpose(given, toChannelsFirst(given.rank)) : given;
    expect(y.shape, `shape of ${name}`).toEqual(expected.shape);
    const wanted = arrayOf(expected);
    const data = await y.data();
    expect(data.constructor, `dtype of ${name}`).toBe(wanted.constructor);
    const share = expected.type === 'float16' || expected.type === 'bfloat16' ? 1e-2 : 1e-4;
    data.forEach((value, at) => {
      const goal = wanted[at]!;
      const near =
        Object.is(value, goal) || Math.abs(value - goal) <= 1e-6 + share * Math.abs(goal) || value === goal;
      if (!near) expect.fail(`${name}[${at}] is ${value}, wants ${goal}`);
    });
  }
}

/** Runs ONNX's tests of these names, and sees those that are left out refused: `excluded` has which, why, and the error. */
export function testBackend(
  title: string,
  names: readonly string[],
  excluded: readonly (readonly [tests: RegExp, why: string, error: RegExp])[],
  counts: readonly number[],
): void {
  const refused = (name: string) => excluded.find(([tests]) => tests.test(name));
  describe(title, () => {
    // How many there are, and how many of them are refused: that none is lost.
    test('are all there', () => {
      expect([names.length, names.filter(refused).length]).toEqual(counts);
    });

    test.each(names.filter((name) => !refused(name)))('%s', async (name) => {
      await runBackendTest(name);
    });

    test.each(names.filter(refused))('%s is refused', async (name) => {
      await expect(runBackendTest(name)).rejects.toThrow(refused(name)![2]);
    });
  });
}
