import { promisify } from 'node:util';
import { deflate, deflateSync } from 'node:zlib';
import type { Picture } from '../visual/png.js';

const deflated = promisify(deflate);

/** Bytes that are compressed sooner than another thread is asked to. */
const few = 2048;

function compress(bytes: Buffer): Buffer | Promise<Buffer> {
  // A window that is no larger than what there is: making room for one is most of the work.
  return bytes.length <= few ? deflateSync(bytes, { windowBits: 9, memLevel: 1 }) : deflated(bytes);
}

/** A picture as the address of an image that is its own contents, a PNG; if large, compressed beside JavaScript's thread. */
export async function pngAddress(picture: Picture): Promise<string> {
  return `data:image/png;base64,${(await pngOf(picture)).toString('base64')}`;
}

/** A PNG file (ISO/IEC 15948) of 8 bits a channel, its rows unfiltered. */
export async function pngOf({ width, height, channels, data }: Picture): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 3 ? 2 : 0, 0, 0, 0], 8);
  const row = width * channels;
  const rows = Buffer.alloc(height * (row + 1));
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', await compress(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, contents: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), contents]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(contents.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(checksum(body), body.length + 4);
  return whole;
}

/** CRC-32 by bytes: zlib.crc32 came with Node 22. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

function checksum(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ remainders[(remainder ^ byte) & 255]!;
  return (remainder ^ 0xffffffff) >>> 0;
}
