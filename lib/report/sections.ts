import type { LayerActivations } from '../nn/activationStatistics.js';
import type { Summary } from '../nn/summary.js';
import { count, formatted, several } from './format.js';
import { html, name, type Html } from './html.js';
import type { Example, Predictions } from './predictions.js';
import type { FilterPictures, Part } from './snapshot.js';

/** The markup of what could be had, or the sentence that says why not. */
export function shown<T>(part: Part<T>, draw: (value: T) => Html): Html {
  return 'value' in part ? draw(part.value) : html`<p class="missing">Not shown: ${part.missing}.</p>`;
}

export function examples({ wrong, right, probe, classes }: Predictions): Html {
  const group = (title: string, of: readonly Example[], none: string): Html =>
    html`<h3>${title}</h3>
      ${
        of.length === 0
          ? html`<p>${none}</p>`
          : html`<ul class="examples">
              ${of.map((example) => card(example, classes))}
            </ul>`
      }`;
  const sure = `On ${probeSize(probe)}. The percentage is the probability that the model gave to its answer.`;
  return html`<p>${sure}</p>
    ${group('Wrong, the surest first', wrong, 'None.')}${group('Right, the least sure first', right, 'None.')}`;
}

function card({ image, index, truth, predicted, confidence }: Example, classes: readonly string[]): Html {
  const wrong = truth !== predicted;
  const picture =
    image === null ? null : html`<img src="${image}" width="64" height="64" alt="Sample ${count(index)}" />`;
  const answer = html`<strong>${name(classes[predicted]!)}</strong> ${formatted(confidence, 'share')}`;
  return html`<li class="${wrong ? 'wrong' : 'right'}">
    ${picture}
    <p>${answer}</p>
    ${wrong ? html`<p>is ${name(classes[truth]!)}</p>` : null}${image === null ? html`<p>sample ${count(index)}</p>` : null}
  </li>`;
}

function probeSize({ of, samples, total }: Predictions['probe']): string {
  const all = several(total, `${of} sample`);
  return samples === total ? `all ${all}` : `${count(samples)} of ${all}, taken evenly`;
}

/** Classes of a matrix that is shown whole. */
const mostClasses = 32;
const mostPairs = 20;

/** A table of truth by answer; of many classes, the pairs that are confused most. */
export function confusion(predictions: Predictions): Html {
  const { counts, classes, notFinite, probe } = predictions;
  const n = classes.length;
  let [all, right] = [0, 0];
  for (const [cell, samples] of counts) {
    all += samples;
    if (Math.floor(cell / n) === cell % n) right += samples;
  }
  const share = formatted(all === 0 ? null : right / all, 'share');
  const lost =
    notFinite === 0 ? null : html` ${several(notFinite, 'sample')} got outputs that are not finite.`;
  const text = html`<p>${count(right)} of ${count(all)} right (${share}), on ${probeSize(probe)}.${lost}</p>`;
  return html`${text}${n <= mostClasses ? matrix(predictions) : pairs(predictions)}`;
}

function matrix({ counts, classes }: Predictions): Html {
  const n = classes.length;
  const row = (truth: string, t: number): Html => {
    const cells = classes.map((_, p) => counts.get(t * n + p) ?? 0);
    const total = cells.reduce((sum, samples) => sum + samples, 0);
    const recall = formatted(total === 0 ? null : cells[t]! / total, 'share');
    const boxes = cells.map((samples, p) => {
      const shade = total === 0 ? 0 : Math.ceil((9 * samples) / total);
      return html`<td class="${t === p ? 'hit' : 'miss'} s${shade}">${samples}</td>`;
    });
    return html`<tr>
      <th scope="row">${name(truth)}</th>
      ${boxes}
      <td class="recall">${recall}</td>
    </tr>`;
  };
  const small = n <= 10 && classes.every((title) => title.length <= 4);
  return html`<table class="matrix ${small ? 'small' : ''}">
    <caption>
      <span>Rows: what samples are. Columns: what they were taken for.</span>
    </caption>
    <thead>
      <tr>
        <th scope="col">is \\ taken for</th>
        ${classes.map((title) => html`<th scope="col">${name(title)}</th>`)}
        <th scope="col">right</th>
      </tr>
    </thead>
    <tbody>
      ${classes.map(row)}
    </tbody>
  </table>`;
}

function pairs({ counts, classes }: Predictions): Html {
  const n = classes.length;
  const errors = [...counts].filter(([cell]) => Math.floor(cell / n) !== cell % n);
  const worst = errors.sort((a, b) => b[1] - a[1]).slice(0, mostPairs);
  if (worst.length === 0) return html`<p>None of the ${count(n)} classes was taken for another.</p>`;
  const rows = worst.map(
    ([cell, samples]) =>
      html`<tr>
        <th scope="row">${name(classes[Math.floor(cell / n)]!)}</th>
        <td>${name(classes[cell % n]!)}</td>
        <td>${count(samples)}</td>
      </tr>`,
  );
  return html`<table>
    <caption>
      <span>Of ${count(n)} classes, those that were taken for another most often.</span>
    </caption>
    <thead>
      <tr>
        <th scope="col">Is</th>
        <th scope="col">Taken for</th>
        <th scope="col">Samples</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

export function filterPictures({ path, kernel, filters, shown: some, images }: FilterPictures): Html {
  const all = several(filters, 'filter');
  const what = `${some === filters ? all : `${count(some)} of ${all}`} of ${kernel.join('×')}`;
  const each = images.length > some ? 'Each channel of each' : 'Each';
  return html`<p>
      ${what} weights, <code>${name(path)}</code>. ${each} from its least weight, black, to its largest.
    </p>
    <div class="filters" role="img" aria-label="${what} weights">
      ${images.map((image) => html`<img src="${image}" width="40" height="40" alt="" />`)}
    </div>`;
}

/** Layers that are listed, at the most. */
const mostLayers = 300;

export function activations(layers: readonly LayerActivations[]): Html {
  const rows = layers.slice(0, mostLayers).map(
    ({ path, kind, shape, mean, std, zeros, dead }) =>
      html`<tr>
        <th scope="row">${name(path)}</th>
        <td class="text">${name(kind)}</td>
        <td>${shape.slice(1).join(' × ')}</td>
        <td>${formatted(mean, 'number')}</td>
        <td>${formatted(std, 'number')}</td>
        <td>${bar(zeros)}</td>
        <td>${dead === null ? '–' : bar(dead)}</td>
      </tr>`,
  );
  const titles = ['Layer', 'Kind', 'Output', 'Mean', 'Deviation', 'Zeros', 'Dead'];
  const caption = html`<caption>
    <span
      >What each layer gave ${several(layers[0]?.shape[0] ?? 0, 'sample')}, in the order of the layers. Dead:
      units of a ReLU that were 0 for all of them.</span
    >
  </caption>`;
  return tableOfLayers(titles, rows, layers.length, caption);
}

/** The first two columns are of text. */
function tableOfLayers(
  titles: readonly string[],
  rows: readonly Html[],
  layers: number,
  caption: Html | null = null,
): Html {
  const heads = titles.map((title, i) => html`<th scope="col" class="${i < 2 ? 'text' : ''}">${title}</th>`);
  const more = layers <= mostLayers ? null : html`<p>And ${count(layers - mostLayers)} more.</p>`;
  return html`<table>
      ${caption}
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${more}`;
}

function bar(share: number): Html {
  const width = (100 * Math.min(1, Math.max(0, share || 0))).toFixed(1);
  return html`<svg class="bar" aria-hidden="true" width="48" height="8">
      <rect width="48" height="8" rx="2" />
      <rect class="full" width="${width}%" height="8" rx="2" />
    </svg>
    ${formatted(share, 'share')}`;
}

export function layerTable({ layers, parameters, trainableParameters, multiplyAdds }: Summary): Html {
  const rows = layers.slice(0, mostLayers).map(
    (layer) =>
      html`<tr>
        <th scope="row">${name(layer.path)}</th>
        <td class="text">${name(layer.kind)}</td>
        <td>${layer.outputShape.slice(1).join(' × ')}</td>
        <td>${count(layer.parameters)}</td>
        <td>${count(layer.multiplyAdds)}</td>
        <td>
          ${layer.receptiveField ? layer.receptiveField.map((size) => Math.round(size)).join(' × ') : 'all'}
        </td>
      </tr>`,
  );
  const titles = ['Layer', 'Kind', 'Output', 'Parameters', 'Multiply-adds', 'Sees'];
  const trained = trainableParameters === parameters ? '' : `, ${count(trainableParameters)} of them trained`;
  return html`<p>
      ${several(parameters, 'parameter')}${trained}; ${several(multiplyAdds, 'multiply-add')} a sample.
    </p>
    ${tableOfLayers(titles, rows, layers.length)}`;
}
