import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { downloadPublished, published, type Published } from '../../lib/data/download.js';
import { unpack } from '../../lib/data/tar.js';
import { data } from '../../lib/index.js';
import { noise } from '../check.js';
import { hangsAfter, Loopback, refuses, sends } from './server.js';

let folder: string;
let server: Loopback;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
  server = await Loopback.start();
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const content = Buffer.from(noise(200_000, 4).map((v) => 128 + 120 * v));
const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const quick = { pause: 1, retries: 2, timeout: 2000 } as const;

describe('downloadFile', () => {
  const file = () => join(folder, 'deep', 'file.bin');
  const get = (options: data.DownloadOptions = {}, bytes: Uint8Array = content) =>
    data.downloadFile(`${server.url}file.bin`, file(), sum(bytes), { ...quick, ...options });
  const there = () => readFile(file());

  test('downloads once, and tells how far it is', async () => {
    server.answers = [sends(content)];
    const states: data.DownloadState[] = [];
    await get({ progress: (state) => states.push(state) });
    expect((await there()).equals(content)).toBe(true);
    expect(await readdir(join(folder, 'deep'))).toEqual(['file.bin']);
    expect(states.at(-1)).toEqual({ url: `${server.url}file.bin`, bytes: 200_000, total: 200_000 });
    expect(states.map(({ bytes }) => bytes)).toEqual(states.map(({ bytes }) => bytes).sort((a, b) => a - b));
    await get();
    expect(server.ranges).toHaveLength(1);
  });

  test('goes on where the connection broke off, however often', async () => {
    server.answers = [sends(content, { most: 50_000 })];
    await get({ retries: 1 });
    expect((await there()).equals(content)).toBe(true);
    expect(server.ranges[0]).toBeUndefined();
    expect(server.ranges.length).toBeGreaterThanOrEqual(4);
    for (const range of server.ranges.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('goes on in a later call', async () => {
    server.answers = [sends(content, { most: 70_000 })];
    await expect(get({ retries: 0 })).rejects.toThrow(/file\.bin: .*; given up after 1 tries$/);
    const part = await readFile(`${file()}.part`);
    expect(part.length).toBeGreaterThan(0);
    expect(content.subarray(0, part.length)).toEqual(part);
    server.answers = [sends(content)];
    await get();
    expect((await there()).equals(content)).toBe(true);
    expect(server.ranges.at(-1)).toBe(`bytes=${part.length}-`);
  });

  test('begins anew where the server ignores what is asked for', async () => {
    server.answers = [sends(content, { most: 60_000, ranges: false }), sends(content, { ranges: false })];
    await get();
    expect((await there()).equals(content)).toBe(true);
  });

  test('finds a part that is complete, or of something else', async () => {
    server.answers = [sends(content)];
    for (const part of [content, content.subarray(10), Buffer.concat([content, content])]) {
      await rm(file(), { force: true });
      await mkdir(join(folder, 'deep'), { recursive: true });
      await writeFile(`${file()}.part`, part);
      await get();
      expect((await there()).equals(content)).toBe(true);
    }
  });

  test('tells both sums of wrong bytes, and leaves a file that is there', async () => {
    await mkdir(join(folder, 'deep'));
    await writeFile(file(), 'an older one');
    const wrong = content.map((byte, i) => (i === 1000 ? byte ^ 1 : byte));
    server.answers = [sends(wrong)];
    await expect(get()).rejects.toThrow(
      `${server.url}file.bin: what came (200000 bytes) has the SHA-256 sum ${sum(wrong)}, wants ${sum(content)}`,
    );
    expect(await readdir(join(folder, 'deep'))).toEqual(['file.bin']);
    expect(await readFile(file(), 'utf8')).toBe('an older one');
    server.answers = [sends(content)];
    await get();
    expect((await there()).equals(content)).toBe(true);
  });

  test('gives up a server that is silent', async () => {
    server.answers = [() => undefined];
    await expect(get({ timeout: 60, retries: 1 })).rejects.toThrow(
      /file\.bin: no byte came for 60 ms; given up after 2 tries$/,
    );
    expect(server.ranges).toHaveLength(2);
    server.answers = [hangsAfter(content, 1000), sends(content)];
    await get({ timeout: 400 });
    expect((await there()).equals(content)).toBe(true);
    expect(server.ranges[3]).toBe('bytes=1000-');
  });

  test('tries again what passes, not what does not', async () => {
    server.answers = [refuses(503), sends(content)];
    await get();
    server.answers = [refuses(404)];
    await rm(file());
    const before = server.ranges.length;
    await expect(get()).rejects.toThrow(/file\.bin: the server answered 404 Not Found$/);
    expect(server.ranges).toHaveLength(before + 1);
    server.answers = [refuses(500)];
    await expect(get()).rejects.toThrow(
      /the server answered 500 Internal Server Error; given up after 3 tries$/,
    );
  });

  test('ends where it is told to, and keeps what has come', async () => {
    server.answers = [hangsAfter(content, 5000)];
    const controller = new AbortController();
    const aborted = get({ signal: controller.signal, progress: () => controller.abort(new Error('enough')) });
    await expect(aborted).rejects.toThrow(/^enough$/);
    expect(await readFile(`${file()}.part`)).toEqual(content.subarray(0, 5000));
    await expect(get({ signal: controller.signal })).rejects.toThrow(/^enough$/);
    server.answers = [sends(content)];
    await get();
  });

  test('names what cannot be reached or written, and options that are none', async () => {
    const { url } = server;
    await server.stop();
    await expect(data.downloadFile(url, file(), sum(content), quick)).rejects.toThrow(/: cannot be reached: .*ECONNREFUSED/);
    server = await Loopback.start();
    server.answers = [sends(content)];
    await rm(join(folder, 'deep'), { recursive: true });
    await writeFile(join(folder, 'deep'), 'no folder');
    await expect(get()).rejects.toThrow(/cannot make the folder of|ENOTDIR/);
    await expect(get({ timeout: 0 })).rejects.toThrow(/^downloadFile: timeout is 0/);
    await expect(get({ retries: -1 })).rejects.toThrow(/^downloadFile: retries is -1/);
    await expect(get({ tries: 1 } as never)).rejects.toThrow(/^downloadFile: option 'tries' is unknown/);
  }); // prettier-ignore
});

/** An archive as the system's tar makes them, of files in a folder. */
async function archived(files: Record<string, Uint8Array>): Promise<Buffer> {
  const inside = join(folder, 'archive', 'some-batches');
  await mkdir(inside, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(inside, name), bytes);
  const archive = join(folder, 'archive.tar.gz');
  await promisify(execFile)('tar', ['-czf', archive, '-C', join(folder, 'archive'), 'some-batches']);
  return readFile(archive);
}

describe('unpack', () => {
  test('writes the files that are wanted, whole', async () => {
    const files = {
      'a.bin': content,
      'b.bin': content.subarray(0, 512),
      'c.bin': Buffer.alloc(0),
      'd.txt': content,
    };
    await archived(files);
    const out = join(folder, 'out');
    const unpacked = await unpack(join(folder, 'archive.tar.gz'), out, (name) => name.endsWith('.bin'));
    expect(unpacked.sort()).toEqual(['a.bin', 'b.bin', 'c.bin']);
    expect((await readdir(out)).sort()).toEqual(['a.bin', 'b.bin', 'c.bin']);
    for (const name of unpacked)
      expect((await readFile(join(out, name))).equals(files[name as 'a.bin'])).toBe(true);
  });

  test('refuses archives that are damaged, cut short, or hold something else', async () => {
    const bytes = await archived({ 'a.bin': content });
    const archive = join(folder, 'other.tar.gz');
    const out = join(folder, 'out');
    for (const part of [bytes.subarray(0, bytes.length / 2), bytes.subarray(0, 100), Buffer.from('no archive')]) {
      await writeFile(archive, part);
      await expect(unpack(archive, out, () => true)).rejects.toThrow(/other\.tar\.gz: cannot be unpacked: /);
    }
    expect(await readdir(out)).toEqual([]);
    await writeFile(archive, bytes);
    await expect(unpack(archive, out, () => false)).rejects.toThrow(/other\.tar\.gz: holds none of the files/);
    await expect(unpack(join(folder, 'none.tar.gz'), out, () => true)).rejects.toThrow(/none\.tar\.gz: cannot be unpacked: ENOENT/);
  }); // prettier-ignore
});

describe('download', () => {
  const set = (files: Record<string, Uint8Array>, more: Partial<Published> = {}): Published => ({
    from: [server.url],
    files: Object.entries(files).map(([name, bytes]) => ({ name, bytes: bytes.length, sha256: sum(bytes) })),
    ...more,
  });
  const get = (what: Published) =>
    downloadPublished('some', what, { cacheDir: folder, progress: false, ...quick });

  test('brings all files of a set, and only those that are not there', async () => {
    const small = content.subarray(0, 999);
    const what = set({ one: content, two: small });
    server.answers = [sends(content), sends(small)];
    const into = await get(what);
    expect(into).toBe(join(folder, 'some'));
    expect((await readFile(join(into, 'one'))).equals(content)).toBe(true);
    expect((await readFile(join(into, 'two'))).equals(small)).toBe(true);
    await rm(join(into, 'two'));
    server.answers = [sends(small)];
    expect(await get(what)).toBe(into);
    expect(server.ranges).toHaveLength(3);
  });

  test('unpacks an archive, once', async () => {
    const bytes = await archived({ 'train.bin': content, 'test.bin': content.subarray(7) });
    const what = set({ 'some.tar.gz': bytes }, { unpacked: { 'train.bin': 200_000, 'test.bin': 199_993 } });
    server.answers = [sends(bytes)];
    const into = await get(what);
    expect((await readdir(into)).sort()).toEqual(['test.bin', 'train.bin']);
    expect((await readFile(join(into, 'train.bin'))).equals(content)).toBe(true);
    await get(what);
    expect(server.ranges).toHaveLength(1);
    await expect(get({ ...what, unpacked: { 'train.bin': 200_000, 'more.bin': 1 } })).rejects.toThrow(
      /lacks files of some after unpacking$/,
    );
  });

  test('tries the next address where one fails', async () => {
    const from = ['http://127.0.0.1:1/', server.url];
    server.answers = [sends(content)];
    const into = await get(set({ one: content }, { from }));
    expect((await readFile(join(into, 'one'))).equals(content)).toBe(true);
    await rm(join(into, 'one'));
    server.answers = [refuses(404)];
    await expect(get(set({ one: content }, { from }))).rejects.toThrow(/cannot be reached.*; .*answered 404/);
  });

  test('tells how far it is to a function', async () => {
    server.answers = [sends(content)];
    let last: data.DownloadState | undefined;
    const progress = (state: data.DownloadState) => (last = state);
    await downloadPublished('some', set({ one: content }), { cacheDir: folder, ...quick, progress });
    expect(last).toMatchObject({ bytes: 200_000, total: 200_000 });
  });

  test('knows four sets, and where to keep them', async () => {
    for (const { from, files, unpacked } of Object.values(published)) {
      for (const base of from) expect(new URL('name', base).href).toBe(`${base}name`);
      for (const { bytes, sha256 } of files) {
        expect(sha256).toMatch(/^[0-9a-f]{64}$/);
        expect(bytes).toBeGreaterThan(1000);
      }
      // Records of CIFAR-10 and CIFAR-100.
      for (const bytes of Object.values(unpacked ?? {})) expect([bytes % 3073, bytes % 3074]).toContain(0);
    }
    await expect(data.download('imagenet' as never)).rejects.toThrow(
      /^download: name is 'imagenet', wants 'mnist' or 'fashion-mnist' or 'cifar10' or 'cifar100'$/,
    );
    await expect(data.download('mnist', { dir: 'x' } as never)).rejects.toThrow(
      /^download: option 'dir' is unknown/,
    );
    const before = process.env.STRIATE_CACHE;
    try {
      process.env.STRIATE_CACHE = join(folder, 'here');
      expect(data.cacheFolder()).toBe(join(folder, 'here'));
      delete process.env.STRIATE_CACHE;
      expect(data.cacheFolder()).toMatch(/striate$/);
    } finally {
      if (before === undefined) delete process.env.STRIATE_CACHE;
      else process.env.STRIATE_CACHE = before;
    }
    await expect(access(join(folder, 'here'))).rejects.toThrow();
  });
});
