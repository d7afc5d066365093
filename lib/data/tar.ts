import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

const blockBytes = 512;

/**
 * Unpacks files of an archive .tar.gz into a folder, by their last names: those that `wanted` says. The format is ustar (POSIX
 * 1003.1-1988), a block of 512 bytes before each file that says its name, its size in octal digits and its type; entries
 * of other types than plain files, links among them, are passed over, so that nothing is written elsewhere. Each
 * file appears under its name when it is complete.
 *
 * @throws Error that names the archive where it is damaged or cut short, or has none of the files
 */
export async function unpack(
  archive: string,
  folder: string,
  wanted: (name: string) => boolean,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files = new Unpacking(folder, wanted);
  try {
    await pipeline(
      createReadStream(archive),
      createGunzip({ chunkSize: 2 ** 18 }),
      async (chunks: AsyncIterable<unknown>) => {
        for await (const chunk of chunks) await files.take(chunk as Buffer);
      },
    );
    files.end();
  } catch (cause) {
    await files.abandon();
    throw new Error(
      `${archive}: cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
  if (files.unpacked.length === 0) throw new Error(`${archive}: holds none of the files that are wanted`);
  return files.unpacked;
}

/** Where in the archive the bytes are that come next. */
class Unpacking {
  readonly unpacked: string[] = [];
  readonly #folder: string;
  readonly #wanted: (name: string) => boolean;
  #header = Buffer.alloc(0);
  /** Bytes to come of the file's contents, and of the padding to a whole block. */
  #left = 0;
  #padding = 0;
  #target: { name: string; temporary: string; file: FileHandle } | null = null;

  constructor(folder: string, wanted: (name: string) => boolean) {
    this.#folder = folder;
    this.#wanted = wanted;
  }

  async take(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const bytes = chunk.subarray(at, at + this.#left);
        await this.#target?.file.writeFile(bytes);
        at += bytes.length;
        this.#left -= bytes.length;
        if (this.#left === 0) await this.#complete();
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at);
        at += skipped;
        this.#padding -= skipped;
      } else {
        const bytes = chunk.subarray(at, at + blockBytes - this.#header.length);
        this.#header = Buffer.concat([this.#header, bytes]);
        at += bytes.length;
        if (this.#header.length === blockBytes) await this.#begin(this.#header);
      }
    }
  }

  end(): void {
    if (this.#left > 0 || this.#header.length > 0) throw new Error('it is cut short');
  }

  async abandon(): Promise<void> {
    await this.#target?.file.close();
    if (this.#target) await rm(this.#target.temporary, { force: true });
  }

  async #begin(header: Buffer): Promise<void> {
    this.#header = Buffer.alloc(0);
    // Blocks of zeros end the archive.
    if (header.every((byte) => byte === 0)) return;
    const sum = parseInt(text(header, 148, 8), 8);
    const summed = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (sum !== summed) throw new Error('a header in it is damaged');
    this.#left = parseInt(text(header, 124, 12), 8);
    if (!(this.#left >= 0)) throw new Error('a header in it tells no size');
    this.#padding = (blockBytes - (this.#left % blockBytes)) % blockBytes;
    const type = text(header, 156, 1);
    const name = basename(text(header, 0, 100));
    if ((type === '' || type === '0') && this.#wanted(name)) {
      const temporary = join(this.#folder, `${name}.part`);
      this.#target = { name, temporary, file: await open(temporary, 'w') };
      if (this.#left === 0) await this.#complete();
    }
  }

  async #complete(): Promise<void> {
    if (!this.#target) return;
    const { name, temporary, file } = this.#target;
    await file.sync();
    await file.close();
    this.#target = null;
    await rename(temporary, join(this.#folder, name));
    this.unpacked.push(name);
  }
}

/** Up to the first zero. */
function text(header: Buffer, at: number, length: number): string {
  return header
    .toString('latin1', at, at + length)
    .split('\0')[0]!
    .trim();
}
