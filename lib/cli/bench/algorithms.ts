import type { Handle } from '../../../binding.js';
import { native } from '../../native.js';
import { randn } from '../../ops/creation.js';
import type { Tensor } from '../../tensor.js';
import { resultSide, type Layer } from './layers.js';

export const passes = ['fwd', 'bwdData', 'bwdWeights'] as const;
export type Pass = (typeof passes)[number];

export const algorithms = [
  'auto',
  'direct',
  'depthwise',
  'narrow',
  'phases',
  'polyphase',
  'scatter',
  'winograd2',
  'winograd4',
] as const;
export type Algorithm = (typeof algorithms)[number];

/** An algorithm that can run a pass, and the milliseconds that the cost model expects. */
export interface Candidate {
  algorithm: string;
  milliseconds: number;
}

/** A layer's tensors, and its passes as the native side runs them. */
export class LayerRun {
  readonly #layer: Layer;
  readonly #x: Tensor;
  readonly #weight: Tensor;
  readonly #gradient: Tensor;

  constructor(layer: Layer) {
    const { batch, inputs, side, outputs, kernel, groups } = layer;
    const out = resultSide(layer);
    this.#layer = layer;
    this.#x = randn([batch, side, side, inputs]);
    this.#weight = randn([kernel, kernel, inputs / groups, outputs]);
    this.#gradient = randn([batch, out, out, outputs]);
  }

  /** Writes to the weights what they are. */
  moveWeights(): void {
    this.#weight.assign(this.#weight);
  }

  run(pass: Pass, algorithm: string): Handle {
    const [x, weight, gradient] = [this.#x, this.#weight, this.#gradient];
    const [stride, padding, dilation, groups] = this.#moves();
    switch (pass) {
      case 'fwd':
        return native.conv2d(
          x.handle,
          weight.handle,
          null,
          null,
          stride,
          padding,
          dilation,
          groups,
          false,
          false,
          algorithm,
        );
      case 'bwdData':
        return native.conv2dByInput(
          gradient.handle,
          weight.handle,
          x.shape,
          stride,
          padding,
          dilation,
          groups,
          algorithm,
        );
      case 'bwdWeights':
        return native.conv2dByWeight(
          gradient.handle,
          x.handle,
          weight.shape,
          stride,
          padding,
          dilation,
          groups,
          algorithm,
        );
    }
  }

  /** The algorithms that can run the pass, the one that is taken first. */
  candidates(pass: Pass): Candidate[] {
    const name = ({ fwd: 'forward', bwdData: 'byInput', bwdWeights: 'byWeight' } as const)[pass];
    return native.conv2dPlan(name, this.#x.shape, this.#weight.shape, ...this.#moves());
  }

  [Symbol.dispose](): void {
    for (const tensor of [this.#x, this.#weight, this.#gradient]) tensor.dispose();
  }

  #moves(): [stride: number[], padding: number[], dilation: number[], groups: number] {
    const { stride, padding, dilation, groups } = this.#layer;
    return [[stride, stride], [padding, padding, padding, padding], [dilation, dilation], groups];
  }
}
