export { Ensemble, type EnsembleOptions } from './ensemble.js';
export { SnapshotEnsemble, type SnapshotEnsembleOptions } from './snapshotEnsemble.js';
