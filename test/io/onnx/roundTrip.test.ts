import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noGrad } from '../../../lib/autograd.js';
import { io, models, nn, setSeed, type Tensor } from '../../../lib/index.js';
import { synchronize } from '../../../lib/tensor.js';
import { profile } from '../../../lib/profile.js';
import { noise, noisy, f32, relativeError, volume } from '../../check.js';

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'striate-onnx-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** Statistics as training leaves them, so that batch norms do something. */
function settle(model: nn.Module): void {
  let seed = 1;
  for (const [name, buffer] of model.namedBuffers()) {
    const about = name.endsWith('runningVar') ? 1 : 0;
    if (buffer.dtype !== 'f32') continue;
    buffer.assign(
      f32(
        noise(volume(buffer.shape), seed++).map((v) => about + v / 4),
        buffer.shape,
      ),
    );
  }
}

/** Models with the sizes of images. */
const all: readonly [name: string, make: () => nn.Module, shape: readonly number[]][] = [
  ['mlp', () => models.mlp(784), [28, 28, 1]],
  ['lenet5', () => models.lenet5(), [28, 28, 1]],
  ['alexnet2012', () => models.alexnet2012({ classes: 10 }), [224, 224, 3]],
  ['smallVgg', () => models.smallVgg(), [32, 32, 3]],
  ['resnet18', () => models.resnet18({ classes: 10 }), [64, 64, 3]],
  ['cifarResnet20', () => models.resnet20(), [32, 32, 3]],
  ['mobilenet', () => models.mobilenet({ classes: 10 }), [64, 64, 3]],
  ['mobilenetV2', () => models.mobilenetV2({ classes: 10 }), [64, 64, 3]],
  ['squeezenet', () => models.squeezenet({ classes: 10 }), [64, 64, 3]],
  ['googlenet', () => models.googlenet({ classes: 10 }), [64, 64, 3]],
];

test.each(all)('%s is the same after it was written and read', async (name, make, shape) => {
  setSeed(1);
  using model = make();
  settle(model);
  model.eval();
  const file = join(folder, `${name}.onnx`);
  await io.saveOnnx(model, file, { inputShape: shape });
  using read = await io.loadOnnx(file);
  using x = noisy([2, ...shape]);
  const [own, its] = noGrad(() => [model.forward(x), read.forward(x)] as [Tensor, Tensor]);
  expect(relativeError(await its.data(), await own.data())).toBeLessThan(1e-5);
  await synchronize();
  const moves = (entries: readonly { operation: string }[]) =>
    entries.filter(({ operation }) => ['transpose', 'relu', 'add'].includes(operation)).length;
  nn.fuseForInference(model);
  const mine = await profile(() => noGrad(() => model.forward(x)).dispose());
  const given = await profile(() => noGrad(() => read.forward(x)).dispose());
  // What is one pass in our own is one in what was read.
  expect(moves(given)).toBeLessThanOrEqual(moves(mine));
});
