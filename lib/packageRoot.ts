import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package, from lib/ as from dist/ and bundle/. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));
