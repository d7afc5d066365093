// What the server of the examples does with requests that are none, while it trains.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../lib/native.js';

let child: ChildProcess;
let address: string;
let errors = '';

beforeAll(async () => {
  child = spawn(process.execPath, [join(packageRoot, 'examples', 'server.mjs'), '0', '50'], {
    cwd: packageRoot,
  });
  child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  address = /http:\/\/127\.0\.0\.1:\d+/.exec(line.toString())![0];
});
afterAll(async () => {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, 'exit');
});

const zeros = Array.from({ length: 1024 }, () => 0);

async function post(body: string): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${address}/predict`, { method: 'POST', body });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

async function expectAnswer(): Promise<void> {
  const { status, answer } = await post(JSON.stringify({ image: zeros }));
  expect(status).toBe(200);
  expect(answer.label).toBeGreaterThanOrEqual(0);
  expect(answer.probability).toBeGreaterThan(0);
}

test.each<[string, string, number, RegExp]>([
  ['nothing', '', 400, /the body is not JSON/],
  ['no JSON', '{"image": [', 400, /the body is not JSON/],
  ['NaN', JSON.stringify({ image: zeros }).replace('0', 'NaN'), 400, /the body is not JSON/],
  ['null for all', 'null', 400, /the body is not JSON like/],
  ['no image', '{}', 400, /image is undefined, wants 1024 numbers: 32×32×1/],
  ['text for an image', '{"image": "4"}', 400, /image is string, wants 1024 numbers/],
  ['too few pixels', JSON.stringify({ image: zeros.slice(1) }), 400, /image is an array of 1023, wants 1024/],
  ['too many pixels', JSON.stringify({ image: [...zeros, 0] }), 400, /image is an array of 1025/],
  [
    'null for a pixel',
    JSON.stringify({ image: zeros.with(3, NaN) }),
    400,
    /image\[3\] is null, wants a number/,
  ],
  ['infinity', JSON.stringify({ image: zeros }).replace('0', '1e999'), 400, /image\[0\] is Infinity/],
  ['what is too bright', JSON.stringify({ image: zeros.with(9, 1.5) }), 400, /image\[9\] is 1.5, wants/],
  ['too much', JSON.stringify({ image: zeros, more: 'x'.repeat(200_000) }), 413, /more than 65536 bytes/],
])('refuses %s, and goes on', async (_, body, status, message) => {
  const refused = await post(body);
  expect([refused.status, refused.answer.error]).toEqual([status, expect.stringMatching(message)]);
  await expectAnswer();
});

test('refuses other places and methods', async () => {
  expect((await fetch(`${address}/other`)).status).toBe(404);
  expect((await fetch(`${address}/predict`)).status).toBe(405);
  expect((await fetch(address, { method: 'DELETE' })).status).toBe(405);
  const standing = (await (await fetch(address)).json()) as Record<string, unknown>;
  expect(standing).toMatchObject({ shape: [32, 32, 1] });
});

test('goes on after clients that break off, send no HTTP, or far too much', async () => {
  const port = Number(new URL(address).port);
  const head = 'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n';
  for (const start of ['\0\0\0\r\n\r\n', 'GET // HTTP/1.1\r\nHost: x\r\n\r\n', head, `${head}{"image": [`]) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(start);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await expectAnswer();
  }
  const flood = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(flood, 'connect');
  let answer = '';
  flood.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  flood.write(head);
  const closed = once(flood, 'close');
  while (!flood.destroyed && answer === '') {
    flood.write('x'.repeat(65_536));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await closed;
  await expectAnswer();
});

test('takes many at once: answers each, or says that there are too many', async () => {
  const body = JSON.stringify({ image: zeros });
  const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await post(body)).status));
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(10);
  expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
  await expectAnswer();
  expect([child.exitCode, errors]).toEqual([null, '']);
});
