// Every test draws the same random numbers in every run, whichever others run beside it: what fails fails again.
import { beforeEach } from 'vitest';
import { setSeed } from '../lib/ops/creation.js';

const start = (): void => setSeed(1);

start();
beforeEach(start);
