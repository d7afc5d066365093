import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run.mjs';

const resolutions = { node16: 'Node16', bundler: 'ESNext' };

/** A strict TypeScript project that uses the package. */
export function types(place) {
  const project = join(place.work, 'types');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  cpSync(join(place.root, 'tools/package/types/typed.ts'), join(project, 'typed.ts'));
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
  run('npm', [...install, place.packed.file, 'typescript@5', '@types/node@20'], { cwd: project });
  for (const [moduleResolution, module] of Object.entries(resolutions)) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
    run('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: project });
  }
  return Object.keys(resolutions).join(', ');
}
