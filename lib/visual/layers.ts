import { noGrad } from '../autograd.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { observe } from '../nn/observe.js';
import { transpose } from '../ops/movement.js';
import { requireLive, scope, Tensor } from '../tensor.js';
import { grid, type GridOptions } from './picture.js';
import type { Picture } from './png.js';

/**
 * The filters of a convolution, weights [KH, KW, C/groups, K], as a picture: each of the K in colour where it reads 3
 * channels; otherwise each of its channels in grey. For the first layer of a network, whose filters show edges and
 * colours when it has learnt.
 *
 * @throws RangeError for weights of another rank
 */
export async function filters(weight: Tensor, options: GridOptions = {}): Promise<Picture> {
  const { shape } = requireLive('filters', 'weight', weight);
  if (shape.length !== 4) {
    throw new RangeError(`filters: weight is [${shape.join(', ')}], wants [KH, KW, C/groups, K]`);
  }
  const images = noGrad(() => transpose(weight, [3, 0, 1, 2]));
  try {
    return await grid(images, options);
  } finally {
    images.dispose();
  }
}

/**
 * The output of the layer at `path` for images x [N, H, W, C]: [N, OH, OW, K], a map for each of its features (Zeiler and
 * Fergus, 2014). As a picture: `grid(featureMaps(model, x, 'features.0'))`.
 *
 * @throws RangeError where no layer at this path runs
 */
export function featureMaps(model: Module, x: Tensor, path: string): Tensor {
  let maps: Tensor | undefined;
  return inEval(model, () =>
    noGrad(() =>
      scope(() => {
        observe(
          model,
          (at, _module, _input, output) => {
            if (at === path) maps = output.detach();
          },
          () => model.forward(x),
        );
        return maps ?? unknownLayer('featureMaps', model, path);
      }),
    ),
  );
}

/** Tells which layers there are. */
export function unknownLayer(operation: string, model: Module, path: string): never {
  const paths = Array.from(model.modules(), ([at]) => at).filter((at) => at !== '');
  throw new RangeError(`${operation}: no layer '${path}' ran, wants one of ${paths.join(', ')}`);
}
