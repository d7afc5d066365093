export { ops, express, ones, full, randn, synchronize, memory, profile } from '../../../dist/index.js';
export { add, matmul } from '../../../dist/ops/index.js';
