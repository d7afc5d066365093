export { bilinear, type BilinearOptions } from './bilinear.js';
export {
  constant,
  normal,
  ones,
  truncatedNormal,
  uniform,
  zeros,
  type NormalOptions,
  type TruncatedNormalOptions,
  type UniformOptions,
} from './distributions.js';
export { calculateGain, fans, type Fans, type Nonlinearity } from './fans.js';
export { dirac, identity, type DiracOptions } from './identity.js';
export { orthogonal, type OrthogonalOptions } from './orthogonal.js';
export {
  kaimingNormal,
  kaimingUniform,
  lecunNormal,
  lecunUniform,
  xavierNormal,
  xavierUniform,
  type KaimingOptions,
  type XavierOptions,
} from './variance.js';
