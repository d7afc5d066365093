export { extractFeatures, splitAtHead, type FeatureOptions, type SplitModel } from './features.js';
export { GradualUnfreezing, type GradualUnfreezingOptions } from './gradualUnfreezing.js';
export { replaceHead, type HeadOptions } from './head.js';
export {
  stageGroups,
  stagesOf,
  unfreezeTop,
  type Stage,
  type StageGroup,
  type StageGroupOptions,
  type StageOptions,
  type StagePaths,
} from './stages.js';
