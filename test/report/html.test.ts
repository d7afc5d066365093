import { expect, test } from 'vitest';
import { formatOf, metricTitle } from '../../lib/report/curves.js';
import { duration, formatted } from '../../lib/report/format.js';
import { embedded, html, Html, name, shortened } from '../../lib/report/html.js';
import { hostile } from './training.js';

test('text put into markup stays text, and markup stays markup', () => {
  const part = html`<b title="${`"'&<>`}">${'<i>'}</b>`;
  expect(part.text).toBe('<b title="&quot;&#39;&amp;&lt;&gt;">&lt;i&gt;</b>');
  expect(html`<p>${part}${[part, new Html('<hr>')]}${null}${0}</p>`.text).toBe(
    `<p>${part.text}${part.text}<hr>0</p>`,
  );
});

test('hostile names neither open a tag nor leave a quote', () => {
  for (const text of hostile) {
    const { text: markup } = name(text);
    expect(markup.slice('<bdi>'.length, -'</bdi>'.length)).not.toMatch(/[<>"']/);
    expect(embedded({ text })).not.toContain('<');
    expect(JSON.parse(embedded({ text }))).toEqual({ text });
  }
  expect(embedded('\u2028\u2029')).toBe('"\\u2028\\u2029"');
});

test('names are as long as can be shown', () => {
  expect(shortened('a'.repeat(120))).toBe('a'.repeat(120));
  expect(shortened('a'.repeat(121))).toBe(`${'a'.repeat(119)}…`);
  // Not cut within a character.
  expect(shortened('🦓'.repeat(1e6))).toBe(`${'🦓'.repeat(119)}…`);
});

test('numbers as they are read', () => {
  const numbers = [0, 0.123456, -1234.5678, 1e-5, 12_345_678, NaN, -Infinity, null, undefined];
  expect(numbers.map((value) => formatted(value, 'number'))).toEqual(
    ['0', '0.1235', '−1235', '0.00001', '12350000', 'not a number', '−∞', '–', '–'],
  ); // prettier-ignore
  expect([formatted(0.9876, 'share'), formatted(12_345.6, 'rate')]).toEqual(['98.8%', '12,346']);
  expect([0, 59.6, 61, 3600, 90_061].map(duration)).toEqual(['0:00', '1:00', '1:01', '1:00:00', '25:01:01']);
});

test('metrics by their names', () => {
  expect(['accuracy', 'macroF1', 'topK5'].map(metricTitle)).toEqual(['Accuracy', 'Macro f1', 'Top k5']);
  expect(['accuracy', 'top5', 'recall', 'f1', 'mse'].map(formatOf)).toEqual(
    ['share', 'share', 'share', 'share', 'number'],
  ); // prettier-ignore
});
