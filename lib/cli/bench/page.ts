import { cpuInfo } from '../../system.js';
import { version } from '../../package.js';

/** Bars of one field of the rows, one for each row. */
export interface Chart {
  title: string;
  field: string;
  /** The fields that name a bar. */
  label: readonly string[];
  /** The field whose values get a colour each. */
  series?: string;
}

/**
 * A page with charts and the table, in one file. The bars are drawn by a few lines of SVG: a chart library would be the
 * package's largest dependency, would have to be carried in every page, and would draw nothing without a script.
 */
export function page(
  title: string,
  columns: readonly { title: string; number: boolean }[],
  cells: readonly (readonly string[])[],
  charts: readonly Chart[],
  rows: readonly Record<string, unknown>[],
): string {
  const { model, isa, threads, cores } = cpuInfo();
  const machine = `${model} · ${isa} · ${threads} of ${cores} threads · striate ${version} · Node ${process.versions.node} · ${new Date().toISOString().slice(0, 10)}`;
  const row = (tag: 'td' | 'th', texts: readonly string[]) =>
    `<tr>${texts.map((text, i) => `<${tag}${columns[i]?.number ? ' class="n"' : ''}>${escape(text)}</${tag}>`).join('')}</tr>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>striate: ${escape(title)}</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #667080; --rule: #d9dee5; --paper: #fff;
  --c0: #2563c9; --c1: #d9730d; --c2: #2f9e5b; --c3: #9b4dca; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #9aa4b2; --rule: #333b46; --paper: #14181d; --c0: #6ea3f5; --c1: #f0a35a; --c2: #5fcf8d; --c3: #c792ea; }
}
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { color: var(--soft); margin: .25rem 0; }
.bars { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr max-content; gap: 3px .6rem; align-items: center; font-size: .85rem; }
.bars svg { width: 100%; height: .9rem; display: block; } .bars .name { overflow-wrap: anywhere; }
.s0 { fill: var(--c0); color: var(--c0); } .s1 { fill: var(--c1); color: var(--c1); } .s2 { fill: var(--c2); color: var(--c2); } .s3 { fill: var(--c3); color: var(--c3); }
.key span { margin-right: 1rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: left; white-space: nowrap; } th.n, td.n { text-align: right; }
@media (max-width: 34rem) { .bars { grid-template-columns: 1fr max-content; } .bars .name { grid-column: 1 / -1; margin-top: .3rem; } }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p>${escape(machine)}</p>
${charts.map((chart) => bars(chart, rows)).join('\n')}
<h2>All rows</h2>
<div class="wide"><table>
<thead>${row(
    'th',
    columns.map((column) => column.title),
  )}</thead>
<tbody>
${cells.map((texts) => row('td', texts)).join('\n')}
</tbody>
</table></div>
</body>
</html>
`;
}

function bars({ title, field, label, series }: Chart, rows: readonly Record<string, unknown>[]): string {
  const shown = rows.filter((row) => typeof row[field] === 'number');
  const values = shown.map((row) => row[field] as number);
  const longest = Math.max(...values, Number.MIN_VALUE);
  const kinds = series === undefined ? [] : [...new Set(shown.map((row) => String(row[series])))];
  const key = kinds.map((kind, i) => `<span class="s${i % 4}">■ ${escape(`${series} ${kind}`)}</span>`);
  let last = '';
  const lines = shown.map((row, i) => {
    const name = label.map((part) => String(row[part])).join(' · ');
    // Bars of one name stand under it.
    const shownName = name === last ? '' : name;
    last = name;
    const kind = series === undefined ? 0 : kinds.indexOf(String(row[series])) % 4;
    const width = ((100 * values[i]!) / longest).toFixed(2);
    return `<span class="name">${escape(shownName)}</span><svg aria-hidden="true"><rect class="s${kind}" width="${width}%" height="100%" rx="2"/></svg><span class="n">${field === 'share' ? `${(100 * values[i]!).toFixed(0)}%` : values[i]!.toPrecision(4)}</span>`;
  });
  const legend = kinds.length > 1 ? `<p class="key">${key.join('')}</p>\n` : '';
  return `<h2>${escape(title)}</h2>\n${legend}<div class="bars">\n${lines.join('\n')}\n</div>`;
}

function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}
