import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';

export interface AtomicOptions {
  /**
   * Whether nobody else writes this file at the same time: its temporary file has a name of its own then, and replaces one
   * that a process left behind when it was killed. Default: false.
   */
  readonly oneWriter?: boolean;
}

type Contents = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file so that whoever opens `path`, at any moment and after any crash, finds the old contents or the
 * new ones, never a part: the bytes go to a temporary file in the same folder and onto the disk, and that file
 * is then renamed. A symbolic link at `path` is replaced, not followed.
 *
 * @param path the file to create or replace; its folder must exist
 * @param bytes the whole contents, or parts of it one after the other; must not change until the promise settles, each part
 *   until the next is asked for
 * @throws Error that names `path`, with the file system's error as its cause; the old file is then as it was,
 *   and the temporary one is gone
 */
export async function writeFileAtomically(
  path: string,
  bytes: Contents,
  { oneWriter = false }: AtomicOptions = {},
): Promise<void> {
  const folder = dirname(path);
  // Never longer than the file's own name may be.
  const mark = oneWriter ? crc32(basename(path)).toString(16) : crypto.randomUUID();
  const temporary = join(folder, `.striate-${mark}.tmp`);
  try {
    await writeDurably(temporary, bytes, oneWriter ? 'w' : 'wx');
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    // What went wrong first is what the caller needs to know, so a failure to clean up is not reported.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Error(`cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function writeDurably(path: string, bytes: Contents, flags: string): Promise<void> {
  const file = await open(path, flags);
  try {
    for await (const part of bytes instanceof Uint8Array ? [bytes] : bytes) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Puts the new name onto the disk, too. Windows opens no folders, and needs it not. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
