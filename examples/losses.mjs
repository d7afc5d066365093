// What a loss asks for, in one step of descent on scores: which way each of them pulls.
import { grad, loss, tensor } from 'striate';

const scores = [2, 1, -1];
const pull = async (name, lossOf) => {
  const x = tensor([scores]);
  x.requiresGrad = true;
  const value = lossOf(x);
  const [gradient] = grad(value, [x]);
  const down = [...(await gradient.data())].map((g) => (-g).toFixed(3).padStart(8)).join('');
  console.log(`${name.padEnd(32)} ${(await value.item()).toFixed(3).padStart(7)}  ${down}`);
};

const label = tensor(new Int32Array([1]));
console.log(`scores ${scores.join(', ')}; the second is right${''.padEnd(6)} loss  pulls on the scores`);
await pull('cross-entropy', (x) => loss.crossEntropy(x, label));
await pull('  with smoothed labels', (x) => loss.crossEntropy(x, label, { labelSmoothing: 0.1 }));
await pull('  with a distribution', (x) => loss.crossEntropy(x, tensor([[0.5, 0.5, 0]])));
await pull('hinge of several classes', (x) => loss.multiMargin(x, label));
await pull('binary cross-entropy, each', (x) => loss.binaryCrossEntropyWithLogits(x, tensor([[0, 1, 0]])));
await pull('squared error', (x) => loss.mse(x, tensor([[0, 1, 0]])));
await pull('absolute error', (x) => loss.l1(x, tensor([[0, 1, 0]])));
await pull('Huber', (x) => loss.huber(x, tensor([[0, 1, 0]]), { delta: 1 }));
