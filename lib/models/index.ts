export { alexnet, alexnet2012 } from './alexnet.js';
export { cifarResnet, resnet20, resnet56 } from './cifarResnet.js';
export { googlenet, Inception, type InceptionWidths } from './googlenet.js';
export { lenet5, type LeNet5Options } from './lenet.js';
export { mlp, type MLPOptions } from './mlp.js';
export { InvertedResidual, mobilenet, mobilenetV2, type MobileNetOptions } from './mobilenet.js';
export type { ModelOptions } from './options.js';
export {
  BasicBlock,
  Bottleneck,
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
  type ResNetOptions,
} from './resnet.js';
export { smallVgg, type SmallVggOptions } from './smallVgg.js';
export { Fire, squeezenet, type SqueezeNetOptions } from './squeezenet.js';
export { vgg, vgg11, vgg13, vgg16, vgg19, type VGGOptions } from './vgg.js';
export { zfnet } from './zfnet.js';
