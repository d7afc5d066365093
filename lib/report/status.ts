import type { EpochRecord } from '../train/history.js';
import { formatOf, metricTitle } from './curves.js';
import { count, duration, formatted, several, type Format } from './format.js';
import { html, name, type Html } from './html.js';
import type { Recorder } from './recorder.js';

const phases = {
  training: 'Training',
  finished: 'Finished',
  stopped: 'Stopped',
  aborted: 'Aborted',
  failed: 'Failed',
} as const;

/** How far training is, and the numbers of the moment. */
export function status(recorder: Recorder): Html {
  const { phase, now, totalEpochs, batches, done, secondsLeft, seconds } = recorder;
  const percent = Math.floor(100 * done);
  const epoch = Math.min(totalEpochs, now?.epoch ?? recorder.epochsEnded);
  const place = now
    ? html`epoch ${count(epoch)} of ${count(totalEpochs)}, batch
      ${count(now.batch)}${batches === undefined ? '' : ` of ${count(batches)}`}`
    : html`${several(totalEpochs, 'epoch')}`;
  const left = secondsLeft === null ? null : html` <span>${duration(secondsLeft)} left</span>`;
  return html`<p class="state">
      <strong class="phase ${phase}">${phases[phase]}</strong> <span>${place}</span>
      <span>${duration(seconds)} so far</span>${left}
    </p>
    <progress max="100" value="${percent}" aria-label="Progress">${percent}%</progress>
    <dl class="numbers">${numbers(recorder)}</dl>`;
}

function numbers({ now, epochs, samplesPerSecond }: Recorder): Html[] {
  const last = epochs.at(-1);
  const tile = (title: string, value: number | null | undefined, format: Format): Html =>
    html`<div>
      <dt>${title}</dt>
      <dd>${formatted(value, format)}</dd>
    </div>`;
  const metrics = (kind: string, given: Readonly<Record<string, number>>): Html[] =>
    Object.entries(given)
      .filter(([metric, value]) => metric !== 'loss' && typeof value === 'number')
      .slice(0, 2)
      .map(([metric, value]) => {
        const title = metricTitle(metric);
        return tile(kind === '' ? title : `${kind} ${title.toLowerCase()}`, value, formatOf(metric));
      });
  const running = now?.running ?? last;
  return [
    tile('Loss', running?.loss, 'number'),
    ...metrics('', running?.metrics ?? {}),
    ...(last?.validation
      ? [
          tile('Validation loss', last.validation.loss, 'number'),
          ...metrics('Validation', last.validation.metrics),
        ]
      : []),
    tile('Learning rate', now?.learningRate ?? last?.learningRate, 'number'),
    tile('Samples a second', samplesPerSecond ?? last?.samplesPerSecond, 'rate'),
  ];
}

/** A row for each of the last epochs, the newest first. */
export function epochTable({ epochs, best, epochsEnded }: Recorder): Html {
  const newest = epochs.at(-1);
  if (!newest) return html`<p>No epoch has ended yet.</p>`;
  const columns: [title: Html, of: (record: EpochRecord) => string][] = [
    [html`Loss`, (record) => formatted(record.loss, 'number')],
    ...metricColumns('', newest.metrics, (record) => record.metrics),
    ...(newest.validation
      ? [
          [html`Validation loss`, (record: EpochRecord) => formatted(record.validation?.loss, 'number')] as [
            Html,
            (record: EpochRecord) => string,
          ],
          ...metricColumns('Validation ', newest.validation.metrics, (record) => record.validation?.metrics),
        ]
      : []),
    [html`Learning rate`, (record) => formatted(record.learningRate, 'number')],
    [html`Seconds`, (record) => record.seconds.toFixed(1)],
    [html`Samples a second`, (record) => formatted(record.samplesPerSecond, 'rate')],
  ];
  const listed = best && !epochs.includes(best) ? [...epochs.toReversed(), best] : epochs.toReversed();
  const caption = `${epochs.length < epochsEnded ? `The last ${epochs.length} epochs of ${count(epochsEnded)} and the best, the newest first` : 'The newest first'}; ★ has the lowest ${newest.validation ? 'validation loss' : 'loss'}.`;
  return html`<table>
    <caption>
      <span>${caption}</span>
    </caption>
    <thead>
      <tr>
        <th scope="col">Epoch</th>
        ${columns.map(([title]) => html`<th scope="col">${title}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${listed.map(
        (record) =>
          html`<tr>
            <th scope="row">
              ${count(record.epoch)}${record === best ? html` <span role="img" aria-label="best">★</span>` : null}
            </th>
            ${columns.map(([, of]) => html`<td>${of(record)}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** As many as a table can have. */
const mostColumns = 12;

function metricColumns(
  kind: string,
  given: Readonly<Record<string, number>>,
  of: (record: EpochRecord) => Readonly<Record<string, number>> | undefined,
): [title: Html, of: (record: EpochRecord) => string][] {
  return Object.keys(given)
    .filter((metric) => metric !== 'loss' && typeof given[metric] === 'number')
    .slice(0, mostColumns)
    .map((metric) => {
      const title = metricTitle(metric);
      return [
        name(kind === '' ? title : kind + title.toLowerCase()),
        (record) => formatted(of(record)?.[metric], formatOf(metric)),
      ];
    });
}
