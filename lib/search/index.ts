export { codeOf } from './code.js';
export { evolutionarySearch, type EvolutionOptions } from './evolution.js';
export { halvingSchedule, type EpochBudget, type EpochRange, type Rung } from './halving.js';
export type { SearchOptions, SearchProgress, SearchResult, Trial } from './options.js';
export { choice, float, int, type Choosable, type Part, type RangeOptions } from './part.js';
export { randomSearch } from './random.js';
export { repeat, variant, type SampleOf, type Space, type VariantOf } from './space.js';
