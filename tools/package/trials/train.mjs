// A LeNet-5 learns the digits that the package carries; the last line is what it came to.
import { data, loss, models, optim, setSeed, Trainer } from 'striate';

setSeed(7);
const { train, test } = await data.digits();
const model = models.lenet5({ side: 32 });
const trainer = new Trainer(model, {
  optimizer: new optim.Adam(model.parameters(), { lr: 2e-3 }),
  loss: loss.crossEntropy,
  metrics: ['accuracy'],
});
await trainer.fit(train, { epochs: 6, batchSize: 32, seed: 1 });
const { accuracy } = await trainer.evaluate(test);
if (!(accuracy > 0.93)) throw new Error(`LeNet-5 came to an accuracy of ${accuracy}`);
console.log(JSON.stringify({ accuracy: `${(100 * accuracy).toFixed(1)}%` }));
