import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { imageExtensions } from '../data/imageFolder.js';

/**
 * The files of paths, with the images in folders, however deep, in the order of their paths.
 *
 * @throws Error that names a path that is not there, or a folder without images
 */
export async function imageFiles(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map(async (path) => {
      const entry = await stat(path).catch((cause: unknown) => {
        throw new Error(`${path}: is not there, or cannot be read`, { cause });
      });
      if (!entry.isDirectory()) return [path];
      const inside = (await readdir(path, { recursive: true, withFileTypes: true }))
        .filter((file) => !file.isDirectory())
        .filter(
          ({ name }) =>
            !name.startsWith('.') && imageExtensions.some((end) => name.toLowerCase().endsWith(end)),
        )
        .map((file) => join(file.parentPath, file.name))
        .sort();
      if (inside.length === 0) throw new Error(`${path}: holds no images (${imageExtensions.join(', ')})`);
      return inside;
    }),
  );
  return found.flat();
}
