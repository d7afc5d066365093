// Learning rates over time; and a range test that finds one to start from.
import { data, loss, lrRangeTest, models, optim, randn, setSeed, Trainer } from 'striate';

const steps = 40;
const schedules = {
  step: (o) => new optim.StepLR(o, { stepSize: 10, gamma: 0.5 }),
  'multi-step': (o) => new optim.MultiStepLR(o, { milestones: [15, 30], gamma: 0.1 }),
  exponential: (o) => new optim.ExponentialLR(o, { gamma: 0.9 }),
  '1/t': (o) => new optim.InverseTimeLR(o, { decayRate: 0.2 }),
  'cosine, restarted': (o) => new optim.CosineAnnealingWarmRestarts(o, { t0: 10, tMult: 2 }),
  'warm-up': (o) => new optim.LinearLR(o, { startFactor: 0.1, totalIters: 10 }),
  'one cycle': (o) => new optim.OneCycleLR(o, { maxLr: 1, totalSteps: steps + 1 }),
};
const bars = ' ▁▂▃▄▅▆▇█';
for (const [name, make] of Object.entries(schedules)) {
  const parameter = randn([1]);
  parameter.requiresGrad = true;
  const optimizer = new optim.SGD([parameter], { lr: 1 });
  const schedule = make(optimizer);
  let line = '';
  for (let i = 0; i < steps; i++) {
    line += bars[Math.min(8, Math.round(8 * optimizer.lr))];
    schedule.step();
  }
  console.log(`${name.padEnd(18)} ${line}`);
}

setSeed(1);
const { train } = await data.digits({ side: 32 });
const model = models.lenet5({ side: 32 });
const trainer = new Trainer(model, {
  optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
  loss: loss.crossEntropy,
});
const { suggestion, diverged, lrs } = await lrRangeTest(trainer, train, {
  lrMin: 1e-4,
  lrMax: 100,
  steps: 80,
});
console.log(
  `\nrange test: ${diverged ? `diverges at ${lrs.at(-1).toPrecision(2)}` : 'does not diverge'}, falls most steeply at ${suggestion?.toPrecision(2)}`,
);
