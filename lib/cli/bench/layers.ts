/** A convolution of a well-known network. */
export interface Layer {
  name: string;
  batch: number;
  inputs: number;
  /** Height and width of the images. */
  side: number;
  outputs: number;
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
  groups: number;
}

type Facts = [
  name: string,
  batch: number,
  inputs: number,
  side: number,
  outputs: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
  groups: number,
];

const facts: Facts[] = [
  ['lenet-conv1', 128, 1, 28, 6, 5, 1, 2, 1, 1],
  ['lenet-conv2', 128, 6, 14, 16, 5, 1, 0, 1, 1],
  ['cifar-64x32', 128, 64, 32, 64, 3, 1, 1, 1, 1],
  ['cifar-128x16', 128, 128, 16, 128, 3, 1, 1, 1, 1],
  ['cifar-256x8', 128, 256, 8, 256, 3, 1, 1, 1, 1],
  ['cifar-512x4', 128, 512, 4, 512, 3, 1, 1, 1, 1],
  ['alexnet-conv1', 32, 3, 224, 64, 11, 4, 2, 1, 1],
  ['alexnet-conv2', 32, 64, 27, 192, 5, 1, 2, 1, 1],
  ['vgg-64x224', 4, 64, 224, 64, 3, 1, 1, 1, 1],
  ['vgg-256x56', 8, 256, 56, 256, 3, 1, 1, 1, 1],
  ['resnet-stem', 32, 3, 224, 64, 7, 2, 3, 1, 1],
  ['resnet-3x3-64x56', 32, 64, 56, 64, 3, 1, 1, 1, 1],
  ['resnet-3x3-128x28', 32, 128, 28, 128, 3, 1, 1, 1, 1],
  ['resnet-3x3-256x14', 32, 256, 14, 256, 3, 1, 1, 1, 1],
  ['resnet-3x3-512x7', 32, 512, 7, 512, 3, 1, 1, 1, 1],
  ['resnet-1x1-64-256x56', 32, 64, 56, 256, 1, 1, 0, 1, 1],
  ['resnet-1x1-256-64x56', 32, 256, 56, 64, 1, 1, 0, 1, 1],
  ['resnet-1x1-1024-256x14', 32, 1024, 14, 256, 1, 1, 0, 1, 1],
  ['resnet-1x1-s2-256-512x56', 16, 256, 56, 512, 1, 2, 0, 1, 1],
  ['resnet-3x3-s2-128x56', 32, 128, 56, 128, 3, 2, 1, 1, 1],
  ['inception-5x5-32-96x28', 32, 32, 28, 96, 5, 1, 2, 1, 1],
  ['depthwise-3x3-256x28', 32, 256, 28, 256, 3, 1, 1, 1, 256],
  ['grouped-3x3-256x14', 32, 256, 14, 256, 3, 1, 1, 1, 32],
  ['dilated-3x3-256x28', 16, 256, 28, 256, 3, 1, 2, 2, 1],
];

export const layers: readonly Layer[] = facts.map(
  ([name, batch, inputs, side, outputs, kernel, stride, padding, dilation, groups]) => ({
    name,
    batch,
    inputs,
    side,
    outputs,
    kernel,
    stride,
    padding,
    dilation,
    groups,
  }),
);

/** Height and width of the layer's result. */
export function resultSide({ side, kernel, stride, padding, dilation }: Layer): number {
  return Math.floor((side + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** 10⁹ operations of one pass by the direct algorithm. */
export function gigaOperations(layer: Layer): number {
  const { batch, inputs, outputs, kernel, groups } = layer;
  return (2 * batch * resultSide(layer) ** 2 * outputs * (inputs / groups) * kernel ** 2) / 1e9;
}
