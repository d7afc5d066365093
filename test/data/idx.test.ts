import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Idx, parseIdx, readIdx } from '../../lib/data/idx.js';

const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

const elementBytes = { u8: 1, i8: 1, i16: 2, i32: 4, f32: 4, f64: 8 };

function expectConsistent({ type, shape, data }: Idx): void {
  expect(data.length).toBe(shape.reduce((n, size) => n * size, 1));
  expect(data.BYTES_PER_ELEMENT).toBe(elementBytes[type]);
  expect(data.byteLength).toBe(data.buffer.byteLength);
}

/** A file with a byte changed, a stretch removed or a stretch repeated. */
function corrupted(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const position = fc.nat(valid.length - 1);
  return fc.oneof(
    fc.tuple(position, fc.nat(255)).map(([at, byte]) => valid.with(at, byte)),
    fc
      .tuple(position, position)
      .map(([from, to]) => new Uint8Array(Buffer.concat([valid.subarray(0, from), valid.subarray(to)]))),
  );
}

// import struct
// print(struct.pack('>2xBB2I6H', 0x08, 2, 2, 3, ...).hex(' '))   # and so on: B, b, h, i, f, d
const vectors: [hex: string, wanted: Idx][] = [
  [
    '00 00 08 02 00000002 00000003 00 01 7f 80 fe ff',
    { type: 'u8', shape: [2, 3], data: new Uint8Array([0, 1, 127, 128, 254, 255]) },
  ],
  ['00 00 09 01 00000003 80 ff 7f', { type: 'i8', shape: [3], data: new Int8Array([-128, -1, 127]) }],
  [
    '00 00 0b 03 00000001 00000003 00000001 8000 0102 ffff',
    { type: 'i16', shape: [1, 3, 1], data: new Int16Array([-32768, 258, -1]) },
  ],
  [
    '00 00 0c 01 00000003 80000000 01020304 fffffffe',
    { type: 'i32', shape: [3], data: new Int32Array([-2147483648, 16909060, -2]) },
  ],
  [
    '00 00 0d 01 00000004 3fc00000 bd4ccccd ff800000 00000001',
    { type: 'f32', shape: [4], data: new Float32Array([1.5, -0.05, -Infinity, 1.401298464324817e-45]) },
  ],
  [
    '00 00 0e 01 00000002 400921fb54442d18 bfb999999999999a',
    { type: 'f64', shape: [2], data: new Float64Array([Math.PI, -0.1]) },
  ],
  ['00 00 08 03 00000000 0000001c 0000001c', { type: 'u8', shape: [0, 28, 28], data: new Uint8Array() }],
  [
    '00 00 08 08 00000001 00000001 00000001 00000002 00000001 00000001 00000001 00000001 05 06',
    { type: 'u8', shape: [1, 1, 1, 2, 1, 1, 1, 1], data: new Uint8Array([5, 6]) },
  ],
];

describe('parseIdx', () => {
  for (const [hex, wanted] of vectors) {
    it(`reads ${wanted.type} of shape [${wanted.shape.join(', ')}]`, () => {
      expect(parseIdx(fromHex(hex), 'f')).toEqual(wanted);
    });

    it(`rejects ${wanted.type} of shape [${wanted.shape.join(', ')}] cut short anywhere, or longer`, () => {
      const bytes = fromHex(hex);
      for (let length = 0; length < bytes.length; length++) {
        expect(() => parseIdx(bytes.subarray(0, length), 'some.idx')).toThrow(
          /^some\.idx: IDX file is cut short: /,
        );
      }
      expect(() => parseIdx(new Uint8Array([...bytes, 0]), 'some.idx')).toThrow(
        /^some\.idx: IDX file has trailing bytes: /,
      );
    });
  }

  it('copies, from any offset, and leaves the bytes alone', () => {
    const padded = fromHex('ff 0000 0e 01 00000001 400921fb54442d18 ff');
    const before = padded.slice();
    const { data } = parseIdx(padded.subarray(1, -1), 'f');
    expect([...data]).toEqual([Math.PI]);
    data[0] = 0;
    expect(padded).toEqual(before);
  });

  const rejected: [why: string, hex: string, message: string][] = [
    ['gzip', '1f8b0800 00000000', 'f: not an IDX file: starts with 1f 8b 08 00, wanted 00 00, a type'],
    ['an unknown element type', '00000a01 00000000', 'f: not an IDX file: starts with 00 00 0a 01'],
    ['little-endian words', '03080000 00000000', 'f: not an IDX file: starts with 03 08 00 00'],
    ['rank 0', '00000800 00', 'f: IDX file has rank 0, wanted 1 to 8'],
    ['rank 9', `00000809 ${'00000001'.repeat(9)} 00`, 'f: IDX file has rank 9, wanted 1 to 8'],
    [
      'a shape that overflows',
      `00000e02 ffffffff ffffffff`,
      'f: IDX file has the impossible shape [4294967295, 4294967295]',
    ],
    [
      'another length',
      '00000b02 00000002 00000003 0000',
      'f: IDX file is cut short: i16 elements of shape [2, 3] take 24 bytes, got 14',
    ],
  ];
  for (const [why, hex, message] of rejected) {
    it(`rejects ${why}`, () => {
      expect(() => parseIdx(fromHex(hex), 'f')).toThrow(message);
    });
  }

  it('reads what is still consistent after a corruption, and rejects the rest', () => {
    const valid = fc.constantFrom(...vectors).map(([hex]) => fromHex(hex));
    fc.assert(
      fc.property(valid.chain(corrupted), (bytes) => {
        let parsed: Idx;
        try {
          parsed = parseIdx(bytes, 'some.idx');
        } catch (error) {
          expect((error as Error).message).toMatch(/^some\.idx: /);
          return;
        }
        expectConsistent(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('readIdx', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'striate-idx-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function file(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  }

  const [hex, wanted] = vectors[0]!;
  const plain = fromHex(hex);

  it('tells plain from gzip by the contents', async () => {
    const compressed = gzipSync(plain);
    expect(await readIdx(await file('plain.idx', plain))).toEqual(wanted);
    expect(await readIdx(await file('plain.gz', plain))).toEqual(wanted);
    expect(await readIdx(await file('compressed.gz', compressed))).toEqual(wanted);
    const path = await file('compressed.idx', compressed);
    expect(await readIdx(path)).toEqual(wanted);
    expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(compressed));
  });

  it('reads a gzip of many chunks', async () => {
    const pixels = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) >> 7);
    const header = fromHex('00 00 08 01 002dc6c0');
    const { shape, data } = await readIdx(await file('long.gz', gzipSync(Buffer.concat([header, pixels]))));
    expect(shape).toEqual([3_000_000]);
    expect(Buffer.compare(Buffer.from(data.buffer), pixels)).toBe(0);
  });

  it('names the file when there is none', async () => {
    const path = join(folder, 'missing');
    await expect(readIdx(path)).rejects.toThrow(path);
  });

  it('rejects a gzip cut short anywhere', async () => {
    const compressed = gzipSync(plain);
    for (let length = 0; length < compressed.length; length++) {
      const path = await file('short.gz', compressed.subarray(0, length));
      await expect(readIdx(path)).rejects.toThrow(
        `${path}: ${length < 2 ? 'IDX file is cut short' : 'damaged gzip: '}`,
      );
    }
  });

  it('rejects a gzip whose checksum is wrong', async () => {
    const compressed = gzipSync(plain);
    compressed.writeUInt32LE(0, compressed.length - 8);
    const path = await file('sum.gz', compressed);
    await expect(readIdx(path)).rejects.toThrow(`${path}: damaged gzip: incorrect data check`);
  });

  it('takes zeros after a gzip as padding, and rejects other bytes', async () => {
    const compressed = gzipSync(plain);
    const padded = await file('padded.gz', Buffer.concat([compressed, Buffer.alloc(512)]));
    expect(await readIdx(padded)).toEqual(wanted);
    const path = await file('followed.gz', Buffer.concat([compressed, Buffer.from('more')]));
    await expect(readIdx(path)).rejects.toThrow(`${path}: damaged gzip: incorrect header check`);
  });

  it('rejects a gzip of something else', async () => {
    const path = await file('text.gz', gzipSync('label,pixel\n'));
    await expect(readIdx(path)).rejects.toThrow(`${path}: not an IDX file: starts with 6c 61 62 65`);
  });

  it('rejects a gzip that holds more or less than its header promises', async () => {
    const short = await file('less.gz', gzipSync(plain.subarray(0, -1)));
    await expect(readIdx(short)).rejects.toThrow(
      `${short}: IDX file is cut short: u8 elements of shape [2, 3] take 18 bytes, got 17`,
    );
    const path = await file('more.gz', gzipSync(new Uint8Array([...plain, 0])));
    await expect(readIdx(path)).rejects.toThrow(
      `${path}: IDX file has trailing bytes: inflates to more than the 18 bytes its header promises`,
    );
  });

  it('does not inflate what the header does not promise', async () => {
    const bomb = await file('bomb.gz', gzipSync(Buffer.concat([plain, Buffer.alloc(1 << 28)])));
    const before = process.memoryUsage.rss();
    await expect(readIdx(bomb)).rejects.toThrow('inflates to more than the 18 bytes');
    expect(process.memoryUsage.rss() - before).toBeLessThan(1 << 26);
  });

  it('rejects a header that promises more than the limit', async () => {
    const path = await file('huge.gz', gzipSync(fromHex('00 00 0e 02 00010000 00010000')));
    await expect(readIdx(path)).rejects.toThrow(
      `${path}: IDX file of shape [65536, 65536] inflates to 34359738380 bytes, the limit is 2147483648`,
    );
  });

  it('reads what is still consistent after a corruption of the gzip, and rejects the rest', async () => {
    const path = join(folder, 'fuzz.gz');
    await fc.assert(
      fc.asyncProperty(corrupted(new Uint8Array(gzipSync(plain))), async (bytes) => {
        await writeFile(path, bytes);
        let parsed: Idx;
        try {
          parsed = await readIdx(path);
        } catch (error) {
          expect((error as Error).message).toContain(path);
          return;
        }
        expectConsistent(parsed);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the digits that come with the package', () => {
  const digits = fileURLToPath(new URL('../../assets/digits/', import.meta.url));

  it('are 1,797 images with values up to 16', async () => {
    const { type, shape, data } = await readIdx(join(digits, 'images.idx3.gz'));
    expect([type, shape]).toEqual(['u8', [1797, 8, 8]]);
    expect(Math.max(...data)).toBe(16);
    expect([...data].reduce((sum, value) => sum + value, 0)).toBe(561718);
    expect([...data.subarray(0, 16)]).toEqual([0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
  });

  it('have labels, as many of each as the source says', async () => {
    const { type, shape, data } = await readIdx(join(digits, 'labels.idx1.gz'));
    expect([type, shape]).toEqual(['u8', [1797]]);
    const counts = new Array<number>(10).fill(0);
    for (const label of data) counts[label]! += 1;
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
  });
});

if (process.env.STRIATE_DATA !== undefined) {
  const mnist = join(process.env.STRIATE_DATA, 'mnist');

  describe('MNIST', () => {
    for (const part of ['train', 't10k']) {
      it(`has images and labels of its ${part} part`, async () => {
        const images = await readIdx(join(mnist, `${part}-images-idx3-ubyte.gz`));
        const labels = await readIdx(join(mnist, `${part}-labels-idx1-ubyte.gz`));
        expectConsistent(images);
        expectConsistent(labels);
        expect(images.type).toBe('u8');
        expect(images.shape).toEqual([labels.shape[0], 28, 28]);
        expect(new Set(labels.data)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
      });
    }
  });
}
