import { createServer, get, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Dashboard, StriateError, type Callback, type DashboardOptions } from '../../lib/index.js';
import type { Content } from '../../lib/report/view.js';
import { classifier, hostile, stripes, train } from './training.js';

const opened: Dashboard[] = [];
afterEach(async () => {
  for (const dashboard of opened.splice(0)) await dashboard.close();
});

/** On a port that is free, and closed after the test. */
async function serving(options: DashboardOptions = {}): Promise<{ dashboard: Dashboard; url: string }> {
  const dashboard = new Dashboard({ port: 0, ...options });
  opened.push(dashboard);
  return { dashboard, url: await dashboard.listen() };
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
}

function ask(url: string, { method = 'GET', path = '/', headers = {} } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const options = { hostname: hostname.replace(/[[\]]/g, ''), port, path, method, headers, agent: false };
    const asked = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    asked.on('error', reject).end();
  });
}

/** Listens to events, as a page does. */
class Listener {
  readonly messages: { time: number; data: Partial<Content> }[] = [];
  status = 0;
  ended = false;
  readonly #asked;
  #rest = '';

  constructor(url: string) {
    this.#asked = get(new URL('events', url), { agent: false }, (response) => {
      this.status = response.statusCode!;
      response.setEncoding('utf8').on('data', (piece: string) => this.#take(piece));
      response.on('error', () => undefined);
    });
    this.#asked.on('error', () => undefined);
  }

  async until(holds: () => boolean): Promise<void> {
    const end = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error('nothing was told in 10 s');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.#asked.destroy();
  }

  #take(piece: string): void {
    const events = (this.#rest + piece).split('\n\n');
    this.#rest = events.pop()!;
    for (const event of events) {
      if (event.startsWith('event: end')) this.ended = true;
      else if (event.startsWith('data: ')) {
        const data = JSON.parse(event.slice(6)) as Partial<Content>;
        this.messages.push({ time: performance.now(), data });
      }
    }
  }
}

describe('the page', () => {
  test('is there before training, during it, and after it until it is closed', async () => {
    const { dashboard, url } = await serving({ stay: true, title: 'Stripes' });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const before = await ask(url);
    expect(before.status).toBe(200);
    expect(before.text).toContain('Training has not begun.');
    expect(before.text).toContain('<title>Stripes · striate</title>');
    let during = '';
    const look = { onEpochEnd: async () => void (during = (await ask(url)).text) };
    await train([dashboard, look]);
    expect(during).toContain('<strong class="phase training">Training</strong>');
    expect(during).toContain('After epoch 2.');
    expect((await ask(url)).text).toContain('<strong class="phase finished">Finished</strong>');
    await dashboard.close();
    await expect(ask(url)).rejects.toThrow('ECONNREFUSED');
  });

  test('closes with training, also where that fails, and can be used again', async () => {
    const { dashboard, url } = await serving();
    await train([dashboard], { epochs: 1 });
    await expect(ask(url)).rejects.toThrow('ECONNREFUSED');
    const addresses: string[] = [];
    const fail = {
      onEpochEnd: async () => {
        addresses.push(await dashboard.listen());
        throw new Error('broken');
      },
    };
    await expect(train([dashboard, fail])).rejects.toThrow('broken');
    await expect(ask(addresses[0]!)).rejects.toThrow('ECONNREFUSED');
    await dashboard.close();
  });

  test('names from outside are text, on the page and in what is told', async () => {
    const [title, ...classes] = hostile;
    const { dashboard, url } = await serving({ stay: true, title: title! });
    await train([dashboard], { epochs: 1, classes: classes.slice(0, 3) });
    const { text } = await ask(url);
    expect(text).not.toMatch(/<script>window|<img src=x|window\.broken = 4<\/script>/);
    const listener = new Listener(url);
    await listener.until(() => listener.messages.length > 0);
    const { parts } = listener.messages[0]!.data;
    for (const markup of Object.values(parts!)) expect(markup).not.toMatch(/<script>|<img src=x/);
    expect(parts!.confusion).toContain('&lt;img src=x');
    listener.close();
  });
});

describe('the server', () => {
  test('listens on loopback alone', async () => {
    const { url } = await serving();
    const { port } = new URL(url);
    const reached = (host: string) =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ host, port: Number(port) });
        socket.on('error', () => resolve(false));
        socket.on('connect', () => {
          socket.destroy();
          resolve(true);
        });
      });
    expect(await reached('127.0.0.1')).toBe(true);
    // Another address of this machine, as of the network it is in.
    expect(await reached('127.0.0.2')).toBe(false);
    for (const host of ['0.0.0.0', '::', 'localhost', '192.168.0.1', '', 7, null]) {
      expect(() => new Dashboard({ host: host as '::1' })).toThrow(
        /Dashboard: host is .*, wants '127\.0\.0\.1' or '::1'/,
      );
    }
  });

  test('listens on IPv6 where there is any, and tells where not', async () => {
    const dashboard = new Dashboard({ port: 0, host: '::1' });
    opened.push(dashboard);
    const url = await dashboard.listen().catch((error: unknown) => error);
    if (url instanceof Error) expect(String(url)).toMatch(/Dashboard: cannot listen on port 0 of ::1: /);
    else expect((await ask(String(url))).status).toBe(200);
  });

  test('answers those who name this machine, so that no name of the web can be made to point here', async () => {
    const { url } = await serving();
    const { port } = new URL(url);
    const status = async (host: string) => (await ask(url, { headers: { host } })).status;
    expect(await status(`localhost:${port}`)).toBe(200);
    expect(await status(`127.0.0.1:${port}`)).toBe(200);
    expect(await status(`LOCALHOST:${port}`)).toBe(200);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      'localhost:1',
      `127.0.0.1.evil.example:${port}`,
    ]) {
      expect(await status(host), host).toBe(403);
    }
  });

  test('answers GET alone, and nothing but the page and its events', async () => {
    const { url } = await serving();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']) {
      const { status, headers } = await ask(url, { method });
      expect([status, headers.allow], method).toEqual([405, 'GET']);
    }
    for (const path of [
      '/package.json',
      '/../package.json',
      '/..%2fpackage.json',
      '/page.js',
      '//etc/passwd',
      '/?x',
      '/events/',
    ]) {
      expect((await ask(url, { path })).status, path).toBe(404);
    }
  });

  test('gives the browser strict rules', async () => {
    const { url } = await serving();
    const { headers } = await ask(url);
    const policy = headers['content-security-policy'];
    for (const rule of [
      "default-src 'none'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      expect(policy).toContain(rule);
    }
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test('tells no other site', async () => {
    const { url } = await serving();
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await ask(url, { path: '/events', headers })).status).toBe(403);
  });

  test('tells so many pages at once, and others when one has gone', async () => {
    const { url } = await serving({ maxClients: 2 });
    const listeners = [new Listener(url), new Listener(url)];
    for (const listener of listeners) await listener.until(() => listener.messages.length > 0);
    const refused = await ask(url, { path: '/events' });
    expect([refused.status, refused.text]).toEqual([
      503,
      'There are 2 listeners already; close another page.\n',
    ]);
    expect((await ask(url)).status).toBe(200);
    listeners[0]!.close();
    const next = new Listener(url);
    let latest = next;
    await next.until(() => {
      if (latest.status === 503) latest = new Listener(url);
      return latest.messages.length > 0;
    });
    listeners[1]!.close();
    latest.close();
  });

  test('a port that is taken is named', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const dashboard = new Dashboard({ port });
    const error = await train([dashboard]).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StriateError);
    expect(String(error)).toContain(
      `Dashboard: port ${port} of 127.0.0.1 is taken by another program; choose another, or 0 for one that is free`,
    );
    await new Promise((resolve) => other.close(resolve));
    // It is free now.
    expect(await dashboard.listen()).toBe(`http://127.0.0.1:${port}/`);
    await dashboard.close();
  });

  test('closes in time, also with pages that listen and connections that say nothing', async () => {
    const { dashboard, url } = await serving();
    const listener = new Listener(url);
    await listener.until(() => listener.messages.length > 0);
    const silent = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    silent.on('error', () => undefined);
    await new Promise((resolve) => silent.on('connect', resolve));
    const start = performance.now();
    await dashboard.close();
    expect(performance.now() - start).toBeLessThan(3000);
    await listener.until(() => listener.ended);
    silent.destroy();
  });

  test('refuses options that are none', () => {
    const wrong = (options: object) => () => new Dashboard(options);
    expect(wrong({ port: -1 })).toThrow('Dashboard: port is -1, wants a whole number from 0 to 65535');
    expect(wrong({ port: 65536 })).toThrow(RangeError);
    expect(wrong({ port: '80' })).toThrow("port is '80'");
    expect(wrong({ stay: 1 })).toThrow('Dashboard: stay is 1, wants true or false');
    expect(wrong({ maxClients: 0 })).toThrow('maxClients is 0, wants a whole number from 1 to 32');
    expect(wrong({ samples: 1.5 })).toThrow('Dashboard: samples is 1.5');
    expect(wrong({ title: {} })).toThrow('Dashboard: title is an object, wants text');
  });
});

test('what cannot be drawn ends neither the process nor training, and is told', async () => {
  const { dashboard, url } = await serving();
  const listener = new Listener(url);
  await listener.until(() => listener.messages.length > 0);
  const answers: Answer[] = [];
  const broken: Callback = {
    onEpochEnd: async ({ trainer, epoch }) => {
      const event = { trainer, epoch, batch: 1, step: 7, samples: 1, loss: 1, metrics: {}, learningRate: 1 };
      const running = () => {
        throw new Error('no mean');
      };
      dashboard.onBatchEnd(Object.defineProperty(event, 'running', { get: running }) as never);
      answers.push(await ask(url), await ask(url, { path: '/events' }));
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
  };
  const trainer = classifier();
  const warnings: string[] = [];
  const progress = { onWarning: (text: string) => void warnings.push(text) };
  await trainer.fit(stripes(32, 1), { epochs: 2, batchSize: 16, progress, callbacks: [dashboard, broken] });
  expect(warnings).toEqual(['Dashboard: the page cannot be drawn: Error: no mean; training goes on']);
  expect(trainer.history.epochs).toHaveLength(2);
  expect(answers.map(({ status }) => status)).toEqual([500, 500, 500, 500]);
  expect(answers[0]!.text).toBe('The page cannot be drawn: Error: no mean\n');
  await expect(ask(url)).rejects.toThrow('ECONNREFUSED');
});

describe('events', () => {
  test('tell everything at first, then what changes, at most four times a second, and the end', async () => {
    const { dashboard, url } = await serving();
    const listener = new Listener(url);
    await listener.until(() => listener.messages.length === 1);
    expect(listener.messages[0]!.data.parts!.status).toContain('Training has not begun.');
    const trainer = classifier();
    const slow = { onBatchEnd: () => new Promise<void>((resolve) => setTimeout(resolve, 12)) };
    await trainer.fit(stripes(320, 1), {
      ...{ epochs: 5, batchSize: 16, progress: false, validation: stripes(30, 2) },
      callbacks: [dashboard, slow],
    });
    await listener.until(() => listener.ended);
    const [, whole, ...updates] = listener.messages;
    expect(whole!.data.title).toBe('Sequential');
    expect(updates.length).toBeGreaterThan(3);
    const span = (updates.at(-1)!.time - whole!.time) / 1000;
    expect(updates.length).toBeLessThanOrEqual(4 * span + 2);
    expect(updates.every(({ data }) => data.title === undefined)).toBe(true);
    // Put together, as the page does, they are the curve.
    const x: number[] = [];
    for (const { data } of [whole!, ...updates]) {
      const batches = data
        .charts!.find(({ id }) => id === 'loss')
        ?.lines.find(({ kind }) => kind === 'batch');
      if (batches) x.splice(batches.from, Infinity, ...batches.x);
    }
    expect(x).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    const last = updates.at(-1)!.data.parts!;
    expect(last.status).toContain('Finished');
    // What has not changed is not told again: the layers came with the whole, and once more with the first update.
    expect(updates.filter(({ data }) => data.parts!.layers !== undefined).length).toBeLessThanOrEqual(1);
  });

  test('one who does not read holds up neither training nor memory', async () => {
    const { dashboard, url } = await serving();
    const { port } = new URL(url);
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.on('connect', resolve));
    socket.write(`GET /events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    socket.pause();
    await train([dashboard], { epochs: 30 });
    socket.destroy();
  });
});
