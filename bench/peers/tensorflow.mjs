// Times LeNet-5 by TensorFlow.js on its cpu backend, the one of those without a download that trains:
// node tensorflow.mjs train|infer SECONDS BATCH, one line of JSON.
import process from 'node:process';
import * as tf from '@tensorflow/tfjs';
import { medianMs } from './clock.mjs';

const [what, seconds, batch] = process.argv.slice(2);
await tf.setBackend('cpu');
await tf.ready();
const { conv2d, dense, flatten, maxPooling2d } = tf.layers;
const activation = 'relu';
const model = tf.sequential({
  layers: [
    conv2d({ inputShape: [28, 28, 1], filters: 6, kernelSize: 5, padding: 'same', activation }),
    maxPooling2d({ poolSize: 2 }),
    conv2d({ filters: 16, kernelSize: 5, activation }),
    maxPooling2d({ poolSize: 2 }),
    flatten(),
    dense({ units: 120, activation }),
    dense({ units: 84, activation }),
    dense({ units: 10, activation: 'softmax' }),
  ],
});
model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss: 'categoricalCrossentropy' });
const x = tf.randomNormal([Number(batch), 28, 28, 1]);
const labels = tf.oneHot(tf.randomUniform([Number(batch)], 0, 10, 'int32'), 10);
const work =
  what === 'train'
    ? () => model.trainOnBatch(x, labels)
    : async () => {
        const y = model.predict(x);
        await y.data();
        y.dispose();
      };
const ms = await medianMs(work, Number(seconds));
console.log(JSON.stringify({ model: 'lenet5', ms, residentBytes: process.resourceUsage().maxRSS * 1024 }));
