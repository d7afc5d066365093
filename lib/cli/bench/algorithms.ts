import type { Binding, Handle } from '../../../binding.js';
import { native } from '../../native.js';
import { randn } from '../../ops/creation.js';
import type { Tensor } from '../../tensor.js';
import { resultSide, type Layer } from './layers.js';

export const passes = ['fwd', 'bwdData', 'bwdWeights'] as const;
export type Pass = (typeof passes)[number];

export const algorithms = ['auto', 'direct', 'winograd2', 'winograd4', 'depthwise'] as const;
export type Algorithm = (typeof algorithms)[number];

/** An algorithm that can run a pass, and the milliseconds that the cost model expects; none where there is no model. */
export interface Candidate {
  algorithm: string;
  milliseconds: number | null;
}

interface Chooser {
  conv2d(...args: [...Parameters<Binding['conv2d']>, algorithm: string]): Handle;
  conv2dByInput(...args: [...Parameters<Binding['conv2dByInput']>, algorithm: string]): Handle;
  conv2dByWeight(...args: [...Parameters<Binding['conv2dByWeight']>, algorithm: string]): Handle;
  conv2dPlan?(
    pass: 'forward' | 'byInput' | 'byWeight',
    inputShape: readonly number[],
    weightShape: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
  ): { algorithm: string; milliseconds: number }[];
}
const chooser = native as unknown as Chooser;

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

  run(pass: Pass, algorithm: string): Handle {
    const [x, weight, gradient] = [this.#x, this.#weight, this.#gradient];
    const [stride, padding, dilation, groups] = this.#moves();
    switch (pass) {
      case 'fwd':
        return chooser.conv2d(
          x.handle,
          weight.handle,
          null,
          stride,
          padding,
          dilation,
          groups,
          false,
          algorithm,
        );
      case 'bwdData':
        return chooser.conv2dByInput(
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
        return chooser.conv2dByWeight(
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
    if (!chooser.conv2dPlan) return [{ algorithm: 'direct', milliseconds: null }];
    const name = ({ fwd: 'forward', bwdData: 'byInput', bwdWeights: 'byWeight' } as const)[pass];
    return chooser.conv2dPlan(name, this.#x.shape, this.#weight.shape, ...this.#moves());
  }

  [Symbol.dispose](): void {
    for (const tensor of [this.#x, this.#weight, this.#gradient]) tensor.dispose();
  }

  #moves(): [stride: number[], padding: number[], dilation: number[], groups: number] {
    const { stride, padding, dilation, groups } = this.#layer;
    return [[stride, stride], [padding, padding, padding, padding], [dilation, dilation], groups];
  }
}
