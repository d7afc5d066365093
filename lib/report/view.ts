import type { Chart } from './curves.js';
import type { Format } from './format.js';
import { formatted, several } from './format.js';
import { html, type Html } from './html.js';
import type { Recorder } from './recorder.js';
import { activations, confusion, examples, filterPictures, layerTable, shown } from './sections.js';
import { epochTable, status } from './status.js';

/** Parts of the page that are replaced as training goes, each a piece of markup. */
export const partNames = [
  'status',
  'curves',
  'examples',
  'confusion',
  'filters',
  'activations',
  'epochs',
  'layers',
] as const;
export type Parts = Record<(typeof partNames)[number], string>;

/** A line of a chart as the page's script takes it: points from `from` on replace those that it has there. */
export interface LineUpdate {
  name: string;
  kind: string;
  from: number;
  x: readonly number[];
  y: readonly (number | null)[];
}

export interface ChartUpdate {
  id: string;
  title: string;
  format: Format;
  lines: LineUpdate[];
}

/** What has changed of what the page shows. */
export interface Update {
  parts: Partial<Parts>;
  charts: ChartUpdate[];
}

/** Everything that the page shows. */
export interface Content extends Update {
  title: string;
  /** When training began, ISO 8601. */
  begun: string | null;
  parts: Parts;
}

/** What is shown before training begins. */
export function waiting(title = 'Training'): Content {
  const later = html`<p class="missing">Training has not begun.</p>`.text;
  const parts = Object.fromEntries(partNames.map((part) => [part, later])) as Parts;
  return { title, begun: null, parts, charts: [] };
}

/** The markup of what a recorder holds; what has not changed is not made again. */
export class View {
  readonly recorder: Recorder;
  #drawn = new Map<string, { of: unknown; markup: string }>();

  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }

  parts(): Parts {
    const { recorder } = this;
    const { snapshot, summary, epochsEnded } = recorder;
    const pending = { missing: 'it is drawn when the first epoch ends' };
    const { predictions = pending, filters = pending, activations: layers = pending } = snapshot ?? {};
    const after = snapshot ? html`<p class="after">After epoch ${snapshot.epoch}.</p>` : null;
    const dated = (part: Html): Html => html`${part}${after}`;
    return {
      status: status(recorder).text,
      curves: curves(recorder).text,
      examples: this.#part('examples', predictions, () => dated(shown(predictions, examples))),
      confusion: this.#part('confusion', predictions, () => dated(shown(predictions, confusion))),
      filters: this.#part('filters', filters, () => dated(shown(filters, filterPictures))),
      activations: this.#part('activations', layers, () => dated(shown(layers, activations))),
      epochs: this.#part('epochs', epochsEnded, () => epochTable(recorder)),
      layers: this.#part('layers', summary, () => shown(summary, layerTable)),
    };
  }

  #charts(): ChartUpdate[] {
    return this.recorder.curves.charts.map((chart) => ({
      ...headOf(chart),
      lines: chart.lines.map(({ kind, series: { x, y } }) => line(chart, kind, 0, x, y)),
    }));
  }

  whole(): Content {
    const { title, begun } = this.recorder;
    return { title, begun: begun.toISOString(), parts: this.parts(), charts: this.#charts() };
  }

  #part(part: string, of: unknown, draw: () => Html): string {
    const known = this.#drawn.get(part);
    if (known && known.of === of) return known.markup;
    const markup = draw().text;
    this.#drawn.set(part, { of, markup });
    return markup;
  }
}

/** What has changed since it was asked last. */
export class Changes {
  readonly #view: View;
  #parts: Partial<Parts> = {};
  /** Of each line: how many points were told, and their first, which moves when points become fewer. */
  readonly #told = new Map<string, { stride: number; points: number }>();

  constructor(view: View) {
    this.#view = view;
  }

  /** Null where nothing has. */
  next(): Update | null {
    const parts = this.#view.parts();
    const changed = Object.fromEntries(
      Object.entries(parts).filter(([part, markup]) => this.#parts[part as keyof Parts] !== markup),
    );
    this.#parts = parts;
    const charts = this.#view.recorder.curves.charts.flatMap((chart) => {
      const lines = chart.lines.flatMap(({ kind, series: { x, y, stride } }) => {
        const key = `${chart.id} ${kind}`;
        const told = this.#told.get(key);
        const from = told?.stride === stride ? told.points : 0;
        if (told && from === x.length) return [];
        this.#told.set(key, { stride, points: x.length });
        return [line(chart, kind, from, x.slice(from), y.slice(from))];
      });
      return lines.length === 0 ? [] : [{ ...headOf(chart), lines }];
    });
    return charts.length === 0 && Object.keys(changed).length === 0 ? null : { parts: changed, charts };
  }
}

function headOf({ id, title, format }: Chart): Omit<ChartUpdate, 'lines'> {
  return { id, title, format };
}

const lineNames = { batch: 'batches', training: 'training', validation: 'validation' };

function line(
  chart: Chart,
  kind: keyof typeof lineNames,
  from: number,
  x: readonly number[],
  y: readonly (number | null)[],
): LineUpdate {
  const name = nameOf(chart, kind);
  return { name, kind, from, x, y: y.map((value) => (value === null ? null : Number(value.toPrecision(6)))) };
}

function nameOf({ id, lines }: Chart, kind: keyof typeof lineNames): string {
  if (id === 'rate') return 'rate';
  const alone = kind === 'training' && lines.every((line) => line.kind !== 'validation');
  return alone ? 'epochs' : lineNames[kind];
}

/** What the curves say, in words and numbers. */
function curves({ curves: { charts } }: Recorder): Html {
  if (charts.length === 0) return html`<p>No batch has ended yet.</p>`;
  const stride = Math.max(...charts.flatMap(({ lines }) => lines.map(({ series }) => series.stride)));
  const thinned =
    stride === 1
      ? null
      : html` Each point of the longest curve is the mean of
        ${several(stride, 'batch').replace('batchs', 'batches')}.`;
  const last = charts.map((chart) => {
    const { title, format, lines } = chart;
    const values = lines.map(
      ({ kind, series }) => `${nameOf(chart, kind)} ${formatted(series.last, format)}`,
    );
    return html`<li>${title}: ${values.join(', ')}</li>`;
  });
  return html`<p>Over the number of batches.${thinned}</p>
    <noscript
      ><p>The curves are drawn by a script. Their last values:</p>
      <ul>
        ${last}
      </ul></noscript
    >`;
}
