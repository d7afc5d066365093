export { Adam, AdamW, type AdamOptions } from './adam.js';
export { Optimizer, type OptimizerState, type Step } from './optimizer.js';
export { SGD, type SGDOptions } from './sgd.js';
