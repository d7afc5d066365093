import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Checkpoint, memory, Report, StriateError, type Callback } from '../../lib/index.js';
import { Recorder } from '../../lib/report/recorder.js';
import type { Content } from '../../lib/report/view.js';
import { collectGarbage } from '../garbage.js';
import { hostile, train } from './training.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-report-'));
  file = join(folder, 'report.html');
});
afterEach(() => rm(folder, { recursive: true }));

const read = (): Promise<string> => readFile(file, 'utf8');
/** Without scripts and styles. */
const visible = (page: string): string => page.replace(/<(script|style)\b.*?<\/\1>/gs, '');

describe('Report', () => {
  test('writes one file with everything in it, that asks for nothing', async () => {
    await train([new Report(file, { title: 'Stripes' })], { epochs: 3, classes: ['across', 'down', 'none'] });
    const page = await read();
    expect(await readdir(folder)).toEqual(['report.html']);
    expect(page).toContain('<title>Stripes · striate</title>');
    const text = visible(page);
    for (const heading of [
      'Curves',
      'Predictions',
      'Confusion matrix',
      'First-layer filters',
      'Activations',
      'Epochs',
      'Model',
    ]) {
      expect(text).toMatch(new RegExp(`<h2 id="\\w+-title">${heading}</h2>`));
    }
    for (const word of ['Finished', 'epoch 3 of 3', 'across', 'Conv2d', 'After epoch 3.'])
      expect(text).toContain(word);
    expect(text).not.toContain('Not shown');
    // Nothing to load: all addresses are anchors and data.
    const addresses = [...text.matchAll(/\b(?:src|href)="([^"]*)"/g)].map(([, address]) => address!);
    expect(addresses.length).toBeGreaterThan(20);
    expect(addresses.filter((address) => !/^(#|data:image\/png;base64,|data:,$)/.test(address))).toEqual([]);
    expect(page).not.toMatch(/@import|url\(/);
  });

  test('allows its own scripts and styles alone', async () => {
    await train([new Report(file)], { epochs: 1 });
    const page = await read();
    const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]*)"/
      .exec(page)![1]!
      .replaceAll('&#39;', "'");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'none'");
    expect(policy).not.toContain('unsafe');
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const inline = [...page.matchAll(/<(?:script|style)>(.*?)<\/(?:script|style)>/gs)];
    expect(inline).toHaveLength(5);
    expect(page).toMatch(/uPlot\. The MIT License \(MIT\)[^]*permission notice shall be included/);
    for (const [, text] of inline) expect(policy).toContain(hash(text!));
    expect(visible(page)).not.toMatch(/\s(style|on\w+)=/);
  });

  test('names from outside are text', async () => {
    const [title, ...classes] = hostile;
    await train([new Report(file, { title: title! })], { epochs: 1, classes: classes.slice(0, 3) });
    const page = visible(await read());
    expect(page).not.toMatch(/<script>window|<img src=x|window\.broken = 4<\/script>/);
    expect(page).toContain('&lt;script&gt;window.broken = 1&lt;/script&gt;');
    expect(page).toContain('&quot;&gt;&lt;img src=x onerror=&quot;window.broken = 2&quot;&gt;');
  });

  test('is headed with the class of the model, and shows training data where there is no other', async () => {
    await train([new Report(file)], { epochs: 1, validation: false });
    const page = visible(await read());
    expect(page).toContain('<bdi id="title">Sequential</bdi>');
    expect(page).toContain('all 96 training samples');
    expect(page).not.toContain('alidation');
  });

  test('takes fewer samples where asked, or none', async () => {
    await train([new Report(file, { samples: 20 })], { epochs: 1 });
    expect(visible(await read())).toContain('20 of 66 validation samples, taken evenly');
    await train([new Report(file, { samples: 0 })], { epochs: 1 });
    expect(visible(await read())).toContain('Not shown: no samples are looked at: the option samples is 0.');
  });

  test('is written however training ends', async () => {
    const controller = new AbortController();
    const abort = { onBatchEnd: () => controller.abort(new Error('enough')) };
    await expect(train([new Report(file), abort], { signal: controller.signal })).rejects.toThrow('enough');
    expect(visible(await read())).toContain('<strong class="phase aborted">Aborted</strong>');

    const fail = { onEpochEnd: () => Promise.reject(new Error('broken')) };
    await expect(train([new Report(file), fail])).rejects.toThrow('broken');
    const failed = visible(await read());
    expect(failed).toContain('<strong class="phase failed">Failed</strong>');
    expect(failed).toContain('After epoch 1.');

    await train([new Report(file), { onEpochEnd: ({ trainer }) => trainer.stop() }], { epochs: 5 });
    const stopped = visible(await read());
    expect(stopped).toContain('<strong class="phase stopped">Stopped</strong>');
    expect(stopped).toContain('epoch 1 of 5');
  });

  test('what cannot be written is told before training begins', async () => {
    const missing = join(folder, 'missing', 'report.html');
    const warnings: string[] = [];
    let batches = 0;
    const count = {
      onBatchEnd: () => {
        batches++;
      },
    };
    await expect(train([new Report(missing), count])).rejects.toThrow(StriateError);
    await expect(train([new Report(missing), count], { warnings })).rejects.toThrow(
      `Report: cannot write ${missing}: ENOENT`,
    );
    expect(batches).toBe(0);
    expect(warnings).toEqual([]);
  });

  test('what cannot be written any more does not end training, and is told', async () => {
    const inner = await mkdtemp(join(folder, 'inner-'));
    const path = join(inner, 'report.html');
    const remove = {
      onEpochEnd: async ({ epoch }: { epoch: number }) => {
        if (epoch === 1) await rm(inner, { recursive: true });
      },
    };
    const warnings: string[] = [];
    // Half a minute goes by in each epoch, so that it is tried after each, and when training ends.
    await hurried(async () => {
      const { history } = await train([remove, new Report(path)], { epochs: 3, warnings });
      expect(history.epochs).toHaveLength(3);
    });
    expect(warnings).toHaveLength(4);
    for (const warning of warnings) {
      expect(warning).toMatch(/^Report: cannot write .*report\.html: ENOENT.*; training goes on$/);
    }
  });

  test('of training that goes on from a checkpoint, has the epochs before it', async () => {
    await train([new Checkpoint({ folder })], { epochs: 2 });
    await train([new Report(file)], { epochs: 4, resume: join(folder, 'last.safetensors') });
    const page = await read();
    expect(visible(page)).toContain('epoch 4 of 4');
    expect(
      [...visible(page).matchAll(/<th scope="row">\s*(\d)/g)].slice(-20).map(([, epoch]) => epoch),
    ).toEqual(expect.arrayContaining(['4', '3', '2', '1']));
    const { charts } = JSON.parse(
      /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(page)![1]!,
    ) as Content;
    const lines = Object.fromEntries(charts[0]!.lines.map(({ kind, x }) => [kind, x]));
    expect(lines['training']).toEqual([6, 12, 18, 24]);
    expect(lines['batch']).toEqual(Array.from({ length: 12 }, (_, i) => 13 + i));
  });

  test('is written again on the way, when half a minute has gone by', async () => {
    const states: string[] = [];
    const look = {
      onEpochEnd: async () => {
        states.push(visible(await read()));
      },
    };
    await hurried(() => train([new Report(file), look]));
    expect(states[0]).toContain('After epoch 1.');
    expect(states[1]).toContain('After epoch 2.');
    expect(states[1]).toContain('<strong class="phase training">Training</strong>');
    await train([new Report(file), look]);
    expect(states[3]).not.toContain('After epoch');
  });

  test('replaces an older file as a whole', async () => {
    await writeFile(file, 'x'.repeat(1 << 22));
    await chmod(file, 0o600);
    await train([new Report(file)], { epochs: 1 });
    expect(await read()).toMatch(/^<!doctype html>[^]*<\/html>\s*$/);
  });

  test('leaves no tensors, and the same results as training without it', async () => {
    const bits = async (callbacks: Report[]) => {
      const { model, history } = await train(callbacks, { epochs: 3 });
      const weights = await Promise.all(model.parameters().map((p) => p.data()));
      model.dispose();
      return { weights, losses: history.epochs.map(({ loss, validation }) => [loss, validation]) };
    };
    const plain = await bits([]);
    const before = await tensorsAfter(() => bits([]));
    const after = await tensorsAfter(async () => expect(await bits([new Report(file)])).toEqual(plain));
    expect(after).toBe(before);
  });

  test('refuses what is no file and no option', () => {
    expect(() => new Report('')).toThrow("Report: file is '', wants the path of a file");
    expect(() => new Report(7 as unknown as string)).toThrow(/Report: file is 7/);
    expect(() => new Report('a', { samples: -1 })).toThrow(
      'Report: samples is -1, wants a whole number from 0 on',
    );
    expect(() => new Report('a', { samples: NaN })).toThrow(RangeError);
    expect(() => new Report('a', { title: 3 as unknown as string })).toThrow(
      'Report: title is 3, wants text',
    );
  });
});

/** Calls `work` while each epoch seems to take 40 s more. */
async function hurried(work: () => Promise<unknown>): Promise<void> {
  const now = performance.now.bind(performance);
  let ahead = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
  const begin = vi.spyOn(Recorder.prototype, 'epochBegin').mockImplementation(() => {
    ahead += 40_000;
  });
  try {
    await work();
    expect(begin).toHaveBeenCalled();
  } finally {
    vi.restoreAllMocks();
  }
}

/** Tensors more than before, but for those that nobody holds any more. */
async function tensorsAfter(work: () => Promise<unknown>): Promise<number> {
  await collectGarbage();
  const before = memory().liveTensors;
  await work();
  await collectGarbage();
  return memory().liveTensors - before;
}

test('batches that come as they come have curves, and no predictions', async () => {
  const report = new Report(file);
  const iterable: Callback = {
    onTrainBegin: (event) =>
      report.onTrainBegin({
        ...event,
        batches: undefined,
        train: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('taken')) }) },
        validation: undefined,
      }),
    onEpochBegin: () => report.onEpochBegin(),
    onBatchEnd: (event) => report.onBatchEnd(event),
    onEpochEnd: (event) => report.onEpochEnd(event),
    onTrainEnd: (event) => report.onTrainEnd(event),
  };
  await train([iterable]);
  const page = visible(await read());
  expect(page).toMatch(/epoch 2 of 2, batch\s+6</);
  expect(page).toContain('training goes over batches as they come, and there is no validation data');
});
