import * as nn from '../nn/index.js';
import { madeFor } from './options.js';

export interface LeNet5Options {
  /** Default: 10. */
  classes?: number;
  /** Channels of the images. Default: 1. */
  channels?: number;
  /** Height and width of the images: 28, which the first layer pads to 32, or 32. Default: 28. */
  side?: 28 | 32;
  /** 'relu': ReLU and maximum pooling, as it is taught today; '1998': tanh and average pooling. Default: 'relu'. */
  form?: 'relu' | '1998';
}

/**
 * LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998): images [N, side, side, channels] to scores [N, classes]. 61,706
 * parameters for digits. Of what the paper has, the form of 1998 leaves out the factors of its pooling layers, the
 * connections that its second convolution does without, and the distances to fixed codes at its end.
 *
 * @throws RangeError for another side or form
 */
export function lenet5({
  classes = 10,
  channels = 1,
  side = 28,
  form = 'relu',
}: LeNet5Options = {}): nn.Sequential {
  if (side !== 28 && side !== 32) throw new RangeError(`lenet5: side is ${String(side)}, wants 28 or 32`);
  if (form !== 'relu' && form !== '1998') {
    throw new RangeError(`lenet5: form is '${String(form)}', wants 'relu' or '1998'`);
  }
  const activation = (i: number): Record<string, nn.Module> =>
    form === 'relu' ? { [`relu${i}`]: new nn.ReLU() } : { [`tanh${i}`]: new nn.Tanh() };
  const pool = () => (form === 'relu' ? new nn.MaxPool2d(2) : new nn.AvgPool2d(2));
  const network = new nn.Sequential({
    conv1: new nn.Conv2d(channels, 6, 5, { padding: side === 28 ? 2 : 0 }),
    ...activation(1),
    pool1: pool(),
    conv2: new nn.Conv2d(6, 16, 5),
    ...activation(2),
    pool2: pool(),
    flatten: new nn.Flatten(),
    fc1: new nn.Linear(400, 120),
    ...activation(3),
    fc2: new nn.Linear(120, 84),
    ...activation(4),
    fc3: new nn.Linear(84, classes),
  });
  return madeFor(side, channels, network);
}
