// Operators as PyTorch's exporter writes them: see test/fixtures/onnx/operators.py.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadOnnx } from '../../../lib/io/onnx/loadOnnx.js';
import { f32, relativeError } from '../../check.js';
import { expectReference, outputsFor } from './network.js';

interface Given {
  shape: number[];
  data: number[];
}

const pathOf = (file: string) => fileURLToPath(new URL(`../../fixtures/onnx/${file}`, import.meta.url));

const cases = ['activations', 'selections', 'reductions'].flatMap((name) =>
  [12, 13, 18].map((opset) => [name, opset] as const),
);

test.each(cases)("%s by version %i of the operators give PyTorch's values", async (name, opset) => {
  const { x, y } = JSON.parse(readFileSync(pathOf(`${name}.json`), 'utf8')) as Record<'x' | 'y', Given>;
  using model = await loadOnnx(pathOf(`${name}${opset}.onnx`));
  const [result] = outputsFor(model, f32(x.data, x.shape));
  expect(relativeError(await result!.data(), y.data)).toBeLessThan(1e-5);
  await expectReference(result!, y, 1e-4);
});
