import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../lib/io/atomicFile.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-atomic-'));
  path = join(folder, 'weights.bin');
});
afterEach(() => rm(folder, { recursive: true }));

describe('writeFileAtomically', () => {
  it('creates a file', async () => {
    await writeFileAtomically(path, new Uint8Array([1, 2, 3]));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(['weights.bin']);
  });

  it('replaces a file, with less than it had', async () => {
    await writeFile(path, 'a longer old text');
    await writeFileAtomically(path, Buffer.from('new'));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['weights.bin']);
  });

  it('writes only the part that a view shows', async () => {
    await writeFileAtomically(path, new Uint8Array([9, 1, 2, 9]).subarray(1, 3));
    expect([...(await readFile(path))]).toEqual([1, 2]);
  });

  it('takes the longest name that the file system does', async () => {
    const name = 'n'.repeat(255);
    await writeFileAtomically(join(folder, name), new Uint8Array(1));
    expect(await readdir(folder)).toEqual([name]);
  });

  it('keeps the old file and leaves nothing behind when writing fails', async () => {
    await writeFile(path, 'old');
    const notBytes = 7 as unknown as Uint8Array;
    await expect(writeFileAtomically(path, notBytes)).rejects.toThrow(`cannot write ${path}: `);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['weights.bin']);
  });

  it('leaves nothing behind when renaming fails', async () => {
    await mkdir(path);
    await writeFile(join(path, 'inside'), 'kept');
    await expect(writeFileAtomically(path, new Uint8Array(8))).rejects.toThrow(`cannot write ${path}: `);
    expect(await readdir(folder)).toEqual(['weights.bin']);
    expect(await readFile(join(path, 'inside'), 'utf8')).toBe('kept');
  });

  it('tells which file it could not write, and why', async () => {
    const missing = join(folder, 'missing', 'weights.bin');
    await expect(writeFileAtomically(missing, new Uint8Array(1))).rejects.toMatchObject({
      message: expect.stringContaining(`cannot write ${missing}: ENOENT`) as string,
      cause: { code: 'ENOENT' },
    });
  });

  it('never shows a reader a part, while several write', async () => {
    const size = 1 << 18;
    await writeFileAtomically(path, new Uint8Array(size));
    let writing = true;
    const reader = (async () => {
      while (writing) {
        const bytes = await readFile(path);
        expect(bytes.length).toBe(size);
        expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
      }
    })();
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => writeFileAtomically(path, new Uint8Array(size).fill(i))),
    );
    writing = false;
    await reader;
    expect(await readdir(folder)).toEqual(['weights.bin']);
  });
});
