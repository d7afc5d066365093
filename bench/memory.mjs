// Resident memory over 10,000 training steps of LeNet-5, written by hand as in the README.
// The promise: flat after the first 500. usage: node bench/memory.mjs [steps]
import { data, loss, memory, models, optim, randn, tensor } from '../dist/index.js';

const steps = Number(process.argv[2] ?? 10_000);
const n = 2048;
const labels = tensor(Int32Array.from({ length: n }, (_, i) => i % 10));
const set = new data.TensorDataset(randn([n, 28, 28, 1]), labels);
const model = models.lenet5();
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const loader = new data.DataLoader(set, { batchSize: 16, shuffle: true });

let step = 0;
while (step < steps) {
  for await (const [x, y] of loader) {
    optimizer.zeroGrad();
    const l = loss.crossEntropy(model.forward(x), y);
    l.backward();
    optimizer.step();
    if (step % 50 === 0) await l.item();
    if (step === 500 || step % (steps / 10) === 0) {
      const { liveTensors, liveBytes, pooledBytes } = memory();
      const mb = (bytes) => (bytes / 2 ** 20).toFixed(1).padStart(7);
      const rss = mb(process.memoryUsage().rss);
      console.log(
        `step ${String(step).padStart(6)}  resident ${rss} MB  live ${mb(liveBytes)} MB in ${liveTensors} tensors  pooled ${mb(pooledBytes)} MB`,
      );
    }
    l.dispose(); // `using l`, where the language has it
    if (++step === steps) break;
  }
}
