export { loadOnnx, type LoadOnnxOptions } from './onnx/loadOnnx.js';
export type { OnnxModule, OnnxValue } from './onnx/import/module.js';
export { saveOnnx, type SaveOnnxOptions } from './onnx/save.js';
export { loadOptimizer, saveOptimizer } from './optimizer.js';
export {
  loadSafetensors,
  readSafetensors,
  saveSafetensors,
  type Safetensors,
  type SafetensorsOptions,
} from './safetensors.js';
export type { OrderOptions } from './torch/order.js';
export type { TorchOptions } from './torch/layout.js';
export {
  loadTorch,
  saveTorch,
  type LoadTorchOptions,
  type SaveTorchOptions,
  type TorchReport,
} from './torch/torch.js';
