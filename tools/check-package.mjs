// `npm run check:package [-- words]`: what `npm pack` makes, as its users get it, on Debian 12 as root. Each prebuilt addon has
// what it needs and no more; the tarball is small and complete; package managers install it with scripts off into clean rooms,
// where LeNet-5 trains. With words, only the rows that have one of them.
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { addon } from './package/checks/addon.mjs';
import { arm64 } from './package/checks/arm64.mjs';
import { esbuild, permissions } from './package/checks/bundler.mjs';
import { image } from './package/checks/image.mjs';
import { quickstart } from './package/checks/quickstart.mjs';
import { bunAlone, room } from './package/checks/room.mjs';
import { source } from './package/checks/source.mjs';
import { pack, publint, tarball, typesResolve } from './package/checks/tarball.mjs';
import { types } from './package/checks/types.mjs';
import { Guide } from './package/guide.mjs';
import { managers } from './package/programs.mjs';
import { Table } from './package/table.mjs';
import { haveTools } from './prebuild/tools.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const platforms = ['linux-x64', 'linux-arm64'];
const versions = ['20', '22', '24', '26'];

if (process.platform !== 'linux' || process.arch !== 'x64' || process.getuid() !== 0)
  throw new Error('check:package wants Debian 12 on x64, and root, who makes rooms');

haveTools({ debootstrap: 'debootstrap', 'qemu-aarch64': 'qemu-user', readelf: 'binutils' });
const place = { root, work: join(root, 'build/package'), trials: join(root, 'tools/package/trials') };
place.packed = pack(place);

const table = new Table(process.argv.slice(2));
for (const platform of platforms) await table.check(`addon for ${platform}`, () => addon(place, platform));
await table.check('tarball', () => tarball(place, platforms));
await table.check('publint', () => publint(place));
await table.check('arethetypeswrong', () => typesResolve(place));
await table.check('strict TypeScript', () => types(place));
for (const release of [11, 12]) {
  for (const version of versions)
    await table.check(`Debian ${release}, Node ${version}, npm 11`, () =>
      room(place, { release, version, manager: 'npm 11' }),
    );
  for (const manager of Object.keys(managers).filter((name) => name !== 'npm 11'))
    await table.check(`Debian ${release}, Node 24, ${manager}`, () =>
      room(place, { release, version: '24', manager }),
    );
  await table.check(`Debian ${release}, Bun alone`, () => bunAlone(place, release));
  await table.check(`Debian ${release}, quickstart`, () => quickstart(place, release));
}
for (const version of versions)
  await table.check(`arm64 under qemu, Node ${version}`, () =>
    arm64(place, version, { whole: version === '24' }),
  );

const guide = new Guide(join(root, 'docs/deployment.md'));
await table.check('Where nothing fits: built from source', () => source(place, guide));
await table.check('esbuild', () => esbuild(place, guide));
await table.check('permissions', () => permissions(place, guide));
await table.check('Dockerfile', () => image(place, guide));
if (table.words.length === 0) await table.check('docs/deployment.md', () => guide.allTaken());
process.exitCode = table.close() ? 0 : 1;
