export { loadSafetensors, readSafetensors, saveSafetensors, type Safetensors } from './safetensors.js';
