export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type BinaryCrossEntropyWithLogitsOptions,
} from './binaryCrossEntropy.js';
export { contractivePenalty, type ContractiveOptions } from './contractive.js';
export { cosineEmbedding, type CosineEmbeddingOptions } from './cosine.js';
export { crossEntropy, nll, type CrossEntropyOptions, type NllOptions } from './crossEntropy.js';
export { hinge, multiMargin, type HingeOptions, type MultiMarginOptions } from './hinge.js';
export { klDiv, type KlDivOptions } from './klDivergence.js';
export type { LossOptions, Reduction } from './options.js';
export { l1Penalty, l2Penalty, type PenaltyOptions } from './penalty.js';
export { huber, l1, mse, smoothL1, type HuberOptions, type SmoothL1Options } from './regression.js';
export { sparsityPenalty, type SparsityOptions, type SparsityPenaltyOptions } from './sparsity.js';
