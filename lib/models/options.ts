/** What all networks for images let their users choose. */
export interface ModelOptions {
  /** Scores that the network gives an image. Default: 1000, as in ImageNet. */
  classes?: number;
  /** Channels of the images. Default: 3. */
  channels?: number;
}
