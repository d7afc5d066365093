import { Command, InvalidArgumentError, Option } from 'commander';
import { summary } from '../nn/summary.js';
import { buildModel, settled } from './models.js';
import { printJson, whole } from './options.js';
import { checkedModel, modelNames } from './recipe/schema.js';
import { loadWeights } from './weights.js';

interface SummaryOptions {
  model?: string;
  weights?: string;
  input?: number[];
  classes: number;
  smallImages?: boolean;
  json?: boolean;
}

export function summaryCommand(): Command {
  return new Command('summary')
    .description(
      'Tell the layers of a network: shapes, parameters, multiply-adds, what a place of the output sees.',
    )
    .addOption(new Option('--model <name>', 'network').choices(modelNames))
    .option('--weights <file>', 'that of a file of striate train --save, or of a checkpoint')
    .option(
      '--input <shape>',
      'of a sample: height,width,channels; default: 28,28,1, or 32,32,3 for small images, or 224,224,3',
      shapeOf,
    )
    .option('--classes <n>', 'scores', whole(1), 10)
    .option(
      '--small-images',
      'the first layers are those for images of some 32×32, where the network has such',
    )
    .option('--json', 'print one line of JSON')
    .action(summarize);
}

function shapeOf(text: string): number[] {
  const shape = text.split(',').map(Number);
  if (shape.every((extent) => Number.isSafeInteger(extent) && extent >= 1)) return shape;
  throw new InvalidArgumentError('It wants whole numbers from 1 on, as 32,32,3.');
}

async function summarize(options: SummaryOptions): Promise<void> {
  const { model: name, weights, json } = options;
  if ((name === undefined) === (weights === undefined)) {
    throw new Error('summary wants --model or --weights, one of the two');
  }
  const { model, input } = weights === undefined ? made(name!, options) : await stored(weights);
  const result = summary(model, input);
  if (!json) {
    process.stdout.write(`${String(result)}\n`);
    return;
  }
  const { layers, parameters, trainableParameters, multiplyAdds } = result;
  printJson({ input, parameters, trainableParameters, multiplyAdds, layers });
}

async function stored(file: string) {
  const { model, network } = await loadWeights(file);
  return { model, input: network.input };
}

function made(name: string, { input, classes, smallImages }: SummaryOptions) {
  const small = name === 'smallVgg' || smallImages;
  const shape = input ?? (name === 'lenet5' ? [28, 28, 1] : small ? [32, 32, 3] : [224, 224, 3]);
  const given = { name, ...(smallImages !== undefined && { smallImages }) };
  const recipe = settled(checkedModel(given, 'the command line'), shape);
  return { model: buildModel(recipe, shape, classes), input: shape };
}
