// Weights that start too small, too big, and just right: how activations fare through eight layers of tanh and of ReLU.
import { init, nn, randn, setSeed } from 'striate';

const width = 256;
const network = (activation) =>
  new nn.Sequential(
    ...Array.from({ length: 8 }, () => [new nn.Linear(width, width), new activation()]).flat(),
  );

const starts = {
  'too small': (weight) => init.normal(weight, { std: 0.01 }),
  'too big': (weight) => init.normal(weight, { std: 0.3 }),
  Xavier: (weight) => init.xavierNormal(weight),
  He: (weight) => init.kaimingNormal(weight, { nonlinearity: 'relu' }),
};

setSeed(1);
const batch = randn([128, width]);
for (const activation of [nn.Tanh, nn.ReLU]) {
  console.log(`deviation of each ${activation.name}`);
  for (const [name, start] of Object.entries(starts)) {
    const model = network(activation);
    for (const parameter of model.parameters()) {
      if (parameter.rank === 2) start(parameter);
      else init.zeros(parameter);
    }
    const layers = await nn.activationStatistics(model, batch);
    const deviations = layers.filter(({ kind }) => kind === activation.name).map(({ std }) => std);
    console.log(`  ${name.padEnd(9)} ${deviations.map((std) => std.toExponential(1).padStart(9)).join('')}`);
  }
}
