// Predictions of LeNet-5 by the server of examples/server.mjs while ResNet-18 trains in the same process: time to an
// answer as another process measures it, and how long the event loop is held up. The promises: p99 of at most 50 ms and
// of at most 10 ms. Requests come at fixed times, whether the one before has been answered or not, and count from then.
// usage: node bench/serving.mjs [seconds] [requests a second]
import { fork } from 'node:child_process';
import { Agent, request } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { data, loss, models, optim, profile, randn, Snapshot, tensor, Trainer } from '../dist/index.js';
import { serve } from '../examples/server.mjs';

const side = 28;

/** In the other process: asks for so many seconds, and sends back what each answer took, in milliseconds. */
async function askAll(port, seconds, rate) {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ image: Array.from({ length: side * side }, (_, i) => (i % 17) / 16) });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const ask = (due) =>
    new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', path: '/predict', method: 'POST', agent, headers };
      const sent = request(options, (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 200) resolve(performance.now() - due);
          else reject(new Error(`status ${response.statusCode}`));
        });
      });
      sent.on('error', reject).end(body);
    });
  const start = performance.now();
  const answers = [];
  for (let i = 0; i < seconds * rate; i++) {
    const due = start + (i * 1000) / rate;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    answers.push(ask(due));
  }
  const settled = await Promise.allSettled(answers);
  agent.destroy();
  process.send({
    times: settled.filter(({ status }) => status === 'fulfilled').map(({ value }) => value),
    failed: settled.filter(({ status }) => status === 'rejected').map(({ reason }) => String(reason)),
  });
}

function load(port, seconds, rate) {
  const child = fork(fileURLToPath(import.meta.url), ['--ask', port, seconds, rate].map(String));
  return new Promise((resolve, reject) => {
    child.once('message', resolve).once('exit', (code) => reject(new Error(`the client ended with ${code}`)));
  });
}

const networks = {
  nothing: null,
  'ResNet-18, 128 of 32×32': {
    model: () => models.resnet18({ classes: 10, smallImages: true }),
    batchSize: 128,
    size: 32,
  },
  'ResNet-18, 16 of 224×224': { model: () => models.resnet18(), batchSize: 16, size: 224 },
};

/** Trains until aborted; resolves to a function that does so and waits for the end, when training is under way. */
async function train({ model: make, batchSize, size }) {
  const model = make();
  const n = batchSize * 4;
  const labels = tensor(Int32Array.from({ length: n }, (_, i) => i % 10));
  const set = new data.TensorDataset(randn([n, size, size, 3]), labels);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
  const step = new data.TensorDataset(randn([batchSize, size, size, 3]), tensor(new Int32Array(batchSize)));
  const fit = (data, options) => trainer.fit(data, { batchSize, progress: false, ...options });
  await fit(step);
  const entries = await profile(() => fit(step));
  const longest = [...entries].sort((a, b) => b.endNs - b.startNs - (a.endNs - a.startNs)).slice(0, 3);
  const controller = new AbortController();
  let steps = 0;
  const callbacks = [{ onBatchEnd: () => void steps++ }];
  const training = fit(set, { epochs: 1e6, callbacks, signal: controller.signal }).catch(() => undefined);
  return {
    longest,
    steps: () => steps,
    async end() {
      controller.abort();
      await training;
      model.dispose();
    },
  };
}

async function measure(name, network, seconds, rate) {
  const snapshot = new Snapshot(models.lenet5());
  const server = await serve(snapshot, { shape: [side, side, 1] });
  const { port } = server.address();
  const training = network && (await train(network));
  await load(port, 1, rate);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = training?.steps();
  delay.enable();
  const { times, failed } = await load(port, seconds, rate);
  delay.disable();
  const steps = training && (training.steps() - before) / seconds;
  times.sort((a, b) => a - b);
  const at = (q) => `${times[Math.ceil(q * times.length) - 1]?.toFixed(1)} ms`;
  const held = (percentile) => `${(delay.percentile(percentile) / 1e6).toFixed(1)} ms`;
  console.log(`${name}${training ? `, ${steps.toFixed(2)} steps/s` : ''}`);
  console.log(`  answer      p50 ${at(0.5)}   p99 ${at(0.99)}   max ${at(1)}   of ${times.length}`);
  console.log(`  event loop  p50 ${held(50)}   p99 ${held(99)}   max ${(delay.max / 1e6).toFixed(1)} ms`);
  if (failed.length > 0) console.log(`  ${failed.length} not answered: ${failed[0]}`);
  for (const { operation, detail, startNs, endNs } of training?.longest ?? [])
    console.log(`  longest command ${((endNs - startNs) / 1e6).toFixed(1)} ms: ${operation} ${detail}`);
  await training?.end();
  server.close();
  server.closeAllConnections();
  snapshot.dispose();
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--ask') {
  await askAll(...rest.map(Number));
} else {
  const [seconds, rate] = [Number(first ?? 10), Number(rest[0] ?? 50)];
  for (const [name, network] of Object.entries(networks)) await measure(name, network, seconds, rate);
}
