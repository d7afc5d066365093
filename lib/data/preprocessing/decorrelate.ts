import { describe } from '../../describe.js';
import { Module } from '../../nn/module.js';
import { noGrad } from '../../autograd.js';
import { eye, tensor, zeros } from '../../ops/creation.js';
import { add, div, maximum, sqrt, sub } from '../../ops/elementwise.js';
import { eigh } from '../../ops/eigh.js';
import { matmul } from '../../ops/matmul.js';
import { gather, reshape, slice, transpose } from '../../ops/movement.js';
import { mean } from '../../ops/reduce.js';
import { requireLive, scope, type Tensor } from '../../tensor.js';
import type { Dataset } from '../dataset.js';
import { inputsOf, requireFinite } from './statistics.js';

export interface PCAOptions {
  /** How many directions are kept, those of the largest variance. Default: all. */
  components?: number | undefined;
  /** Samples that are measured at once. Default: 1024. */
  batchSize?: number | undefined;
}

export interface WhiteningOptions extends PCAOptions {
  /**
   * 'pca' leaves values along the directions of variance, [N, components]; 'zca' turns them back, so that images still look
   * like images (Bell and Sejnowski, 1997). Default: 'zca'.
   */
  method?: 'pca' | 'zca' | undefined;
  /** Added to the variances, so that noise is not blown up. Default: 1e-5. */
  epsilon?: number | undefined;
}

function requireComponents(preprocessing: string, components: unknown, features: number): void {
  if (Number.isSafeInteger(components) && (components as number) >= 1 && (components as number) <= features) {
    return;
  }
  throw new RangeError(
    `${preprocessing}: components is ${describe(components)}, wants a whole number from 1 to ${features}`,
  );
}

function requireFeatures(preprocessing: string, features: unknown): void {
  if (Number.isSafeInteger(features) && (features as number) >= 1) return;
  throw new RangeError(`${preprocessing}: features is ${describe(features)}, wants a whole number from 1 on`);
}

/** Samples as rows of features: [N, D]. */
function rows(preprocessing: string, x: Tensor, features?: number): Tensor {
  const { shape, size } = requireLive(preprocessing, 'input', x);
  const each = shape.slice(1).reduce((n, extent) => n * extent, 1);
  if (shape.length < 2 || (features !== undefined && each !== features)) {
    throw new RangeError(
      `${preprocessing}: input [${shape.join(', ')}] wants ${features ?? 'some'} features for each sample: [N, …]`,
    );
  }
  return reshape(x, [each === 0 ? 0 : size / each, each]);
}

interface Directions {
  mean: Tensor;
  /** [D, K], the one of the largest variance first. */
  directions: Tensor;
  /** [K] */
  variances: Tensor;
}

/** The mean of a data set, and the eigenvectors of its covariance Σ (x − mean)(x − mean)ᵀ/N. The caller disposes all. */
async function directionsOf(
  preprocessing: string,
  dataset: Dataset,
  { components, batchSize }: PCAOptions,
): Promise<Directions> {
  let sums: Float64Array | undefined;
  for await (const x of inputsOf(preprocessing, dataset, batchSize)) {
    const { read } = scope(() => ({ read: mean(rows(preprocessing, x), 0).data() }));
    const average = await read;
    const [samples = 0] = x.shape;
    sums ??= new Float64Array(average.length);
    for (let i = 0; i < average.length; i++) sums[i]! += samples * average[i]!;
  }
  const center = Float32Array.from(sums!, (sum) => sum / dataset.length);
  requireFinite(preprocessing, center);
  const features = center.length;
  const wanted = components ?? features;
  requireComponents(preprocessing, wanted, features);
  const average = tensor(center).keep();
  let total = zeros([features, features]).keep();
  for await (const x of inputsOf(preprocessing, dataset, batchSize)) {
    const next = scope(() => {
      const centred = sub(rows(preprocessing, x, features), average);
      return add(total, matmul(centred, centred, { transposeA: true }));
    }).keep();
    total.dispose();
    total = next;
  }
  using covariance = total;
  return scope(() => {
    const { values, vectors } = eigh(div(covariance, dataset.length));
    // The largest come last.
    const from = features - wanted;
    const last = slice(values, [from], [features]);
    return {
      mean: average,
      variances: reversed(last, 0),
      directions: reversed(slice(vectors, [0, from], [features, features]), 1),
    };
  });
}

/** The same along an axis from the end to the front. */
function reversed(x: Tensor, axis: 0 | 1): Tensor {
  const turned = x.shape[axis]!;
  const order = scope(() => tensor(Int32Array.from({ length: turned }, (_, i) => turned - 1 - i)));
  if (axis === 0) return gather(x, order);
  return transpose(gather(transpose(x), order));
}

/**
 * Decorrelation: samples [N, …] along the directions in which the training data vary, the largest variance first
 * (principal components): (x − mean)·components, [N, K].
 */
export class PCA extends Module {
  readonly mean: Tensor;
  /** Directions as columns, [D, K]. */
  readonly components: Tensor;
  /** The training data's variance along each direction, [K]. */
  readonly variances: Tensor;

  /** The first K of D features, to load what was saved. */
  constructor(features: number, { components = features }: { components?: number | undefined } = {}) {
    super();
    requireFeatures('PCA', features);
    requireComponents('PCA', components, features);
    this.mean = zeros([features]).keep();
    this.components = scope(() => slice(eye(features), [0, 0], [features, components])).keep();
    this.variances = zeros([components]).keep();
  }

  /**
   * With the directions of a data set: those of the eigenvectors of its covariance, whose sum is divided by the number of
   * samples. See ops.eigh for what that costs.
   */
  static async fit(dataset: Dataset, options: PCAOptions = {}): Promise<PCA> {
    const { mean: center, directions, variances } = await directionsOf('PCA', dataset, options);
    const [features = 0, components] = directions.shape;
    const fitted = new PCA(features, { components });
    for (const [target, source] of [
      [fitted.mean, center],
      [fitted.components, directions],
      [fitted.variances, variances],
    ] as const) {
      target.assign(source);
      source.dispose();
    }
    return fitted;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => matmul(sub(rows('PCA', x, this.mean.size), this.mean), this.components));
  }
}

/**
 * Whitening: samples [N, …] so that over the training data all features have variance 1 and none is correlated with
 * another: (x − mean)·W with W = V·diag(λ + epsilon)^−½ by 'pca', [N, K], and that times Vᵀ by 'zca', in the shape of x,
 * where V are the principal directions and λ the variances along them.
 */
export class Whitening extends Module {
  readonly mean: Tensor;
  /** W, [D, K] or [D, D]. */
  readonly matrix: Tensor;
  readonly method: 'pca' | 'zca';

  /** Only centring by 0, to load what was saved; `components` counts for 'pca' alone. */
  constructor(
    features: number,
    {
      method = 'zca',
      components = features,
    }: { method?: 'pca' | 'zca' | undefined; components?: number | undefined } = {},
  ) {
    super();
    requireFeatures('Whitening', features);
    requireComponents('Whitening', components, features);
    requireMethod(method);
    this.mean = zeros([features]).keep();
    const columns = method === 'pca' ? components : features;
    this.matrix = scope(() => slice(eye(features), [0, 0], [features, columns])).keep();
    this.method = method;
  }

  /** With the directions of a data set, see PCA.fit. */
  static async fit(dataset: Dataset, options: WhiteningOptions = {}): Promise<Whitening> {
    const { method = 'zca', epsilon = 1e-5 } = options;
    requireMethod(method);
    if (typeof epsilon !== 'number' || !(epsilon >= 0 && epsilon < Infinity)) {
      throw new RangeError(`Whitening: epsilon is ${describe(epsilon)}, wants a finite number from 0 on`);
    }
    const { mean: center, directions, variances } = await directionsOf('Whitening', dataset, options);
    using ofMean = center;
    using along = directions;
    using spread = variances;
    const empty = (await spread.data()).filter((variance) => !(Math.max(variance, 0) + epsilon > 0)).length;
    if (empty > 0) {
      throw new RangeError(
        `Whitening: epsilon is ${epsilon} and the data do not vary along ${empty} directions, wants it above 0`,
      );
    }
    const [features = 0, components] = along.shape;
    const fitted = new Whitening(features, { method, components });
    noGrad(() =>
      scope(() => {
        // A variance of 0 may come out a little below it.
        const scaled = div(along, sqrt(add(maximum(spread, 0), epsilon)));
        fitted.mean.assign(ofMean);
        fitted.matrix.assign(method === 'pca' ? scaled : matmul(scaled, along, { transposeB: true }));
      }),
    );
    return fitted;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const white = matmul(sub(rows('Whitening', x, this.mean.size), this.mean), this.matrix);
      return this.method === 'pca' ? white : reshape(white, x.shape);
    });
  }
}

function requireMethod(method: unknown): void {
  if (method === 'pca' || method === 'zca') return;
  throw new RangeError(`Whitening: method is ${describe(method)}, wants 'pca' or 'zca'`);
}
