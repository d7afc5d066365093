import * as models from '../models/index.js';
import type { Module } from '../nn/module.js';
import type { Shape } from '../tensor.js';
import { optionsOf, type ModelRecipe } from './recipe/schema.js';

/** Below this side, images are small: networks that have another beginning for such begin with it. */
const largeSide = 64;

/** The recipe with all that it leaves to the images. */
export function settled(recipe: ModelRecipe, input: Shape): ModelRecipe {
  if (!/^(resnet(18|34|50|101|152)|googlenet|mobilenet(V2)?|squeezenet)$/.test(recipe.name)) return recipe;
  const small = Math.min(...input.slice(0, -1)) < largeSide;
  return { smallImages: small, ...recipe } as ModelRecipe;
}

/**
 * The network of a recipe for samples of this shape.
 *
 * @throws RangeError where the network takes other samples
 */
export function buildModel(recipe: ModelRecipe, input: Shape, classes: number): Module {
  const given = `samples are [${input.join(', ')}]`;
  if (recipe.name === 'mlp') {
    const { widths } = recipe;
    const inputs = input.reduce((n, extent) => n * extent, 1);
    return models.mlp(inputs, { classes, ...(widths && { widths }) });
  }
  const [height, width, channels] = input;
  if (input.length !== 3 || channels === undefined) {
    throw new RangeError(`${recipe.name}: ${given}, wants images, [H, W, C]; the network for numbers is mlp`);
  }
  if (recipe.name === 'lenet5') {
    if (height !== width || (height !== 28 && height !== 32)) {
      throw new RangeError(`lenet5: ${given}, wants 28×28 or 32×32`);
    }
    return models.lenet5({ ...optionsOf(recipe), classes, channels, side: height });
  }
  const { name, ...options } = { ...recipe, classes, channels };
  return (models[name] as (given: typeof options) => Module)(options);
}
