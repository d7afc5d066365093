// How long the event loop is held up while a network trains: percentiles of perf_hooks.monitorEventLoopDelay.
// The promise: p99 of at most 10 ms. usage: node bench/eventLoop.mjs [seconds]
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { data, loss, models, nn, optim, randn, tensor, Trainer } from '../dist/index.js';

const seconds = Number(process.argv[2] ?? 8);

/** Six convolutions of up to 256 channels, as for CIFAR-10. */
function larger() {
  const block = (from, to) => [
    new nn.Conv2d(from, to, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(to),
    new nn.ReLU(),
  ];
  return new nn.Sequential(
    ...block(1, 64),
    ...block(64, 64),
    new nn.MaxPool2d(2),
    ...block(64, 128),
    ...block(128, 128),
    new nn.MaxPool2d(2),
    ...block(128, 256),
    ...block(256, 256),
    new nn.AvgPool2d(7),
    new nn.Flatten(),
    new nn.Linear(256, 10),
  );
}

for (const [name, model] of Object.entries({ 'LeNet-5': models.lenet5(), 'six convolutions': larger() })) {
  const n = 1280;
  const labels = tensor(Int32Array.from({ length: n }, (_, i) => i % 10));
  const set = new data.TensorDataset(randn([n, 28, 28, 1]), labels);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
  await trainer.fit(set, { batchSize: 128, progress: false });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const signal = AbortSignal.timeout(seconds * 1000);
  delay.enable();
  await trainer.fit(set, { epochs: 1e6, batchSize: 128, progress: false, signal }).catch(() => undefined);
  delay.disable();
  const ms = (percentile) => (delay.percentile(percentile) / 1e6).toFixed(1);
  console.log(
    `${name.padEnd(20)} p50 ${ms(50)} ms   p99 ${ms(99)} ms   max ${(delay.max / 1e6).toFixed(1)} ms`,
  );
}
