// Batch normalization lets a network learn at a rate at which it fails without.
import { data, loss, nn, optim, setSeed, Trainer } from 'striate';

const { train, test } = await data.digits({ side: 16 });

/** Four convolutions, each followed by what `norm` gives. */
function network(norm) {
  const block = (inputs, outputs, stride) => [
    new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1 }),
    ...norm(outputs),
    new nn.ReLU(),
  ];
  return new nn.Sequential(
    ...block(1, 16, 1),
    ...block(16, 16, 2),
    ...block(16, 32, 1),
    ...block(32, 32, 2),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(32, 10),
  );
}

for (const [name, norm] of [
  ['without', () => []],
  ['with batch normalization', (channels) => [new nn.BatchNorm2d(channels)]],
]) {
  for (const lr of [0.05, 0.5]) {
    setSeed(1);
    const model = network(norm);
    const trainer = new Trainer(model, {
      optimizer: new optim.SGD(model.parameters(), { lr, momentum: 0.9 }),
      loss: loss.crossEntropy,
      metrics: ['accuracy'],
    });
    await trainer.fit(train, { epochs: 4, batchSize: 64, progress: false });
    const { accuracy } = await trainer.evaluate(test);
    console.log(`${name.padEnd(24)} rate ${String(lr).padEnd(4)}: ${(100 * accuracy).toFixed(1)}%`);
  }
}
