import { Command } from 'commander';
import { noGrad } from '../autograd.js';
import { readImage } from '../data/images.js';
import { applySteps } from '../data/transforms/chain.js';
import { cast, tensor, zeros } from '../ops/creation.js';
import { mul, sub } from '../ops/elementwise.js';
import { softmax } from '../ops/softmax.js';
import { scope } from '../tensor.js';
import { imageFiles } from './imageFiles.js';
import { measuringSteps } from './augmentation.js';
import { printJson, whole } from './options.js';
import { percent, table } from './table.js';
import { textArt } from './textArt.js';
import { loadFromOnnx, loadWeights, type Loaded } from './weights.js';

interface PredictOptions {
  weights?: string;
  model?: string;
  invert?: boolean;
  top: number;
  json?: boolean;
}

/** Images that are held in memory at a time. */
const atOnce = 64;

interface Answer {
  image: string;
  /** In [0, 1]. */
  pixels: Float32Array;
  probabilities: Float32Array;
  /** Labels, the likeliest first. */
  order: number[];
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('Tell what images show. Reading images wants the package sharp.')
    .argument('<images...>', 'image files, PNG, JPEG and others, and folders of such')
    .option('--weights <file>', 'file of striate train --save, or a checkpoint')
    .option('--model <file>', 'file of striate export: ONNX')
    .option('--top <n>', 'the likeliest classes that are told of each image', whole(1), 1)
    .option('--invert', 'images are dark on light; networks for digits learn light on dark')
    .option('--json', 'print a line of JSON for each image')
    .action(predict);
}

async function predict(
  paths: string[],
  { weights, model, invert = false, top, json = false }: PredictOptions,
): Promise<void> {
  const file = weights ?? model;
  if (file === undefined || (weights !== undefined && model !== undefined)) {
    throw new Error('predict wants --weights or --model, one of the two');
  }
  const loaded = await (model === undefined ? loadWeights(file) : loadFromOnnx(file));
  const { network } = loaded;
  if (network.input.length !== 3) {
    throw new Error(`${file} is for samples of [${network.input.join(', ')}], wants a network for images`);
  }
  loaded.model.eval();
  const files = await imageFiles(paths);
  const alone = files.length === 1;
  const rows: string[][] = [];
  for (let from = 0; from < files.length; from += atOnce) {
    for (const answer of await answersOf(files.slice(from, from + atOnce), loaded, invert, alone)) {
      const { image, pixels, probabilities, order } = answer;
      const label = order[0]!;
      const name = network.classes[label]!;
      const likely = order.slice(0, top).map((k) => [network.classes[k]!, probabilities[k]!] as const);
      if (json) {
        const told = top === 1 ? {} : { top: likely.map(([one, p]) => ({ class: one, probability: p })) };
        printJson({
          image,
          label,
          class: name,
          probability: probabilities[label],
          ...told,
          probabilities: [...probabilities],
        });
      } else if (alone) {
        const [height = 1, width = 1, channels] = network.input;
        if (channels === 1) process.stdout.write(`${textArt(pixels, height, width)}\n`);
        for (const [one, p] of likely) process.stdout.write(`${one} (${percent(p)})\n`);
      } else {
        rows.push([image, ...likely.flatMap(([one, p]) => [one, percent(p)])]);
      }
    }
  }
  const columns = Array.from({ length: Math.min(top, network.classes.length) }, () => ['class', 'sure']);
  if (rows.length > 0) process.stdout.write(table(['image', ...columns.flat()], rows));
}

/** What the network says of images; those that cannot be read are told on standard error, one alone throws. */
async function answersOf(
  files: readonly string[],
  { model, network }: Loaded,
  invert: boolean,
  alone: boolean,
): Promise<Answer[]> {
  const [height = 1, width = 1, channels = 1] = network.input;
  const size = height * width * channels;
  const read = await Promise.all(
    files.map(async (file) => {
      try {
        using image = await readImage(file, { resize: [height, width], grayscale: channels === 1 });
        return { file, bytes: await image.data() };
      } catch (error) {
        if (alone) throw error;
        process.stderr.write(`striate: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
        return null;
      }
    }),
  );
  const good = read.filter((one) => one !== null);
  if (good.length === 0) return [];
  const bytes = new Uint8Array(good.length * size);
  for (const [i, one] of good.entries()) bytes.set(one.bytes, i * size);
  const { pixels, probabilities } = scope(() =>
    noGrad(() => {
      const light = mul(cast(tensor(bytes, [good.length, height, width, channels]), 'f32'), 1 / 255);
      const x = invert ? sub(1, light) : light;
      const draws = {
        indices: Int32Array.from(good, (_, i) => i),
        randomness: { seed: 0, epoch: 1 },
        place: 0,
      };
      const read = x.data();
      const target = zeros([good.length]);
      const [ready] = applySteps(measuringSteps(network, network.input), [x, target], draws);
      return { pixels: read, probabilities: softmax(model.forward(ready)).data() };
    }),
  );
  const [values, chances] = await Promise.all([pixels, probabilities]);
  const k = network.classes.length;
  return good.map(({ file }, i) => {
    const own = chances.subarray(i * k, (i + 1) * k);
    const order = Array.from(own.keys()).sort((a, b) => own[b]! - own[a]!);
    return { image: file, pixels: values.subarray(i * size, (i + 1) * size), probabilities: own, order };
  });
}
