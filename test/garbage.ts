import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { native } from '../lib/native.js';
import { synchronize } from '../lib/tensor.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects what earlier tests have left, so that a test that counts tensors counts its own. */
export async function collectGarbage(): Promise<void> {
  await synchronize();
  for (let last = -1, same = 0; same < 2;) {
    collect();
    // Finalizers run some time after a collection.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { liveTensors } = native.memory();
    same = liveTensors === last ? same + 1 : 0;
    last = liveTensors;
  }
  await synchronize();
}
