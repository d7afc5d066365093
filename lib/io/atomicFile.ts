import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a file so that whoever opens `path`, at any moment and after any crash, finds the old contents or the
 * new ones, never a part: the bytes go to a temporary file in the same folder and onto the disk, and that file
 * is then renamed. A symbolic link at `path` is replaced, not followed.
 *
 * @param path the file to create or replace; its folder must exist
 * @param bytes the whole contents; must not change until the promise settles
 * @throws Error that names `path`, with the file system's error as its cause; the old file is then as it was,
 *   and the temporary one is gone
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.striate-${randomUUID()}.tmp`);
  try {
    await writeDurably(temporary, bytes);
    await rename(temporary, path);
  } catch (cause) {
    // What went wrong first is what the caller needs to know, so a failure to clean up is not reported.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Error(`cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
