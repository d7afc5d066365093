import { open, stat } from 'node:fs/promises';
import { arrays, codes, readElements, type StoredArray, type StoredTensor } from './elements.js';
import { elementCount, headerLength, lengthBytes, parseHeader, type Header, type Place } from './header.js';

/** What bytes are read from. */
export interface Source {
  /** Stands for it in errors. */
  readonly name: string;
  readonly size: number;
  /** Reads bytes from a position on, until `into` is full or the source ends; tells how many. */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** Bytes that are read at a time: a whole number of elements of any type. */
const piece = 2 ** 22;

/** @throws Error that names the file, where it cannot be opened or is none */
export async function openSource(path: string): Promise<Source> {
  try {
    // To open what is no file, as a pipe, may take for ever.
    if (!(await stat(path)).isFile()) throw new Error('it is no file');
    const file = await open(path, 'r');
    const { size } = await file.stat();
    return {
      name: path,
      size,
      read: async (into, position) => (await file.read(into, 0, into.length, position)).bytesRead,
      close: () => file.close(),
    };
  } catch (cause) {
    throw new Error(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** A safetensors file that is read tensor by tensor, in pieces: what one tensor takes is all that is in memory at a time. */
export class SafetensorsReader {
  readonly header: Header;
  readonly #source: Source;
  readonly #dataStart: number;

  private constructor(source: Source, header: Header, dataStart: number) {
    this.#source = source;
    this.header = header;
    this.#dataStart = dataStart;
  }

  /** Reads and checks the header. @throws Error that names the source; see decodeSafetensors */
  static async of(source: Source): Promise<SafetensorsReader> {
    const { size, name } = source;
    const start = new Uint8Array(Math.min(lengthBytes, size));
    await filled(source, start, 0, name);
    const length = headerLength(start, size, name);
    const bytes = new Uint8Array(length);
    await filled(source, bytes, lengthBytes, name);
    const dataStart = lengthBytes + length;
    return new SafetensorsReader(source, parseHeader(bytes, size - dataStart, name), dataStart);
  }

  /** A tensor's elements. @throws Error that names the source and the tensor */
  async read({ name, code, shape, begin, end }: Place): Promise<StoredTensor> {
    const { dtype, bytes: each } = codes[code];
    const asItIs = !('read' in codes[code]);
    const label = `${this.#source.name}: tensor ${JSON.stringify(name)}`;
    try {
      const data: StoredArray = new arrays[dtype](elementCount(shape));
      const own = new Uint8Array(data.buffer);
      const between = asItIs ? null : new Uint8Array(Math.min(piece, end - begin));
      for (let from = begin; from < end; from += piece) {
        const length = Math.min(piece, end - from);
        const into = between?.subarray(0, length) ?? own.subarray(from - begin, from - begin + length);
        await filled(this.#source, into, this.#dataStart + from, label);
        if (between) readElements(code, into, data, (from - begin) / each);
      }
      return { dtype, shape, data } as StoredTensor;
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(what.startsWith(label) ? what : `${label} ${what}`, { cause });
    }
  }
}

/** Fills `into`. @throws Error that begins with `label`, where bytes cannot be read or the source ends before */
async function filled(source: Source, into: Uint8Array, position: number, label: string): Promise<void> {
  for (let done = 0; done < into.length;) {
    let count: number;
    try {
      count = await source.read(into.subarray(done), position + done);
    } catch (cause) {
      throw new Error(`${label}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    if (count === 0) throw new Error(`${label}: the file ends at byte ${position + done}`);
    done += count;
  }
}
