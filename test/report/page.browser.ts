// The page of reports and dashboards in Chromium; vitest.config.ts leaves this file out where there is none.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Dashboard, data, loss, models, optim, Report, setSeed, Trainer } from '../../lib/index.js';
import { drawn, faint, launch, open, overhang, picture, pixelsIn } from './chromium.js';
import { classifier, hostile, stripes, train } from './training.js';

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-page-'));
  browser = await launch();
  const report = (name: string, title: string) => new Report(join(folder, `${name}.html`), { title });
  setSeed(1);
  const model = models.lenet5();
  const { train: digits, test: held } = await data.digits({ side: 28 });
  const trainer = new Trainer(model, {
    optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
    loss: loss.crossEntropy,
    metrics: ['accuracy'],
  });
  const callbacks = [report('digits', 'LeNet-5 on handwritten digits')];
  await trainer.fit(digits, {
    epochs: 8,
    batchSize: 32,
    seed: 1,
    validation: held,
    callbacks,
    progress: false,
  });
  const [title, ...classes] = hostile;
  await train([report('hostile', title!)], { epochs: 3, classes: classes.slice(0, 3) });
}, 120_000);

afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

const address = (name: string): string => pathToFileURL(join(folder, `${name}.html`)).href;
const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const desktop = { viewport: { width: 1280, height: 900 } };

describe.each([
  ['desktop', desktop],
  ['phone', phone],
] as const)('a report on a %s', (device, options) => {
  test.each(['light', 'dark'] as const)('in the %s', async (colorScheme) => {
    const { page, complaints, requests } = await open(browser, address('digits'), {
      ...options,
      colorScheme,
    });
    await page.screenshot({ path: picture(`report-${device}-${colorScheme}`), fullPage: true });
    expect(complaints).toEqual([]);
    expect(requests).toEqual([address('digits')]);
    expect(await overhang(page)).toBe(0);
    const charts = await drawn(page);
    expect(Object.keys(charts)).toEqual(['Loss', 'Accuracy', 'Learning rate', 'Samples a second']);
    for (const share of Object.values(charts)) expect(share).toBeGreaterThan(0.01);
    for (const line of ['batch', 'training', 'validation']) {
      expect(await pixelsIn(page, 'Loss', line), line).toBeGreaterThan(40);
    }
    expect(await faint(page)).toEqual([]);
    const [light] = await page.evaluate<number[]>(
      `getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)`,
    );
    expect(light! > 128).toBe(colorScheme === 'light');
    await page.context().close();
  });

  test('names from outside run no script and break no line', async () => {
    const { page, complaints, requests } = await open(browser, address('hostile'), options);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(await page.locator('h1').textContent()).toBe(hostile[0]);
    expect(complaints).toEqual([]);
    expect(requests).toHaveLength(1);
    expect(await overhang(page)).toBe(0);
    await page.context().close();
  });
});

test('the colours of the charts follow when the day turns to night', async () => {
  const { page, complaints } = await open(browser, address('digits'), { colorScheme: 'light' });
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(() => pixelsIn(page, 'Loss', 'training')).toBeGreaterThan(40);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a report without scripts', async () => {
  const { page, complaints } = await open(browser, address('digits'), { javaScriptEnabled: false });
  await page.screenshot({ path: picture('report-without-scripts'), fullPage: true });
  expect(complaints).toEqual([]);
  const text = await page.locator('body').innerText();
  expect(text).toMatch(/Loss: batches [\d.]+, training [\d.]+, validation [\d.]+/);
  for (const part of ['98', 'Wrong, the surest first', 'conv1.weight', 'MaxPool2d', '61,706 parameters']) {
    expect(text).toContain(part);
  }
  expect(await page.locator('#epochs tbody tr').count()).toBe(8);
  await page.context().close();
});

test('is built for those who hear it or use keys', async () => {
  const { page } = await open(browser, address('digits'));
  const levels = await page.evaluate<number[]>(
    `[...document.querySelectorAll('h1, h2, h3')].map((heading) => Number(heading.tagName[1]))`,
  );
  expect(levels[0]).toBe(1);
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  levels.slice(1).forEach((level, i) => expect(level - levels[i]!).toBeLessThanOrEqual(1));
  expect(await page.locator('img:not([alt])').count()).toBe(0);
  expect(await page.getByRole('table').count()).toBe(4);
  const matrix = page.locator('.matrix');
  expect(await matrix.locator('thead th[scope=col]').count()).toBe(12);
  expect(await matrix.locator('tbody th[scope=row]').count()).toBe(10);
  expect(await page.getByRole('progressbar').getAttribute('value')).toBe('100');
  expect(
    await page.getByRole('img', { name: /^Loss over \d+ batches, at the end: batches [\d.]+/ }).count(),
  ).toBe(1);

  // The first key leads past the sections, the others through all that can be used.
  await page.keyboard.press('Tab');
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the curves');
  const reached = new Set<string>();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    reached.add(
      await page.evaluate<string>(
        `((e) => e.getAttribute('aria-label') ?? e.getAttribute('aria-labelledby') ?? e.textContent)(document.activeElement)`,
      ),
    );
  }
  for (const wanted of [
    'Loss: logarithmic axis',
    'confusion-title',
    'activations-title',
    'epochs-title',
    'layers-title',
  ]) {
    expect(reached).toContain(wanted);
  }
  await page.context().close();
});

test('keys read values, and buttons hide lines and change the axis', async () => {
  const { page, complaints } = await open(browser, address('digits'));
  const chart = page.locator('.chart').first();
  await chart.locator('.plot').focus();
  await page.keyboard.press('Home');
  await expect.poll(() => page.locator('#spoken').textContent()).toMatch(/^batch 1: batches 2\.\d+/);
  await page.keyboard.press('End');
  await expect.poll(() => page.locator('#spoken').textContent()).toMatch(/^batch 360: .*validation 0\.\d+/);

  const validation = chart.getByRole('button', { name: 'validation' });
  const training = await pixelsIn(page, 'Loss', 'training');
  await validation.click();
  expect(await validation.getAttribute('aria-pressed')).toBe('false');
  await expect.poll(() => pixelsIn(page, 'Loss', 'validation')).toBe(0);
  await validation.click();
  await expect.poll(() => pixelsIn(page, 'Loss', 'validation')).toBeGreaterThan(40);
  await chart.getByRole('button', { name: 'Loss: logarithmic axis' }).click();
  await expect.poll(() => pixelsIn(page, 'Loss', 'training')).not.toBe(training);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a dashboard shows training as it goes', async () => {
  const dashboard = new Dashboard({ port: 0, title: 'Stripes', stay: true });
  const url = await dashboard.listen();
  const { page, complaints, requests } = await open(browser, url);
  expect(await page.locator('#status').textContent()).toContain('Training has not begun.');
  const states: string[] = [];
  const points: number[] = [];
  let shot = false;
  const look = {
    onEpochEnd: async ({ epoch }: { epoch: number }) => {
      await expect
        .poll(() => page.locator('#status').innerText(), { timeout: 10_000 })
        .toContain(`epoch ${epoch} of 6`);
      // Those between may be left out where looking at the model takes long.
      const looked = epoch === 1 || epoch === 6 ? `After epoch ${epoch}.` : 'After epoch ';
      await expect.poll(() => page.locator('#examples').innerText(), { timeout: 10_000 }).toContain(looked);
      states.push(await page.locator('#status').innerText());
      points.push(await pixelsIn(page, 'Loss', 'training'));
      if (epoch === 4 && !shot) {
        shot = true;
        await page.screenshot({ path: picture('dashboard-training'), fullPage: true });
      }
    },
  };
  const pace = { onBatchEnd: () => new Promise<void>((resolve) => setTimeout(resolve, 8)) };
  await classifier().fit(stripes(480, 1), {
    ...{ epochs: 6, batchSize: 16, progress: false, validation: stripes(90, 2) },
    callbacks: [dashboard, pace, look],
  });
  expect(new Set(states).size).toBe(6);
  expect(states.at(-2)).toMatch(/\d:\d\d left/);
  // A line of one point is that point; then it grows.
  expect(points.at(-1)!).toBeGreaterThan(points[0]!);
  await expect.poll(() => page.locator('.phase').textContent()).toBe('Finished');
  expect(await page.getByRole('progressbar').getAttribute('value')).toBe('100');
  expect(await overhang(page)).toBe(0);
  // Every chart goes to the last batch.
  for (const chart of await page.locator('.chart').all()) {
    await chart.locator('.plot').focus();
    await page.keyboard.press('End');
    const [cursor, area] = [chart.locator('.u-cursor-x'), chart.locator('.u-over')];
    const distance = async () => {
      const [line, whole] = [await cursor.boundingBox(), await area.boundingBox()];
      return Math.abs(whole!.x + whole!.width - line!.x);
    };
    await expect.poll(distance).toBeLessThan(3);
  }

  // One who comes later sees the same.
  const late = await open(browser, url, phone);
  await late.page.screenshot({ path: picture('dashboard-phone'), fullPage: true });
  expect(await drawn(late.page)).toMatchObject({ Loss: expect.any(Number) as number });
  expect(await overhang(late.page)).toBe(0);
  await late.page.context().close();

  await dashboard.close();
  await page.waitForTimeout(100);
  expect(await page.locator('#connection').textContent()).toBe('');
  expect(await page.locator('.phase').textContent()).toBe('Finished');
  expect(complaints).toEqual([]);
  expect(new Set(requests)).toEqual(new Set([url, `${url}events`]));
  await page.context().close();
});

test('a page whose dashboard is gone tells so', async () => {
  const dashboard = new Dashboard({ port: 0, maxClients: 1 });
  const url = await dashboard.listen();
  const { page } = await open(browser, url);
  const second = await open(browser, url);
  await expect
    .poll(() => second.page.locator('#connection').textContent())
    .toContain('too many pages listen');
  await dashboard.close();
  for (const opened of [page, second.page]) await opened.context().close();
});
