// Trains where files may not grow beyond a size, with checkpoints that do from the third epoch on; see checkpoint.test.ts.
import process from 'node:process';
import { Checkpoint, loss, nn, optim, tensor, Trainer } from '../../../dist/index.js';

// Otherwise the system ends the process.
process.on('SIGXFSZ', () => undefined);
const model = new nn.Linear(2, 1);
const trainer = new Trainer(model, { optimizer: new optim.SGD(model.parameters()), loss: loss.mse });
const train = { length: 4, get: (i) => [tensor(Float32Array.of(i, 1)), tensor(Float32Array.of(i))] };
const warnings = [];
let epochs = 0;
const growing = {
  onEpochEnd: ({ epoch }) => void (epochs = epoch),
  state: () => 'x'.repeat(epochs > 2 ? 50_000 : 10),
  restore: () => undefined,
};
const { epochs: records } = await trainer.fit(train, {
  epochs: 4,
  callbacks: [growing, new Checkpoint({ folder: process.argv[2] })],
  progress: { onWarning: (text) => void warnings.push(text) },
});
process.stdout.write(JSON.stringify({ epochs: records.length, warnings }));
