export { alexnet, alexnet2012 } from './alexnet.js';
export { auxiliaryLoss } from './auxiliary.js';
export {
  Autoencoder,
  autoencoder,
  convAutoencoder,
  type AutoencoderOptions,
  type ConvAutoencoderOptions,
  type CorruptionOptions,
  type MakesModule,
} from './autoencoder.js';
export { cifarResnet, resnet20, resnet56 } from './cifarResnet.js';
export { DBN, type DBNOptions } from './dbn.js';
export { fcn16s, fcn32s, fcn8s, type FCNOptions } from './fcn.js';
export { fcnResnet101, fcnResnet50, FCNResNet, type FCNResNetOptions } from './fcnResnet.js';
export {
  googlenet,
  GoogLeNet,
  Inception,
  type GoogLeNetOptions,
  type GoogLeNetScores,
  type InceptionWidths,
} from './googlenet.js';
export { lenet5, type LeNet5Options } from './lenet.js';
export { mlp, type MLPOptions } from './mlp.js';
export { InvertedResidual, mobilenet, mobilenetV2, type MobileNetOptions } from './mobilenet.js';
export type { ModelOptions, SegmentationOptions, SmallImageOptions } from './options.js';
export { RBM, type RBMOptions, type VisibleUnits } from './rbm.js';
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
export { StackedAutoencoder, type StackedAutoencoderOptions } from './stackedAutoencoder.js';
export { unet, UNet, type UNetOptions } from './unet.js';
export { vgg, vgg11, vgg13, vgg16, vgg19, type VGGOptions } from './vgg.js';
export { zfnet } from './zfnet.js';
