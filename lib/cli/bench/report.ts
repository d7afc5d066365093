import { writeFileSync } from 'node:fs';
import { printJson } from '../options.js';
import { page, type Chart } from './page.js';

/** A column of the text table. */
export interface Column<Row> {
  field: keyof Row & string;
  title: string;
  width: number;
  /** Digits behind the point; a column with neither this nor `percent` is text. */
  digits?: number;
  percent?: boolean;
}

/** Prints rows as they come, as a table or as lines of JSON, and writes the page that shows them. */
export class Report<Row extends object> {
  readonly #rows: Row[] = [];
  readonly #title: string;
  readonly #columns: readonly Column<Row>[];
  readonly #charts: readonly Chart[];
  readonly #json: boolean;
  readonly #html: string | undefined;

  constructor(
    title: string,
    columns: readonly Column<Row>[],
    charts: readonly Chart[],
    { json = false, html }: { json?: boolean; html?: string },
  ) {
    this.#title = title;
    this.#columns = columns;
    this.#charts = charts;
    this.#json = json;
    this.#html = html;
    if (!json) this.#line(this.#columns.map((column) => aligned(column.title, column)));
  }

  row(row: Row): void {
    this.#rows.push(row);
    if (this.#json) printJson(row);
    else this.#line(this.#cells(row).map((cell, i) => aligned(cell, this.#columns[i]!)));
  }

  /** Writes the page, where one is wanted. */
  close(): void {
    if (this.#html === undefined) return;
    const titles = this.#columns.map(({ title, digits, percent }) => ({
      title: title.trim(),
      number: digits !== undefined || percent === true,
    }));
    const cells = this.#rows.map((row) => this.#cells(row));
    writeFileSync(
      this.#html,
      page(this.#title, titles, cells, this.#charts, this.#rows as Record<string, unknown>[]),
    );
  }

  #cells(row: Row): string[] {
    return this.#columns.map((column) => text(row[column.field], column));
  }

  #line(cells: readonly string[]): void {
    process.stdout.write(`${cells.join('').trimEnd()}\n`);
  }
}

function text(
  value: unknown,
  { digits = 0, percent = false }: { digits?: number; percent?: boolean },
): string {
  if (typeof value === 'number') return percent ? `${(100 * value).toFixed(1)}%` : value.toFixed(digits);
  if (typeof value === 'boolean') return value ? 'yes' : '';
  return typeof value === 'string' ? value : '–';
}

/** Numbers to the right, text to the left, and always a space between. */
function aligned(
  cell: string,
  { title, width, digits, percent }: { title: string; width: number; digits?: number; percent?: boolean },
): string {
  if (digits !== undefined || percent) return ` ${cell.padStart(width - 1)}`;
  const indent = title.length - title.trimStart().length;
  return `${' '.repeat(indent)}${cell.trimStart().padEnd(width - indent - 1)} `;
}
