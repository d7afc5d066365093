import type { Handle } from '../../../binding.js';
import type { Command } from 'commander';
import { native } from '../../native.js';
import { peakRates } from './peak.js';
import { Report } from './report.js';
import { applyThreads, subcommand, type BenchOptions } from './subcommand.js';
import { rounded, timeOperation } from './timing.js';

interface OpsRow {
  op: string;
  /** Of its input. */
  shape: string;
  ms: number;
  /** 10⁹ bytes a second, of those that must move at least. */
  gbs: number;
  /** Over the copy rate measured in the same run. */
  share: number;
}

interface Work {
  op: string;
  shape: readonly number[];
  /** Bytes that must move at least, each operand once for each time that a pass has to see it. */
  bytes: number;
  run: () => Handle | readonly (Handle | null)[] | undefined;
  /** Disposes what run() has left. */
  done?: () => void;
}

export function opsCommand(): Command {
  return subcommand('ops', 'Time operations that wait for memory: bytes that must move over time.', 0.5)
    .option('--only <name>', 'operations with this in their name', '')
    .action(benchOps);
}

async function benchOps(options: BenchOptions & { only: string }): Promise<void> {
  applyThreads(options);
  // On arrays of the operations' size, which a large last cache may hold in part.
  const rates = await peakRates(options.seconds, size);
  const report = new Report<OpsRow>(
    'Operations that wait for memory',
    [
      { field: 'op', title: 'operation', width: 33 },
      { field: 'shape', title: 'shape', width: 20 },
      { field: 'ms', title: 'ms', width: 10, digits: 3 },
      { field: 'gbs', title: 'GB/s', width: 9, digits: 1 },
      { field: 'share', title: 'of copy', width: 9, percent: true },
    ],
    [{ title: 'Share of the copy rate', field: 'share', label: ['op'] }],
    options,
  );
  for (const make of families) {
    const owned: Handle[] = [];
    const own = (handle: Handle): Handle => {
      owned.push(handle);
      return handle;
    };
    for (const { op, shape, bytes, run, done } of make(own)) {
      if (!op.includes(options.only)) continue;
      const ms = await timeOperation(run, options.seconds);
      const gbs = bytes / ms / 1e6;
      report.row({
        op,
        shape: shape.join('×'),
        ms: rounded(ms),
        gbs: rounded(gbs),
        share: rounded(gbs / rates.copyGBs),
      });
      done?.();
    }
    for (const handle of owned) native.dispose(handle);
  }
  report.close();
}

/** Far beyond every cache of one core. */
const image = [32, 56, 56, 64] as const;
const size = 4 * image.reduce((product, extent) => product * extent, 1);

type Own = (handle: Handle) => Handle;

function noise(own: Own, shape: readonly number[], seed = 1): Handle {
  return own(native.normal(shape, 0, 1, seed, 0));
}

function constant(own: Own, shape: readonly number[], value: number): Handle {
  return own(native.full(shape, value, 'f32'));
}

/** Each makes the tensors that it needs, and is done with them before the next. */
const families: readonly ((own: Own) => Work[])[] = [
  (own) => {
    const [a, b] = [noise(own, image), noise(own, image, 2)];
    let gradient = noise(own, image, 3);
    return [
      { op: 'add', shape: image, bytes: 3 * size, run: () => native.add(a, b) },
      { op: 'relu', shape: image, bytes: 2 * size, run: () => native.relu(a) },
      {
        op: 'reluBackward',
        shape: image,
        bytes: 3 * size,
        // In place, as in training: the gradient's handle goes, and the result's is the next gradient.
        run: () => {
          gradient = native.reluBackward(gradient, b);
          return undefined;
        },
        done: () => native.dispose(gradient),
      },
      {
        op: 'assign',
        shape: image,
        bytes: 2 * size,
        run: () => {
          native.assign(a, b);
          return undefined;
        },
      },
      { op: 'concat', shape: image, bytes: 4 * size, run: () => native.concat([a, b], 3) },
      { op: 'sum', shape: image, bytes: size, run: () => native.sum(a, null, false) },
      { op: 'sum to channels', shape: image, bytes: size, run: () => native.sum(a, [0, 1, 2], false) },
      {
        op: 'dropout',
        shape: image,
        bytes: 2 * size,
        run: () => native.dropout(a, 0.5, true, true, 1, 1),
      },
    ];
  },
  (own) => {
    const channels = image[3];
    const [x, residual] = [noise(own, image), noise(own, image, 2)];
    const [weight, bias] = [constant(own, [channels], 1), constant(own, [channels], 0)];
    const [mean, variance] = [constant(own, [channels], 0), constant(own, [channels], 1)];
    const forward = (relu: boolean, added: Handle | null = null) =>
      native.batchNorm(x, weight, bias, mean, variance, added, 0.1, 1e-5, relu, added !== null);
    const [output, statistics, mask] = forward(true, residual);
    for (const handle of [output, statistics, mask!]) own(handle);
    // In place, as in training: the gradients' handles go, and results are the next gradients.
    const backward = (
      op: string,
      passes: number,
      count: number,
      relu: boolean,
      given: Handle | null,
    ): Work => {
      let gradients: Handle[] = [];
      return {
        op,
        shape: image,
        bytes: passes * size,
        run: () => {
          gradients.push(
            ...Array.from({ length: count - gradients.length }, (_, i) =>
              native.normal(image, 0, 1, 3 + i, 0),
            ),
          );
          const [byInput, byWeight, byBias, counted] = native.batchNormBackward(
            ...([gradients, x, weight, bias, statistics, given, relu, true] as const),
          );
          const results = [byInput, counted].filter((handle) => handle !== null);
          gradients = results.slice(0, count);
          for (const handle of [byWeight, byBias, ...results.slice(count)]) native.dispose(handle);
          return undefined;
        },
        done: () => {
          for (const handle of gradients) native.dispose(handle);
        },
      };
    };
    return [
      // The statistics must be there before the first element can be written, so what is read is read twice.
      { op: 'batchNorm', shape: image, bytes: 3 * size, run: () => forward(false) },
      { op: 'batchNorm, relu', shape: image, bytes: 3 * size, run: () => forward(true) },
      { op: 'batchNorm, add, relu', shape: image, bytes: 4 * size, run: () => forward(true, residual) },
      backward('batchNormBackward', 5, 1, false, null),
      backward('batchNormBackward, relu', 5, 1, true, null),
      backward('batchNormBackward, add, relu', 6, 1, true, mask),
      backward('batchNormBackward of two, add, relu', 7, 2, true, mask),
      {
        op: 'batchNormInference',
        shape: image,
        bytes: 2 * size,
        run: () => native.batchNormInference(x, weight, bias, mean, variance, null, 1e-5, false, false),
      },
    ];
  },
  (own) => {
    const x = noise(own, image);
    const ones = [1, 1];
    return [
      { name: '2×2', kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] },
      { name: '3×3, stride 2', kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] },
    ].flatMap(({ name, kernel, stride, padding }): Work[] => {
      const forward = () => native.maxPool2d(x, kernel, stride, padding, ones, false, true);
      const [output, indices] = (forward() as [Handle, Handle]).map(own) as [Handle, Handle];
      // A quarter of the elements, and a byte for each.
      const results = size / 4 + size / 16;
      return [
        { op: `maxPool2d ${name}`, shape: image, bytes: size + results, run: forward },
        {
          op: `maxPool2dBackward ${name}`,
          shape: image,
          bytes: size + results,
          run: () => native.maxPool2dBackward(output, indices, image, kernel, stride, padding, ones),
        },
      ];
    });
  },
  (own) => {
    const x = noise(own, image);
    const [, height, width] = image;
    return [
      { name: '2×2', kernel: [2, 2], results: size / 4 },
      { name: 'global', kernel: [height, width], results: size / (height * width) },
    ].flatMap(({ name, kernel, results }): Work[] => {
      const padding = [0, 0, 0, 0];
      const forward = () => native.avgPool2d(x, kernel, kernel, padding, false, true);
      const output = own(forward());
      return [
        { op: `avgPool2d ${name}`, shape: image, bytes: size + results, run: forward },
        {
          op: `avgPool2dBackward ${name}`,
          shape: image,
          bytes: size + results,
          run: () => native.avgPool2dBackward(output, image, kernel, kernel, padding, true),
        },
      ];
    });
  },
  (own) => {
    const shape = [8192, 1000];
    const bytes = 2 * 4 * 8192 * 1000;
    const logits = noise(own, shape);
    const labels = own(
      native.tensor(
        Int32Array.from({ length: 8192 }, (_, i) => (i * 7) % 1000),
        [8192],
      ),
    );
    const plain = [null, null, 'mean', -100, 0] as const;
    const [one, probabilities] = native.crossEntropy(logits, labels, ...plain).map(own) as [Handle, Handle];
    return [
      { op: 'softmax', shape, bytes, run: () => native.softmax(logits, 1) },
      { op: 'crossEntropy', shape, bytes, run: () => native.crossEntropy(logits, labels, ...plain) },
      {
        op: 'crossEntropyBackward',
        shape,
        bytes,
        run: () => native.crossEntropyBackward(one, probabilities, labels, ...plain),
      },
    ];
  },
  (own) => {
    const shape = [8 << 20];
    const bytes = 4 * (8 << 20);
    const zeros = () => constant(own, shape, 0);
    const [parameter, gradient, first, second] = [zeros(), noise(own, shape), zeros(), zeros()];
    return [
      {
        op: 'sgd, momentum',
        shape,
        bytes: 5 * bytes,
        run: () => {
          native.sgd(
            [parameter],
            [gradient],
            [first],
            [10],
            1e-3,
            0.9,
            0,
            0,
            false,
            Infinity,
            Infinity,
            Infinity,
            null,
          );
          return undefined;
        },
      },
      {
        op: 'adam',
        shape,
        bytes: 7 * bytes,
        run: () => {
          native.adam(
            [parameter],
            [gradient],
            [first],
            [second],
            [],
            [10],
            1e-3,
            0.9,
            0.999,
            1e-8,
            0,
            false,
            true,
            Infinity,
            Infinity,
            Infinity,
            null,
          );
          return undefined;
        },
      },
    ];
  },
];
