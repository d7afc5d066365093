import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { StriateError } from '../../lib/index.js';
import { load, page } from '../../lib/report/page.js';
import type { Predictions } from '../../lib/report/predictions.js';
import { activations, confusion, examples, layerTable } from '../../lib/report/sections.js';
import { waiting } from '../../lib/report/view.js';

test('tells which package is missing, where it is', async () => {
  const elsewhere = pathToFileURL(join(tmpdir(), 'nowhere', 'page.js')).href;
  await expect(load(elsewhere)).rejects.toThrow(StriateError);
  await expect(load(elsewhere)).rejects.toThrow(
    'the curves of dashboards and reports want the package uplot: npm install uplot',
  );
});

test('the scripts do not end the elements that they are in', async () => {
  const { scripts, styles, license } = await load(import.meta.url);
  for (const script of scripts) expect(script).not.toMatch(/<\/script|<!--/i);
  for (const style of styles) expect(style).not.toMatch(/<\/style/i);
  expect(license).not.toMatch(/--|</);
});

test('the page of a report and of a dashboard differ in what they may ask for', async () => {
  const assets = await load(import.meta.url);
  const [live, still] = [true, false].map((is) => page(waiting(), assets, is));
  expect(live).toContain('connect-src &#39;self&#39;');
  expect(still).toContain('connect-src &#39;none&#39;');
  expect(live).toContain('>dashboard<');
  expect(still).toContain('>report<');
});

const cells = (markup: string): string[] =>
  [...markup.matchAll(/<t[dh][^>]*>([^]*?)<\/t[dh]>/g)].map(([, text]) =>
    text!.replace(/<[^>]*>/g, '').trim(),
  );

function predictions(
  classes: readonly string[],
  counts: [truth: number, predicted: number, n: number][],
): Predictions {
  const probe = { of: 'validation', samples: 10, total: 20 } as const;
  const places = new Map(counts.map(([truth, predicted, n]) => [truth * classes.length + predicted, n]));
  return { probe, classes, counts: places, notFinite: 0, wrong: [], right: [] };
}

describe('confusion matrix', () => {
  test('rows are what samples are, columns what they were taken for', () => {
    const given = predictions(['a', 'b', 'c'], [[0, 0, 3], [0, 2, 1], [2, 2, 5], [2, 1, 1]]); // prettier-ignore
    const { text } = confusion(given);
    expect(cells(text)).toEqual([
      ...['is \\ taken for', 'a', 'b', 'c', 'right'],
      ...['a', '3', '0', '1', '75.0%'],
      ...['b', '0', '0', '0', '–'],
      ...['c', '0', '1', '5', '83.3%'],
    ]);
    expect(text).toContain('8 of 10 right (80.0%), on 10 of 20 validation samples, taken evenly.');
    expect(text).toMatch(/<td class="hit s7">3</);
    expect(text).toMatch(/<td class="miss s3">1</);
  });

  test('of many classes, the pairs that are confused most', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const { text } = confusion(predictions(names, [[1, 1, 90], [7, 9, 2], [999, 0, 5]])); // prettier-ignore
    expect(cells(text)).toEqual([
      ...['Is', 'Taken for', 'Samples'],
      ...['class 999', 'class 0', '5'],
      ...['class 7', 'class 9', '2'],
    ]);
    const none = confusion(predictions(names, [[1, 1, 90]])).text;
    expect(none).toContain('None of the 1,000 classes was taken for another.');
  });

  test('samples without a finite output are told of', () => {
    const { text } = confusion({ ...predictions(['a', 'b'], []), notFinite: 1 });
    expect(text).toContain('0 of 0 right (–)');
    expect(text).toContain('1 sample got outputs that are not finite.');
  });
});

test('examples that are no images go by their number', () => {
  const wrong = [{ index: 1234, truth: 0, predicted: 1, confidence: 0.75, image: null }];
  const { text } = examples({ ...predictions(['cat', 'dog'], []), wrong });
  expect(text).toMatch(/<strong><bdi>dog<\/bdi><\/strong> 75\.0%[^]*is <bdi>cat<\/bdi>[^]*sample 1,234/);
  expect(text).toMatch(/Right, the least sure first<\/h3>\s*<p>None\.<\/p>/);
});

test('of very many layers, the first are listed', () => {
  const layer = { path: 'x', kind: 'ReLU', shape: [4, 8], mean: 1, std: 2, zeros: 0.25, dead: 0.5 };
  const { text } = activations(Array.from({ length: 310 }, () => layer));
  expect(text.match(/<tr>/g)).toHaveLength(301);
  expect(text).toContain('And 10 more.');
  expect(cells(text).slice(7, 14)).toEqual(['x', 'ReLU', '8', '1', '2', '25.0%', '50.0%']);
});

test('the layers of a model', () => {
  const layer = {
    path: 'a',
    kind: 'Conv2d',
    outputShape: [1, 8, 8, 4],
    parameters: 1200,
    multiplyAdds: 64,
    receptiveField: [3, 3],
  };
  const { text } = layerTable({
    layers: [layer, { ...layer, receptiveField: null }],
    ...{ parameters: 1200, trainableParameters: 200, multiplyAdds: 128 },
  });
  expect(text).toContain('1,200 parameters, 200 of them trained; 128 multiply-adds a sample.');
  expect(cells(text).slice(6)).toEqual([
    ...['a', 'Conv2d', '8 × 8 × 4', '1,200', '64', '3 × 3'],
    ...['a', 'Conv2d', '8 × 8 × 4', '1,200', '64', 'all'],
  ]);
});
