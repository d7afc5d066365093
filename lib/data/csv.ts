import { createReadStream } from 'node:fs';
import { describe } from '../describe.js';
import { tensor } from '../ops/creation.js';
import { completed, requireChoice, requireFlag } from '../optim/options.js';
import type { Shape } from '../tensor.js';
import { classLabels, type TargetType } from './classes.js';
import { TensorDataset } from './dataset.js';

/** A column by its name in the header, or by its place, counted from 0, from the back where negative. */
export type Column = string | number;

export interface CsvOptions {
  /** What is to be learnt: a column of classes or values, or several of values. Default: −1, the last. */
  target?: Column | readonly Column[] | undefined;
  /** What it is learnt from. Default: all other columns. */
  features?: readonly Column[] | undefined;
  /** Whether the first row names the columns. Default: true. */
  header?: boolean | undefined;
  /** What stands between cells. Default: ','. */
  delimiter?: string | undefined;
  /** Default: 'class' for one target column, 'value' for several. */
  targetType?: TargetType | undefined;
  /** The names of the classes in the order of their labels. Default: those in the file, sorted; '0', '1', … for labels. */
  classes?: readonly string[] | undefined;
  /** What stands for numbers that are missing: empty cells, NaN, NA, null, ?. Default: 'error', they are refused. */
  missing?: 'error' | number | undefined;
  /** The shape of a sample, whose extents multiply to the number of features. Default: [features]. */
  shape?: Shape | undefined;
}

type Checked = Required<CsvOptions> & {
  target: Column | readonly Column[];
  header: boolean;
  delimiter: string;
  missing: 'error' | number;
};

const defaults: Checked = {
  target: -1,
  features: undefined,
  header: true,
  delimiter: ',',
  targetType: undefined,
  classes: undefined,
  missing: 'error',
  shape: undefined,
};

const missingCells = new Set(['', 'nan', 'na', 'n/a', 'null', '?']);

/**
 * Samples from a CSV file in UTF-8 (RFC 4180: cells may be quoted, lines end with LF or CRLF), a row each: features f32
 * [N, …] of numbers, and a class or values. Read as a stream; only numbers are kept. Blank lines are passed over.
 *
 * ```ts
 * const iris = await csvDataset('iris.csv', { target: 'species' });
 * const houses = await csvDataset('houses.csv', { target: 'price', targetType: 'value', missing: 0 });
 * const digits = await csvDataset('mnist.csv', { target: 0, header: false, shape: [28, 28, 1] }); // values as they are
 * ```
 *
 * @throws Error that names the file, the line and the column: for a row with more or fewer cells than the first, a cell that
 *   is no finite number, quotes that do not match, a column that there is not, a class that is none, no row, one class alone
 */
export async function csvDataset(file: string, options: CsvOptions = {}): Promise<TensorDataset> {
  const checked = checkedOptions(options);
  const rows = new Rows(file, checked);
  // Loaded when it is needed: it takes a while.
  const { parse } = await import('csv-parse');
  const parser = parse({
    bom: true,
    delimiter: checked.delimiter,
    info: true,
    // Rows that are too short or too long are told here, by their line.
    relax_column_count: true,
    skip_empty_lines: true,
  });
  const source = createReadStream(file);
  source.on('error', (error) => parser.destroy(error));
  try {
    await rows.read(source.pipe(parser));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (reason.startsWith(`${file}: `)) throw cause;
    throw new Error(`${file}: cannot be read as CSV: ${reason}`, { cause });
  } finally {
    source.destroy();
  }
  return rows.dataset();
}

function checkedOptions(options: CsvOptions): Checked {
  const checked = completed<Checked>('csvDataset', defaults, options as Partial<Checked>);
  requireFlag('csvDataset: header', checked.header);
  if (typeof checked.delimiter !== 'string' || checked.delimiter.length === 0) {
    throw new TypeError(
      `csvDataset: delimiter is ${describe(checked.delimiter)}, wants a string such as ','`,
    );
  }
  if (checked.targetType !== undefined) {
    requireChoice('csvDataset: targetType', checked.targetType, ['class', 'value']);
  }
  if (checked.missing !== 'error' && typeof checked.missing !== 'number') {
    throw new TypeError(`csvDataset: missing is ${describe(checked.missing)}, wants 'error' or a number`);
  }
  return checked;
}

/** The numbers and classes of the rows so far. */
class Rows {
  readonly #file: string;
  readonly #options: Checked;
  readonly #targets: readonly Column[];
  readonly #classes: boolean;
  /** The names of the columns, or their numbers, once the first row has been seen. */
  #names: readonly string[] | null = null;
  #featureColumns: readonly number[] = [];
  #targetColumns: readonly number[] = [];
  readonly #features = new Numbers();
  readonly #values = new Numbers();
  readonly #cells: string[] = [];
  readonly #lines: number[] = [];

  constructor(file: string, options: Checked) {
    this.#file = file;
    this.#options = options;
    const { target } = options;
    this.#targets = typeof target === 'object' ? target : [target];
    this.#classes = (options.targetType ?? (this.#targets.length === 1 ? 'class' : 'value')) === 'class';
    if (this.#targets.length === 0)
      throw new TypeError('csvDataset: target is empty, wants a column or several');
    if (this.#classes && this.#targets.length > 1) {
      throw new TypeError("csvDataset: targetType is 'class', wants one column as target");
    }
  }

  async read(records: AsyncIterable<unknown>): Promise<void> {
    for await (const record of records) {
      const { record: cells, info } = record as { record: string[]; info: { lines: number } };
      if (this.#names) this.#add(cells, info.lines);
      else this.#begin(cells, info.lines);
    }
  }

  /** The first row. */
  #begin(cells: readonly string[], line: number): void {
    const { header, features } = this.#options;
    this.#names = header ? cells.map((name) => name.trim()) : cells.map((_, i) => String(i));
    this.#targetColumns = this.#targets.map((column) => this.#placeOf('target', column));
    this.#featureColumns = features
      ? features.map((column) => this.#placeOf('features', column))
      : cells.map((_, i) => i).filter((i) => !this.#targetColumns.includes(i));
    const both = this.#featureColumns.find((i) => this.#targetColumns.includes(i));
    if (both !== undefined) {
      throw this.#error(line, `column ${this.#names[both]} is a target, it cannot be a feature, too`);
    }
    if (this.#featureColumns.length === 0) {
      throw this.#error(
        line,
        `there is no column but the target; is the delimiter ${describe(this.#options.delimiter)}?`,
      );
    }
    if (!header) this.#add(cells, line);
  }

  #placeOf(option: string, column: Column): number {
    const names = this.#names!;
    const place =
      typeof column === 'string' ? names.indexOf(column) : column < 0 ? column + names.length : column;
    if (Number.isInteger(place) && place >= 0 && place < names.length) return place;
    const told = this.#options.header ? names.slice(0, 12).join(', ') : `0 to ${names.length - 1}`;
    throw new RangeError(
      `${this.#file}: there is no column ${describe(column)}, which ${option} names; it has ${told}${names.length > 12 && this.#options.header ? ', …' : ''}`,
    );
  }

  #add(cells: readonly string[], line: number): void {
    const wanted = this.#names!.length;
    if (cells.length !== wanted) {
      throw this.#error(line, `the row has ${cells.length} cells, the first has ${wanted}`);
    }
    for (const column of this.#featureColumns) this.#features.push(this.#number(cells, column, line));
    if (!this.#classes) {
      for (const column of this.#targetColumns) this.#values.push(this.#number(cells, column, line));
      return;
    }
    const cell = cells[this.#targetColumns[0]!]!.trim();
    if (cell === '')
      throw this.#error(line, `column ${this.#nameOf(this.#targetColumns[0]!)} is empty, wants a class`);
    this.#cells.push(cell);
    this.#lines.push(line);
  }

  #number(cells: readonly string[], column: number, line: number): number {
    const cell = cells[column]!.trim();
    const value = cell === '' ? NaN : Number(cell);
    if (Number.isFinite(value) && !/^[+-]?0[xob]/i.test(cell)) return value;
    if (!missingCells.has(cell.toLowerCase())) {
      throw this.#error(line, `column ${this.#nameOf(column)} is '${cell}', wants a finite number`);
    }
    const { missing } = this.#options;
    if (missing !== 'error') return missing;
    const given = cell === '' ? 'empty' : `'${cell}'`;
    throw this.#error(
      line,
      `column ${this.#nameOf(column)} is ${given}; option missing tells what to put there`,
    );
  }

  #nameOf(column: number): string {
    return this.#options.header ? `'${this.#names![column]}'` : String(column);
  }

  #error(line: number, problem: string): Error {
    return new RangeError(`${this.#file}: line ${line}: ${problem}`);
  }

  dataset(): TensorDataset {
    const width = this.#featureColumns.length;
    const n = width === 0 ? 0 : this.#features.length / width;
    if (n === 0) throw new RangeError(`${this.#file}: holds no samples`);
    const { shape = [width], classes } = this.#options;
    if (shape.reduce((product, extent) => product * extent, 1) !== width) {
      throw new RangeError(
        `${this.#file}: has ${width} features, a sample of shape [${shape.join(', ')}] wants others`,
      );
    }
    const x = () => tensor(this.#features.all(), [n, ...shape]);
    if (!this.#classes) {
      const targets = this.#targetColumns.length;
      return new TensorDataset(x(), tensor(this.#values.all(), targets === 1 ? [n] : [n, targets]));
    }
    const known = classLabels(this.#cells, classes, (i) => `${this.#file}: line ${this.#lines[i]}`);
    return new TensorDataset(x(), tensor(known.labels), { classes: known.classes });
  }
}

/** Numbers that are not known to be how many. */
class Numbers {
  #values = new Float32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Float32Array(2 * this.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value;
  }

  all(): Float32Array {
    return this.#values.subarray(0, this.length);
  }
}
