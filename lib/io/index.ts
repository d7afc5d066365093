export { loadOptimizer, saveOptimizer } from './optimizer.js';
export { loadSafetensors, readSafetensors, saveSafetensors, type Safetensors } from './safetensors.js';
