import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { completed, requireNumber, requireWhole } from '../optim/options.js';

/** How far a download is. */
export interface DownloadState {
  url: string;
  /** Bytes that are there, of those that there will be, where that is known. */
  bytes: number;
  total: number | undefined;
}

export interface DownloadOptions {
  /** Called as bytes come. */
  progress?: ((state: DownloadState) => void) | undefined;
  /** Milliseconds without a byte after which the connection is given up. Default: 30,000. */
  timeout?: number | undefined;
  /** How often a connection that broke off is made anew, counted from the last that brought bytes. Default: 4. */
  retries?: number | undefined;
  /** Milliseconds before the first new try, then twice as many each time. Default: 500. */
  pause?: number | undefined;
  /** Ends the download; what has come stays, to go on from. */
  signal?: AbortSignal | undefined;
}

type Checked = Required<DownloadOptions> & { timeout: number; retries: number; pause: number };

const defaults: Checked = {
  progress: undefined,
  timeout: 30_000,
  retries: 4,
  pause: 500,
  signal: undefined,
};

/** Statuses that another try may do away with. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Downloads a file and checks its sum. What has come of it lies beside it as `FILE.part` until all is there and right; a
 * download that was broken off goes on from there, where the server can (a Range request; RFC 9110). A file that is there
 * with this sum is not downloaded again, one with another sum stays until the right one is complete.
 *
 * @param sha256 of the whole file, in hexadecimal digits
 * @throws Error that names the address, where the server cannot be reached, refuses, is silent for too long, breaks off too
 *   often, or sends something of another sum (both sums are told); the signal's reason
 */
export async function downloadFile(
  url: string,
  file: string,
  sha256: string,
  options: DownloadOptions = {},
): Promise<void> {
  const checked = completed('downloadFile', defaults, options as Checked);
  requireNumber('downloadFile: timeout', checked.timeout, 1);
  requireWhole('downloadFile: retries', checked.retries, 0);
  requireNumber('downloadFile: pause', checked.pause, 0);
  const wanted = sha256.toLowerCase();
  if ((await sumOf(file)) === wanted) return;
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw new Error(`${url}: cannot make the folder of ${file}: ${(cause as Error).message}`, { cause });
  });
  const part = `${file}.part`;
  const resumed = (await bytesOf(part)) > 0;
  await complete(url, part, checked);
  let sum = await sumOf(part);
  if (sum !== wanted && resumed) {
    // What lay there was of something else.
    await rm(part, { force: true });
    await complete(url, part, checked);
    sum = await sumOf(part);
  }
  if (sum !== wanted) {
    const bytes = await bytesOf(part);
    await rm(part, { force: true });
    throw new Error(
      `${url}: what came (${bytes} bytes) has the SHA-256 sum ${sum ?? 'of nothing'}, wants ${wanted}`,
    );
  }
  await rename(part, file);
}

/** The SHA-256 sum of a file; null where there is none. */
export async function sumOf(file: string): Promise<string | null> {
  // Loaded when it is needed: it takes a while.
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return hash.digest('hex');
}

async function bytesOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Asks for what is not there yet, again and again, until the server has sent all. */
async function complete(url: string, part: string, options: Checked): Promise<void> {
  for (let failures = 0; ;) {
    options.signal?.throwIfAborted();
    const before = await bytesOf(part);
    try {
      await attempt(url, part, before, options);
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof Refusal) throw error;
      if ('syscall' in (error as object)) {
        throw new Error(`${url}: cannot write ${part}: ${(error as Error).message}`, { cause: error });
      }
      failures = (await bytesOf(part)) > before ? 1 : failures + 1;
      if (failures > options.retries) {
        throw new Error(`${url}: ${reasonOf(error)}; given up after ${failures} tries`, { cause: error });
      }
    }
    await pauseFor(options.pause * 2 ** (failures - 1), options.signal);
  }
}

/** What no other try will change. */
class Refusal extends Error {}

/** One request, from the byte `from` on. */
async function attempt(url: string, part: string, from: number, options: Checked): Promise<void> {
  const silence = new Silence(options.timeout, options.signal);
  // Open before an answer comes: what is not read at once is lost where the connection breaks off.
  const file = await openedOrMade(part);
  let at = from;
  try {
    const response = await fetch(url, {
      // Of a compressed answer the sum would be another.
      headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      signal: silence.signal,
    });
    const rest = response.status === 206 && startOf(response) === from;
    if (response.status === 416 || (response.status === 206 && !rest)) {
      // There is nothing after what is there: it may be all, or of something else. The sum tells.
      await response.body?.cancel();
      if (response.status === 416) return;
      throw new Refusal(
        `${url}: sent another part than was asked for: ${response.headers.get('content-range')}`,
      );
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      const status = `${url}: the server answered ${response.status} ${response.statusText}`.trimEnd();
      throw passing.has(response.status) ? new Error(status) : new Refusal(status);
    }
    const start = rest ? from : 0;
    const length = Number(response.headers.get('content-length') ?? NaN);
    const total = Number.isNaN(length) ? undefined : start + length;
    at = start;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      silence.broken();
      await file.write(chunk, 0, chunk.length, at);
      at += chunk.length;
      options.progress?.({ url, bytes: at, total });
    }
    if (total !== undefined && at < total) throw new Error(`broke off after ${at} of ${total} bytes`);
    await file.truncate(at);
    await file.sync();
  } catch (error) {
    throw silence.over ? new Error(`no byte came for ${options.timeout} ms`, { cause: error }) : error;
  } finally {
    silence.end();
    // Of a server that begins anew, nothing stays of what was there before.
    if (at < from) await file.truncate(at);
    await file.close();
  }
}

async function openedOrMade(file: string): Promise<FileHandle> {
  await (await open(file, 'a')).close();
  return open(file, 'r+');
}

/** Aborts where nothing is heard for too long, or when the caller does. */
class Silence {
  over = false;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #abort = (): void => this.#controller.abort(this.#outer?.reason);

  constructor(timeout: number, outer: AbortSignal | undefined) {
    this.#outer = outer;
    outer?.addEventListener('abort', this.#abort, { once: true });
    this.#timer = setTimeout(() => {
      this.over = true;
      this.#controller.abort();
    }, timeout);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  broken(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }
}

/** The first byte of a part, as `Content-Range: bytes 5-9/10` tells. */
function startOf(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? NaN);
}

/** fetch() itself only says that it failed. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && message === 'fetch failed'
    ? `cannot be reached: ${cause.message}`
    : message;
}

async function pauseFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const abort = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}
