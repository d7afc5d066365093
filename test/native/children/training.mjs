// What several scripts train, and how they tell that the result is right.
import { createHash } from 'node:crypto';
import { loss, models, optim, randn, setSeed, tensor } from '../../../dist/index.js';

/** LeNet-5 on noise; yields after each step, with the loss. */
export function* steps(seed, batchSize = 8) {
  setSeed(seed);
  const model = models.lenet5();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const x = randn([batchSize, 28, 28, 1]);
  const labels = tensor(Int32Array.from({ length: batchSize }, (_, i) => i % 10));
  for (;;) {
    optimizer.zeroGrad();
    const y = model.forward(x);
    const l = loss.crossEntropy(y, labels);
    l.backward();
    optimizer.step();
    yield { model, loss: l };
    l.dispose();
    y.dispose();
  }
}

/** A digest of all parameters after so many steps. */
export async function digest(seed, count, batchSize = 8) {
  let last;
  for (const step of steps(seed, batchSize)) {
    last = step;
    await step.loss.data();
    if (--count === 0) break;
  }
  const hash = createHash('sha256');
  for (const parameter of last.model.parameters()) hash.update(await parameter.data());
  return hash.digest('hex');
}
