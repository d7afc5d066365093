// Poolings of one image, and back again: the maximum's places are remembered.
import { arange, ops, tensor } from 'striate';

const show = async (name, x) => {
  const [, height, width] = x.shape;
  const values = await x.data();
  console.log(name);
  for (let i = 0; i < height; i++) {
    console.log([...values.slice(i * width, (i + 1) * width)].map((v) => v.toFixed(1).padStart(6)).join(''));
  }
};

const image = ops.reshape(ops.cast(arange(0, 16, 1, 'i32'), 'f32'), [1, 4, 4, 1]);
const noisy = ops.add(image, tensor([[0, 9, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 9, 0]].flat(), [1, 4, 4, 1])); // prettier-ignore
await show('image', noisy);
await show('average of 2×2', ops.avgPool2d(noisy, 2));
await show('L2 of 2×2', ops.lpPool2d(noisy, 2, 2));
await show('average of all', ops.adaptiveAvgPool2d(noisy, 1));
const { output, indices } = ops.maxPool2d(noisy, 2, { returnIndices: true });
await show('maximum of 2×2', output);
await show('and unpooled', ops.maxUnpool2d(output, indices, 4));
