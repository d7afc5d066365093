// A deep network that learns only with shortcuts: 24 layers, with and without x + f(x).
import { data, loss, nn, optim, setSeed, Trainer } from 'striate';

const { train, test } = await data.digits({ side: 8 });
const depth = 24;
const width = 64;

const body = () => new nn.Sequential(new nn.Linear(width, width), new nn.ReLU());
const network = (layer) =>
  new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(64, width),
    ...Array.from({ length: depth }, layer),
    new nn.Linear(width, 10),
  );

for (const [name, layer] of [
  ['plain', body],
  ['residual', () => new nn.Residual(body())],
]) {
  setSeed(1);
  const model = network(layer);
  const trainer = new Trainer(model, {
    optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
    loss: loss.crossEntropy,
    metrics: ['accuracy'],
  });
  await trainer.fit(train, { epochs: 4, batchSize: 64, progress: false });
  const { accuracy } = await trainer.evaluate(test);
  console.log(`${name.padEnd(8)} ${depth} layers: ${(100 * accuracy).toFixed(1)}% of the test digits`);
}
