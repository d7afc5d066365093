export { alexnet } from './alexnet.js';
export { googlenet, Inception, type InceptionWidths } from './googlenet.js';
export { lenet5, type LeNet5Options } from './lenet.js';
export { mlp, type MLPOptions } from './mlp.js';
export type { ModelOptions } from './options.js';
export { BasicBlock, Bottleneck, resnet18, resnet34, resnet50, type ResNetOptions } from './resnet.js';
export { smallVgg, type SmallVggOptions } from './smallVgg.js';
export { vgg, vgg11, vgg13, vgg16, vgg19 } from './vgg.js';
