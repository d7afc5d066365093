export { crossEntropy } from './crossEntropy.js';
