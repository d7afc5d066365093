export { lenet5, type LeNet5Options } from './lenet.js';
