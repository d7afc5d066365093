import { noGrad } from '../autograd.js';
import { StriateError } from '../native.js';
import { zeros } from '../ops/creation.js';
import { scope, type Shape, type Tensor } from '../tensor.js';
import { itself, through, type ReceptiveField } from './convArithmetic.js';
import { inEval } from './inEval.js';
import { Parameter, type Module } from './module.js';
import { observe } from './observe.js';

/** One layer of a summary. */
export interface LayerSummary {
  /** Where it is in the model, as in `features.0`. */
  path: string;
  /** Its class. */
  kind: string;
  /** For one sample: [1, …]. */
  outputShape: Shape;
  /** Elements of its own parameters; 0 where they were counted in an earlier row. */
  parameters: number;
  /** For one sample; 0 for layers that are no convolution and no product. */
  multiplyAdds: number;
  /** Rows and columns of the input that one place of the output sees; null: all. */
  receptiveField: readonly number[] | null;
}

export interface Summary {
  layers: LayerSummary[];
  /** Of the whole model, which may have parameters that no layer uses. */
  parameters: number;
  trainableParameters: number;
  multiplyAdds: number;
  /** A table. */
  toString(): string;
}

/**
 * The layers of a model in the order in which they run, with the shapes of their results, parameters, multiply-adds and
 * receptive fields. A sample of zeros goes through the model in eval mode: what does not fit together is found here.
 *
 * A receptive field is that of the widest way to a place, along the layers; what a module does between its layers counts
 * as place by place.
 *
 * ```ts
 * console.log(String(summary(model, [28, 28, 1])));
 * ```
 *
 * @param inputShape of one sample, without the batch: [H, W, C]
 * @throws StriateError where a layer fails: it names the layer, its class and the shape of its input
 */
export function summary(model: Module, inputShape: Shape): Summary {
  const layers: LayerSummary[] = [];
  const fields = new Fields();
  const counted = new Set<Tensor>();
  const row = (path: string, module: Module, input: Tensor, output: Tensor): void => {
    fields.pass(path, module, input, output);
    const tensors: unknown[] = Object.values(module);
    const own = tensors.filter((value) => value instanceof Parameter && !counted.has(value)) as Parameter[];
    if (own.length === 0 && [...module.children()].length > 0) return;
    for (const parameter of own) counted.add(parameter);
    const field = fields.of(output);
    layers.push({
      path,
      kind: module.constructor.name,
      outputShape: output.shape,
      parameters: own.reduce((n, { size }) => n + size, 0),
      multiplyAdds: module.multiplyAdds?.(input.shape, output.shape) ?? 0,
      receptiveField: field?.map(({ size }) => size) ?? null,
    });
  };
  inEval(model, () =>
    noGrad(() =>
      scope(() => {
        const x = zeros([1, ...inputShape]);
        fields.begin(x);
        observe(model, row, () => model.forward(x), failure);
      }),
    ),
  );
  const all = model.parameters();
  const count = (of: readonly Tensor[]): number => of.reduce((n, { size }) => n + size, 0);
  const totals = {
    parameters: count(all),
    trainableParameters: count(all.filter(({ requiresGrad }) => requiresGrad)),
    multiplyAdds: layers.reduce((n, layer) => n + layer.multiplyAdds, 0),
  };
  return { layers, ...totals, toString: () => table(layers, totals) };
}

/** The error of a layer, with its name. */
function failure(path: string, module: Module, input: Tensor, error: unknown): StriateError {
  const what = error instanceof Error ? error.message : String(error);
  const layer = `${path === '' ? 'the model' : path} (${module.constructor.name})`;
  const shape = `[N, ${input.shape.slice(1).join(', ')}]`;
  return new StriateError(`summary: ${layer} does not take ${shape}: ${what}`, { cause: error });
}

/** The receptive fields of the tensors of a forward pass, one for each axis of an image; null is everything. */
class Fields {
  readonly #known = new Map<Tensor, readonly ReceptiveField[] | null>();
  readonly #results: { path: string; field: readonly ReceptiveField[] | null }[] = [];

  begin(x: Tensor): void {
    this.#known.set(x, x.rank > 2 ? x.shape.slice(1, -1).map(() => itself) : null);
  }

  of(x: Tensor): readonly ReceptiveField[] | null {
    return this.#known.get(x) ?? null;
  }

  pass(path: string, module: Module, input: Tensor, output: Tensor): void {
    if (this.#known.has(output)) return;
    const inner = [...module.children()].length > 0;
    const before = this.#known.has(input) ? this.of(input) : this.#widest('');
    const field = inner ? this.#widest(path) : beyond(before, module, input, output);
    this.#known.set(output, field);
    this.#results.push({ path, field });
  }

  /** That of the results of the layers inside. */
  #widest(path: string): readonly ReceptiveField[] | null {
    const inside = this.#results.filter((result) => path === '' || result.path.startsWith(`${path}.`));
    const [first, ...rest] = inside.map(({ field }) => field);
    return rest.reduce<readonly ReceptiveField[] | null>(
      (widest, field) => (widest && field ? (field[0]!.size > widest[0]!.size ? field : widest) : null),
      first ?? null,
    );
  }
}

function beyond(
  field: readonly ReceptiveField[] | null,
  module: Module,
  input: Tensor,
  output: Tensor,
): readonly ReceptiveField[] | null {
  if (!field || output.rank !== field.length + 2) return null;
  const windows = module.windows?.(input.shape, output.shape);
  return windows ? field.map((axis, i) => through(axis, windows[i] ?? { kernelSize: 1 })) : field;
}

function table(
  layers: readonly LayerSummary[],
  totals: Pick<Summary, 'parameters' | 'trainableParameters' | 'multiplyAdds'>,
): string {
  const number = (n: number): string => n.toLocaleString('en-US');
  const cells = layers.map((layer) => [
    layer.path,
    layer.kind,
    ['N', ...layer.outputShape.slice(1)].join(' × '),
    number(layer.parameters),
    number(layer.multiplyAdds),
    layer.receptiveField ? layer.receptiveField.map((size) => Math.round(size)).join(' × ') : 'all',
  ]);
  const titles = ['layer', 'kind', 'output', 'parameters', 'multiply-adds', 'sees'];
  const rows = [titles, ...cells];
  const widths = titles.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
  const { parameters, trainableParameters, multiplyAdds } = totals;
  const sum = `${number(parameters)} parameters (${number(trainableParameters)} trained), ${number(multiplyAdds)} multiply-adds a sample`;
  return [
    lines[0],
    '-'.repeat(widths.reduce((n, w) => n + w, 2 * (widths.length - 1))),
    ...lines.slice(1),
    '',
    sum,
  ].join('\n');
}
