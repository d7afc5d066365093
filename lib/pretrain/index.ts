export { contrastiveDivergence, type ContrastiveDivergenceOptions } from './contrastiveDivergence.js';
export { encode, type EncodeOptions } from './encode.js';
export { greedy, type GreedyOptions, type PretrainedLayer } from './greedy.js';
export { TwoPassSparsity, type TwoPassSparsityOptions } from './twoPassSparsity.js';
