import { Command } from 'commander';
import { noGrad } from '../autograd.js';
import { standardize } from '../data/standardize.js';
import { tensor } from '../ops/creation.js';
import { softmax } from '../ops/softmax.js';
import { scope } from '../tensor.js';
import { load } from './network.js';
import { printJson } from './options.js';
import { textArt } from './textArt.js';

interface PredictOptions {
  weights: string;
  invert?: boolean;
  json?: boolean;
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('Tell what an image shows. Reading images wants the package sharp.')
    .argument('<image>', 'an image file, PNG, JPEG and others')
    .requiredOption('--weights <file>', 'safetensors file of striate train --save')
    .option('--invert', 'the image is dark on light; the networks learn light on dark')
    .option('--json', 'print one line of JSON')
    .action(predict);
}

async function predict(image: string, { weights, invert = false, json }: PredictOptions): Promise<void> {
  const { model, recipe } = await load(weights);
  const { side, scale } = recipe;
  const pixels = (await greyPixels(image, side)).map((grey) => (invert ? 1 - grey : grey));
  model.eval();
  const probabilities = await noGrad(() =>
    scope(() => ({
      read: softmax(model.forward(standardize(tensor(pixels, [1, side, side, 1]), scale))).data(),
    })),
  ).read;
  const label = probabilities.indexOf(Math.max(...probabilities));
  if (json) {
    printJson({ image, label, probability: probabilities[label], probabilities: [...probabilities] });
    return;
  }
  process.stdout.write(`${textArt(pixels, side, side)}\n`);
  process.stdout.write(`${label} (${(100 * (probabilities[label] ?? NaN)).toFixed(1)}%)\n`);
}

/** The image as side×side grey values from 0 to 1. */
async function greyPixels(file: string, side: number): Promise<Float32Array> {
  const { default: sharp } = await import('sharp').catch((error: unknown) => {
    throw new Error('predict reads images with the package sharp: npm install sharp', { cause: error });
  });
  try {
    const bytes = await sharp(file)
      .autoOrient()
      .flatten({ background: 'black' })
      .resize(side, side, { fit: 'fill' })
      .greyscale()
      .raw()
      .toBuffer();
    return Float32Array.from(bytes, (grey) => grey / 255);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
