// A server that answers while its network trains. Predictions take the express lane, so that they wait for one command
// of training and not for a step, and read a snapshot of the weights, so that none sees half an update.
//
// usage: node examples/server.mjs [port] [seconds]
// Listens on loopback while LeNet-5 learns digits, asks itself, and ends; with `seconds`, so long after training.
//   curl -d '{"image": [0, 0.5, … 1024 numbers from 0 to 1]}' http://127.0.0.1:PORT/predict
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import {
  data,
  express,
  loss,
  models,
  nn,
  ops,
  optim,
  scope,
  setSeed,
  Snapshot,
  tensor,
  Trainer,
} from 'striate';

/** What the server takes at the most. */
const limits = { bodyBytes: 64 * 1024, discardedBytes: 2 ** 20, predictions: 32, connections: 64 };

/** An error that is the client's. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The whole body as text. One that is too large is read on for a while, as who still sends hears no answer. */
function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  const refusal = new Refusal(413, `the body has more than ${limits.bodyBytes} bytes`);
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes <= limits.bodyBytes) chunks.push(chunk);
      else if (bytes > limits.discardedBytes) reject(refusal);
    });
    request.on('end', () => {
      if (bytes > limits.bodyBytes) reject(refusal);
      else resolve(Buffer.concat(chunks).toString());
    });
  });
}

/** The pixels that a request asks about. */
async function imageOf(request, [height, width, channels]) {
  const body = await bodyOf(request);
  let image;
  try {
    ({ image } = JSON.parse(body));
  } catch {
    throw new Refusal(400, 'the body is not JSON like {"image": [0, 0.5, …]}');
  }
  const size = height * width * channels;
  if (!Array.isArray(image) || image.length !== size) {
    const given = Array.isArray(image) ? `an array of ${image.length}` : typeof image;
    throw new Refusal(400, `image is ${given}, wants ${size} numbers: ${height}×${width}×${channels}`);
  }
  // JSON has no NaN; what it has in its place is null, and 1e999 is infinite.
  const wrong = image.findIndex((value) => typeof value !== 'number' || !(value >= 0 && value <= 1));
  if (wrong >= 0) throw new Refusal(400, `image[${wrong}] is ${image[wrong]}, wants a number from 0 to 1`);
  return Float32Array.from(image);
}

/** The probability of each class. All that is asked for in express() overtakes training. */
function probabilities(snapshot, pixels, shape, standardize) {
  const { read } = express(() =>
    scope(() => {
      const x = standardize.forward(tensor(pixels, [1, ...shape]));
      return { read: ops.softmax(snapshot.forward(x)).data() };
    }),
  );
  return read;
}

/**
 * Serves predictions of a snapshot for images of `shape` on loopback; resolves when it listens.
 * GET / says how it stands, POST /predict what an image shows.
 */
export function serve(snapshot, { shape, standardize = new nn.Identity(), port = 0 }) {
  let underWay = 0;
  const counts = { answered: 0, refused: 0 };

  async function answer(request) {
    const [pathname] = request.url.split('?');
    const method = { '/': 'GET', '/predict': 'POST' }[pathname];
    if (!method) throw new Refusal(404, `there is no ${pathname}, but GET / and POST /predict`);
    if (request.method !== method)
      throw new Refusal(405, `${pathname} wants ${method}, not ${request.method}`);
    if (pathname === '/') return { version: snapshot.version, shape, ...counts };
    if (underWay >= limits.predictions)
      throw new Refusal(503, 'too many predictions are under way; ask again');
    underWay++;
    try {
      const pixels = await imageOf(request, shape);
      const { version } = snapshot;
      const chances = await probabilities(snapshot, pixels, shape, standardize);
      const label = chances.indexOf(Math.max(...chances));
      return { label, probability: chances[label], version };
    } finally {
      underWay--;
    }
  }

  const server = createServer(
    { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000, maxHeaderSize: 8192 },
    async (request, response) => {
      let status = 200;
      let result;
      try {
        result = await answer(request);
        counts.answered++;
      } catch (error) {
        // Whoever goes away in the middle hears nothing anyway.
        if (request.destroyed && !request.complete && !(error instanceof Refusal)) return;
        if (!(error instanceof Refusal)) console.error(error);
        [status, result] =
          error instanceof Refusal ? [error.status, { error: error.message }] : [500, { error: 'failed' }];
        counts.refused++;
      }
      const text = `${JSON.stringify(result)}\n`;
      // What is left of a body that is not wanted is not read.
      const connection = request.complete ? {} : { connection: 'close' };
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...connection,
      };
      response.writeHead(status, headers).end(text);
    },
  );
  server.maxConnections = limits.connections;
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function main(port = 0, seconds = 0) {
  setSeed(1);
  const { train, test } = await data.digits({ side: 32 });
  const standardize = await data.preprocessing.Standardize.fit(train, { statistics: 'whole' });
  const model = models.lenet5({ side: 32 });
  const snapshot = new Snapshot(model, { everySteps: 5 });
  const server = await serve(snapshot, { shape: [32, 32, 1], standardize, port });
  const address = `http://127.0.0.1:${server.address().port}`;
  console.log(`answers at ${address}/predict`);

  // The client: asks about digits that the network does not train on, one after the other.
  const [pixels, truth] = [await test.x.data(), await test.y.data()];
  const ask = async (i) => {
    const image = Array.from(pixels.subarray(i * 1024, (i + 1) * 1024), (grey) => grey / 255);
    const body = JSON.stringify({ image });
    const response = await fetch(`${address}/predict`, { method: 'POST', body });
    return response.json();
  };
  const right = new Map();
  const latencies = [];
  let training = true;
  const asking = (async () => {
    for (let i = 0; training; i = (i + 1) % test.length) {
      const start = performance.now();
      const { label, version } = await ask(i);
      latencies.push(performance.now() - start);
      const [hits, asked] = right.get(version) ?? [0, 0];
      right.set(version, [hits + (label === truth[i] ? 1 : 0), asked + 1]);
    }
  })();

  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
  await trainer.fit(new data.TransformedDataset(train, [standardize]), {
    epochs: 12,
    batchSize: 64,
    callbacks: [snapshot],
    progress: false,
  });
  training = false;
  await asking;

  latencies.sort((a, b) => a - b);
  const share = (results) => {
    const [hits, asked] = results.reduce(([h, a], [hit, one]) => [h + hit, a + one], [0, 0]);
    return `${((100 * hits) / asked).toFixed(1)}% of ${asked} right`;
  };
  const results = [...right.values()];
  const half = results.length >> 1;
  const at = (q) => latencies[Math.floor(q * (latencies.length - 1))].toFixed(1);
  console.log(`answers while it trained: of the first weights ${share(results.slice(0, 8))}`);
  console.log(`                          of the later ones ${share(results.slice(half))}`);
  console.log(
    `time to an answer: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${snapshot.version} sets of weights`,
  );

  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  server.close();
  server.closeAllConnections();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(...process.argv.slice(2).map(Number));
