// Is the derivative right? checkGradients compares it with differences, and tells where it is not.
import { checkGradients, nn, ops, randn, setSeed } from 'striate';

setSeed(1);
const layer = new nn.Conv2d(2, 3, 3, { padding: 1 });
const images = randn([2, 6, 5, 2]);
const smooth = (x, weight, bias) => ops.tanh(ops.conv2d(x, weight, bias, { padding: 1 }));
const reports = await checkGradients(smooth, [images, layer.weight, layer.bias]);
for (const [i, name] of ['images', 'weight', 'bias'].entries()) {
  console.log(`by ${name.padEnd(6)}: relative error ${reports[i].relativeError.toExponential(1)}`);
}

// A kink within the step looks like an error: of ReLU, at 0.
try {
  await checkGradients(ops.relu, [ops.mul(randn([64]), 1e-3)]);
} catch (error) {
  console.log(`ReLU around 0: ${error.message}`);
}
