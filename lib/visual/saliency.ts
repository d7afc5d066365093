import { grad } from '../autograd.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { observe } from '../nn/observe.js';
import { oneHot } from '../ops/creation.js';
import { abs, mul, relu } from '../ops/elementwise.js';
import { argMax, max, mean, sum } from '../ops/reduce.js';
import { requireLive, scope, Tensor } from '../tensor.js';
import { unknownLayer } from './layers.js';

export interface ClassOptions {
  /** i32 [N], the class whose score is explained, of each image. Default: the one with the highest score. */
  labels?: Tensor<'i32'>;
}

/** Σₙ scores[n, labels[n]]: samples do not mix, so that its gradient is each sample's own. */
function scoreOf(operation: string, scores: Tensor, labels: Tensor<'i32'> | undefined): Tensor {
  if (scores.rank !== 2) {
    throw new RangeError(
      `${operation}: the model gives [${scores.shape.join(', ')}], wants scores [N, classes]`,
    );
  }
  const chosen = labels ?? argMax(scores.detach());
  return sum(mul(scores, oneHot(chosen, scores.shape[1]!)));
}

/**
 * How much each pixel of x [N, H, W, C] matters to the score of a class: the largest |∂score/∂x| of its channels,
 * [N, H, W, 1] (Simonyan, Vedaldi and Zisserman, 2014). The model is in eval mode meanwhile, and its gradients stay.
 *
 * @throws RangeError where the model gives no scores [N, classes]
 */
export function saliency(model: Module, x: Tensor, { labels }: ClassOptions = {}): Tensor {
  requireLive('saliency', 'x', x);
  return inEval(model, () =>
    scope(() => {
      const input = x.detach();
      input.requiresGrad = true;
      const [byInput] = grad(scoreOf('saliency', model.forward(input), labels), [input]);
      return max(abs(byInput!), -1, true);
    }),
  );
}

/**
 * Where in the image a layer sees the class: Grad-CAM (Selvaraju et al., 2017). With activations A [N, h, w, K] of the
 * layer at `path` and αₖ the mean of ∂score/∂Aₖ over its places, max(0, Σₖ αₖ·Aₖ), [N, h, w, 1]. Usually of the last
 * convolution; `ops.interpolate` brings it to the size of the image.
 *
 * @throws RangeError where no layer at this path runs, or the model gives no scores [N, classes]
 */
export function gradCam(model: Module, x: Tensor, path: string, { labels }: ClassOptions = {}): Tensor {
  requireLive('gradCam', 'x', x);
  let seen: Tensor | undefined;
  return inEval(model, () =>
    scope(() => {
      const input = x.detach();
      // So that there is a gradient also where all parameters are frozen.
      input.requiresGrad = true;
      const scores = observe(
        model,
        (at, _module, _input, output) => {
          if (at === path) seen = sharing(output);
        },
        () => model.forward(input),
      );
      const activations = seen ?? unknownLayer('gradCam', model, path);
      if (activations.rank !== 4) {
        throw new RangeError(
          `gradCam: layer '${path}' gives [${activations.shape.join(', ')}], wants maps [N, h, w, K]`,
        );
      }
      const [gradient] = grad(scoreOf('gradCam', scores, labels), [activations]);
      const weights = mean(gradient!, [1, 2], true);
      return relu(sum(mul(activations.detach(), weights), -1, true));
    }),
  );
}

/** A handle of its own on a result and on the operation that it came from: its owner may dispose the other. */
function sharing(output: Tensor): Tensor {
  const held = output.detach();
  if (output.node) {
    output.node.hold();
    held.node = output.node;
    held.requiresGrad = true;
  }
  return held;
}
