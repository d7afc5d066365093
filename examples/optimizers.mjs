// Every optimizer on the same small network, from the same start, with the same batches: the loss after each epoch.
import { data, loss, models, optim, setSeed, Trainer } from 'striate';

const { train } = await data.digits({ side: 32 });

const optimizers = {
  SGD: (p) => new optim.SGD(p, { lr: 0.05 }),
  momentum: (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.9 }),
  Nesterov: (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.9, nesterov: true }),
  Adagrad: (p) => new optim.Adagrad(p, { lr: 0.02 }),
  RMSprop: (p) => new optim.RMSprop(p, { lr: 1e-3 }),
  Adadelta: (p) => new optim.Adadelta(p, { lr: 1 }),
  Adam: (p) => new optim.Adam(p, { lr: 2e-3 }),
  'Adam, uncorrected': (p) => new optim.Adam(p, { lr: 2e-3, biasCorrection: false }),
  AdamW: (p) => new optim.AdamW(p, { lr: 2e-3 }),
  Lion: (p) => new optim.Lion(p, { lr: 3e-4 }),
};
for (const [name, make] of Object.entries(optimizers)) {
  setSeed(1);
  const model = models.lenet5({ side: 32 });
  const trainer = new Trainer(model, { optimizer: make(model.parameters()), loss: loss.crossEntropy });
  const { epochs } = await trainer.fit(train, { epochs: 4, batchSize: 64, seed: 1, progress: false });
  console.log(`${name.padEnd(18)} ${epochs.map((epoch) => epoch.loss.toFixed(3).padStart(7)).join('')}`);
}
