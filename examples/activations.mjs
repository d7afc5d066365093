// Activations and their slopes; and how much of the gradient ten layers of each leave for the first.
import { grad, init, nn, ops, randn, setSeed, tensor } from 'striate';

const kinds = {
  sigmoid: new nn.Sigmoid(),
  tanh: new nn.Tanh(),
  ReLU: new nn.ReLU(),
  'leaky ReLU': new nn.LeakyReLU(),
  ELU: new nn.ELU(),
  SELU: new nn.SELU(),
  GELU: new nn.GELU(),
  SiLU: new nn.SiLU(),
  'hard swish': new nn.Hardswish(),
  softplus: new nn.Softplus(),
};

const places = [-3, -1, -0.1, 0.1, 1, 3];
const line = (values) => [...values].map((v) => v.toFixed(3).padStart(8)).join('');
console.log(`${'x'.padEnd(20)}${line(places)}`);
for (const [name, activation] of Object.entries(kinds)) {
  const x = tensor(places);
  x.requiresGrad = true;
  const y = activation.forward(x);
  const [slope] = grad(ops.sum(y), [x]);
  console.log(`${name.padEnd(12)} value   ${line(await y.data())}`);
  console.log(`${''.padEnd(12)} slope   ${line(await slope.data())}`);
}

console.log('\nthe gradient of the first of ten layers, against that of the last');
setSeed(1);
for (const name of ['sigmoid', 'tanh', 'ReLU', 'SELU']) {
  const layers = Array.from({ length: 10 }, () => new nn.Linear(64, 64));
  for (const layer of layers) {
    if (name === 'ReLU') init.kaimingNormal(layer.weight, { nonlinearity: 'relu' });
    else if (name === 'SELU') init.lecunNormal(layer.weight);
    else init.xavierNormal(layer.weight);
    init.zeros(layer.bias);
  }
  const model = new nn.Sequential(...layers.flatMap((layer) => [layer, kinds[name]]));
  ops.mean(ops.square(model.forward(randn([64, 64])))).backward();
  const size = async ({ weight }) => Math.sqrt(await ops.sum(ops.square(weight.grad)).item());
  console.log(`${name.padEnd(12)} ${((await size(layers[0])) / (await size(layers[9]))).toExponential(1)}`);
}
