import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot, StriateError } from '../native.js';
import { embedded, Html, html, shortened } from './html.js';
import { partNames, type Content, type Parts } from './view.js';

/** The page's own scripts and styles, with those of the charts' library. */
export interface Assets {
  styles: readonly string[];
  scripts: readonly string[];
  /** Of the library, whose copies have to carry it. */
  license: string;
}

let loaded: Promise<Assets> | undefined;

/** @throws StriateError where the package uplot is not installed, or striate is not all there */
export function assets(): Promise<Assets> {
  loaded ??= load(import.meta.url).catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

/** The same, with packages as they are found from a file. */
export async function load(from: string): Promise<Assets> {
  const { resolve } = createRequire(from);
  const charts = async (file: string): Promise<string> => {
    try {
      return await readFile(resolve(`uplot/${file}`), 'utf8');
    } catch (cause) {
      throw new StriateError(
        'the curves of dashboards and reports want the package uplot: npm install uplot',
        {
          cause,
        },
      );
    }
  };
  const own = async (file: string): Promise<string> => {
    const path = join(packageRoot, 'assets', 'report', file);
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      throw new StriateError(`the page of dashboards and reports cannot be read: ${path}`, { cause });
    }
  };
  return {
    styles: [await charts('dist/uPlot.min.css'), await own('page.css'), await own('sections.css')],
    scripts: [await charts('dist/uPlot.iife.min.js'), await own('page.js')],
    license: await charts('LICENSE'),
  };
}

const headings: Readonly<Record<keyof Parts, string>> = {
  status: 'Progress',
  curves: 'Curves',
  examples: 'Predictions',
  confusion: 'Confusion matrix',
  filters: 'First-layer filters',
  activations: 'Activations',
  epochs: 'Epochs',
  layers: 'Model',
};

/** What the page may do: nothing but run these scripts with these styles, show images that it holds, and be told news. */
export function policyOf({ styles, scripts }: Assets, live: boolean): string {
  // Loaded when it is needed: it takes a while.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hashes = (texts: readonly string[]): string =>
    texts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
  const connect = live ? "'self'" : "'none'";
  return `default-src 'none'; script-src ${hashes(scripts)}; style-src ${hashes(styles)}; img-src data:; connect-src ${connect}; base-uri 'none'; form-action 'none'`;
}

/**
 * The whole page, as it is now, in one document that asks for nothing else. A live one is told what changes; also without
 * that, and without scripts, it shows all but the curves.
 */
export function page({ title, begun, parts: markup, charts }: Content, parts: Assets, live: boolean): string {
  const section = (part: keyof Parts): Html => {
    const inner = html`<div data-part="${part}">${new Html(markup[part])}</div>`;
    const wide = ['confusion', 'activations', 'epochs', 'layers'].includes(part);
    return html`<section id="${part}" aria-labelledby="${part}-title">
      <h2 id="${part}-title">${headings[part]}</h2>
      ${wide ? html`<div class="scroll" tabindex="0" role="region" aria-labelledby="${part}-title">${inner}</div>` : inner}${part === 'curves' ? html`<div id="charts"></div>` : null}
    </section>`;
  };
  const [, ...sections] = partNames;
  return html`<!doctype html>
    <!-- The curves are drawn by uPlot. ${parts.license} -->
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policyOf(parts, live)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${shortened(title)} · striate</title>
        <link rel="icon" href="data:," />
        ${parts.styles.map((style) => exactly('style', style))}
      </head>
      <body>
        <a class="skip" href="#curves">Skip to the curves</a>
        <header>
          <p class="brand">striate <span>${live ? 'dashboard' : 'report'}</span></p>
          <h1><bdi id="title">${shortened(title)}</bdi></h1>
          <p id="begun">${begun === null ? null : `Begun ${begun.slice(0, 16).replace('T', ' ')} UTC`}</p>
          <div id="connection" role="status"></div>
          <h2 class="unseen">${headings.status}</h2>
          <div id="status" data-part="status">${new Html(markup.status)}</div>
          <nav aria-label="Sections">
            <ul>
              ${sections.map((part) => html`<li><a href="#${part}">${headings[part]}</a></li>`)}
            </ul>
          </nav>
        </header>
        <main>${sections.map(section)}</main>
        <div id="spoken" class="unseen" role="status"></div>
        <script type="application/json" id="data">
          ${new Html(embedded({ live, charts }))}
        </script>
        ${parts.scripts.map((script) => exactly('script', script))}
      </body>
    </html> `.text;
}

/** An element with this text and not a blank more: the policy names its hash. */
function exactly(tag: 'style' | 'script', text: string): Html {
  return new Html(`<${tag}>${text}</${tag}>`);
}
