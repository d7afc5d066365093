export { ops, express, ones, full, randn, synchronize, memory } from '../../../dist/index.js';
export { add, matmul } from '../../../dist/ops/index.js';
