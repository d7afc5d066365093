import { stat } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { printJson, whole } from './options.js';
import { isOnnx, loadWeights, saveAsOnnx, saveWeights } from './weights.js';

interface ExportOptions {
  output: string;
  format?: 'onnx' | 'safetensors';
  dtype?: 'f32' | 'f16' | 'bf16';
  opset?: number;
  json?: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .description(
      'Write a trained network for other programs: as ONNX, with what it takes to prepare samples, or its weights as safetensors.',
    )
    .argument('<model>', 'file of striate train --save, or a checkpoint')
    .requiredOption('--output <file>', 'where it goes')
    .addOption(
      new Option('--format <name>', "default: onnx, or by the output's name safetensors").choices([
        'onnx',
        'safetensors',
      ]),
    )
    .addOption(
      new Option('--dtype <name>', 'how safetensors holds numbers; default: f32').choices([
        'f32',
        'f16',
        'bf16',
      ]),
    )
    .option('--opset <n>', "version of ONNX's operators, 17 to 21", whole(17))
    .option('--json', 'print one line of JSON')
    .action(exportNetwork);
}

async function exportNetwork(
  file: string,
  { output, format, dtype, opset, json = false }: ExportOptions,
): Promise<void> {
  if (isOnnx(file))
    throw new Error(`${file}: is ONNX, wants a file of striate train --save, or a checkpoint`);
  const chosen = format ?? (output.toLowerCase().endsWith('.safetensors') ? 'safetensors' : 'onnx');
  if (chosen === 'safetensors' && opset !== undefined) {
    throw new Error('--opset is of ONNX, and safetensors has none');
  }
  if (chosen === 'onnx' && dtype !== undefined)
    throw new Error('--dtype is of safetensors; ONNX is written as f32');
  const loaded = await loadWeights(file);
  const { model, network } = loaded;
  if (chosen === 'onnx') await saveAsOnnx(loaded, output, opset);
  else await saveWeights(model, network, output, { ...(dtype && { dtype }) });
  const { size } = await stat(output);
  const { input, classes } = network;
  if (json) {
    printJson({ output, format: chosen, bytes: size, model: network.model.name, input, classes });
  } else {
    const taken = `[N, ${input.join(', ')}] to ${classes.length} classes`;
    process.stdout.write(
      `${output}: ${network.model.name}, ${taken}, ${size.toLocaleString('en-US')} bytes\n`,
    );
  }
}
