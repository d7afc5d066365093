import type { Module } from '../nn/module.js';

/** What all networks for images let their users choose. */
export interface ModelOptions {
  /** Scores that the network gives an image. Default: 1000, as in ImageNet. */
  classes?: number;
  /** Channels of the images. Default: 3. */
  channels?: number;
}

/** The same of networks that have another beginning for small images. */
export interface SmallImageOptions extends ModelOptions {
  /** For images of some 32×32, as those of CIFAR: the first layers leave out what makes images smaller. Default: false. */
  smallImages?: boolean;
}

/** What networks that give each pixel a class let their users choose. */
export interface SegmentationOptions {
  /** Scores of each pixel. Default: 21, the background and what Pascal VOC has. */
  classes?: number;
  /** Channels of the images. Default: 3. */
  channels?: number;
}

/** Of the images that a network is made for. */
export function sideOf(smallImages: boolean): number {
  return smallImages ? 32 : 224;
}

/** The network, with the shape of the images that it is made for as its inputShape. */
export function madeFor<M extends Module>(side: number, channels: number, network: M): M {
  network.inputShape = [side, side, channels];
  return network;
}
