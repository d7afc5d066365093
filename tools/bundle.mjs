// Puts what tsc wrote into few files, as the package carries it: Node takes longer to find and link hundreds of modules than to
// compile them. Dynamic imports stay files of their own.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const packages = Object.keys({ ...dependencies, ...peerDependencies });
const bundle = await rolldown({
  input: { index: join(root, 'dist/index.js'), main: join(root, 'dist/cli/main.js') },
  platform: 'node',
  external: (id) =>
    id.startsWith('node:') || packages.some((name) => id === name || id.startsWith(`${name}/`)),
});
rmSync(join(root, 'bundle'), { recursive: true, force: true });
// Names stay: errors and summaries show those of classes.
await bundle.write({ dir: join(root, 'bundle'), format: 'esm', keepNames: true, comments: false });
await bundle.close();
