import { activations } from './activations.js';
import { arithmetic } from './arithmetic.js';
import { axesOperators } from './axes.js';
import { casts } from './casts.js';
import { comparisons } from './comparisons.js';
import { convolutions } from './convolution.js';
import { depths } from './depth.js';
import { functions } from './functions.js';
import { products } from './linear.js';
import { normalizations } from './normalization.js';
import type { Operators } from './operator.js';
import { padding } from './padding.js';
import { pools } from './pooling.js';
import { reductions } from './reductions.js';
import { repetitions } from './repeating.js';
import { resizes } from './resize.js';
import { selections } from './selection.js';
import { shapes } from './shapes.js';
import { softmaxes } from './softmax.js';

/** All operators that are understood. */
export const operators: Operators = {
  ...activations,
  ...arithmetic,
  ...axesOperators,
  ...casts,
  ...comparisons,
  ...convolutions,
  ...depths,
  ...functions,
  ...normalizations,
  ...padding,
  ...pools,
  ...products,
  ...reductions,
  ...repetitions,
  ...resizes,
  ...selections,
  ...shapes,
  ...softmaxes,
};
