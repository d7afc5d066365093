// Puts what tsc wrote into few files, as the package carries it: Node takes longer to find and link hundreds of modules than to
// compile them. Dynamic imports stay files of their own.
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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

// What `striate build` compiles against: it has no network and no package manager to ask for it.
const require = createRequire(import.meta.url);
const headers = {
  'node-addon-api': ['LICENSE.md', 'napi.h', 'napi-inl.h', 'napi-inl.deprecated.h'],
  'node-api-headers': ['LICENSE', 'include', 'def/node_api.def'],
};
for (const [name, parts] of Object.entries(headers)) {
  const folder = dirname(require.resolve(`${name}/package.json`));
  for (const part of parts)
    cpSync(join(folder, part), join(root, 'bundle/headers', name, part), { recursive: true });
}
