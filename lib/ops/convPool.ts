import { gradEnabled, record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor } from '../tensor.js';
import type { Conv2dOptions } from './conv.js';
import { convMoves } from './convMoves.js';
import { pair, type Pair } from './pair.js';
import { reluBiasGradients } from './reluBias.js';

/**
 * maxPool2d(conv2d(x, weight, bias, options), kernelSize) in one pass, where the convolution has so few outputs that its
 * result, several times as large as what goes in and comes out, costs more to write and read than to compute. Null where
 * two passes are as fast.
 */
export function convMaxPool2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { relu = false, algorithm = 'auto', ...options }: Omit<Conv2dOptions, 'residual'>,
  kernelSize: Pair,
): Tensor | null {
  // The outputs fill whole vectors, of any instruction set.
  if (weight.shape.at(-1)! % 16 === 0) return null;
  const moves = convMoves(weight, options);
  const kernel = pair('maxPool2d', 'kernelSize', kernelSize);
  const inputs = bias ? [x, weight, bias] : [x, weight];
  const recorded = gradEnabled() && inputs.some((input) => input.requiresGrad);
  const handles = [handleOf(x), handleOf(weight), handleOrNull(bias)] as const;
  const pooled = native.conv2dMaxPool2d(...handles, ...moves, relu, algorithm, kernel, recorded);
  if (pooled === null) return null;
  const y = new Tensor(pooled[0], 'f32');
  if (pooled[1] === null) return y;
  const indices = new Tensor(pooled[1], 'u8');
  const [xShape, weightShape] = [x.shape, weight.shape];
  const saved = relu ? ([x, weight, indices, y] as const) : ([x, weight, indices] as const);
  record(
    'convMaxPool2d',
    y,
    inputs,
    saved,
    (g, [image, kernels, chosen, out], [needX, needWeight, needBias]) => {
      // Each window's gradient goes to one place, so that their sum is that of all places'.
      const [dy, byBias] = reluBiasGradients(g, out, needBias);
      const places = [dy.handle, chosen.handle] as const;
      const byWeight = needWeight
        ? new Tensor(
            native.conv2dMaxPool2dByWeight(...places, image.handle, weightShape, ...moves, kernel),
            'f32',
          )
        : null;
      if (!needX) return [null, byWeight, byBias];
      const between = new Tensor(
        native.maxPool2dBackward(
          ...places,
          outShape(xShape, weightShape, moves[1]),
          kernel,
          kernel,
          [0, 0, 0, 0],
          [1, 1],
        ),
        'f32',
      );
      const byX = new Tensor(
        native.conv2dByInput(between.handle, kernels.handle, xShape, ...moves, algorithm),
        'f32',
      );
      return [byX, byWeight, byBias];
    },
  );
  indices.dispose();
  return y;
}

/** The shape of the convolution's result; strides and dilations are 1. */
function outShape(
  [n = 0, height = 0, width = 0]: readonly number[],
  [kernelHeight = 0, kernelWidth = 0, , outputs = 0]: readonly number[],
  [top = 0, bottom = 0, left = 0, right = 0]: readonly number[],
): number[] {
  return [n, height + top + bottom - kernelHeight + 1, width + left + right - kernelWidth + 1, outputs];
}
