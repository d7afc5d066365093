// Chromium without a window, and what the tests of the page ask of it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { packageRoot } from '../../lib/native.js';

export function launch(): Promise<Browser> {
  // With a folder of its own for what it writes, which goes when it ends.
  return chromium.launch({
    executablePath: process.env['STRIATE_CHROMIUM']!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page, and all that it complained of and asked for. */
export interface Opened {
  page: Page;
  complaints: string[];
  requests: string[];
}

export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const opened: Opened = { page, complaints: [], requests: [] };
  page.on('console', (message) => opened.complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => opened.complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) opened.requests.push(request.url());
  });
  await page.goto(url);
  return opened;
}

/** Where the pictures of a test run lie. */
export function picture(name: string): string {
  const folder = join(packageRoot, 'build', 'screenshots');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

/** How wide the page is beyond the window. */
export function overhang(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/** The pixels of a chart's canvas, from a copy of it: reading makes a canvas slow, of which Chromium complains. */
const pixelsOf = `(chart) => {
  const canvas = chart.querySelector('canvas');
  const { width, height } = canvas;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}`;

/** Of each chart, by its heading: the share of its pixels that are drawn on. */
export function drawn(page: Page): Promise<Record<string, number>> {
  return page.evaluate<Record<string, number>>(`
    Object.fromEntries([...document.querySelectorAll('.chart')].map((chart) => {
      const data = (${pixelsOf})(chart);
      let painted = 0;
      for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
      return [chart.querySelector('h3').textContent, painted / (data.length / 4)];
    }))`);
}

/** Pixels of a chart in the colour that a line has, by the name of its property in the styles. */
export function pixelsIn(page: Page, title: string, line: string): Promise<number> {
  return page.evaluate<number>(`(() => {
    const charts = [...document.querySelectorAll('.chart')];
    const chart = charts.find((c) => c.querySelector('h3').textContent === ${JSON.stringify(title)});
    const hex = getComputedStyle(document.documentElement).getPropertyValue('--${line}').trim();
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const data = (${pixelsOf})(chart);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      found += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
    }
    return found;
  })()`);
}

/** The texts that stand out less than 4.5 to 1 from what they stand on (WCAG 2.2, 1.4.3), with their contrast. */
export function faint(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    // Colours in whatever notation, laid over each other as the page does.
    const over = (colors) => {
      context.clearRect(0, 0, 1, 1);
      for (const color of colors) {
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
      }
      return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      const text = texts.currentNode.textContent.trim();
      if (text === '' || element.closest('script, noscript, progress, .unseen, .skip') || element.getClientRects().length === 0) continue;
      const backgrounds = [];
      for (let e = element; e; e = e.parentElement) backgrounds.unshift(getComputedStyle(e).backgroundColor);
      const behind = over(['white', ...backgrounds]);
      const front = over(['white', ...backgrounds, getComputedStyle(element).color]);
      const [dark, light] = [luminance(behind), luminance(front)].sort((a, b) => a - b);
      const contrast = (light + 0.05) / (dark + 0.05);
      if (contrast < 4.5) found.push(text + ': ' + contrast.toFixed(2));
    }
    return found;
  })()`);
}
