import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Kinds of tests for machines that have what they need: where it is, unless a variable says where ('' is nowhere). */
const optional = {
  browser: ['STRIATE_CHROMIUM', '/usr/bin/chromium'],
  // From `npm install --prefix build/onnxruntime --ignore-scripts onnxruntime-node`.
  onnxruntime: [
    'STRIATE_ONNXRUNTIME',
    fileURLToPath(new URL('build/onnxruntime/node_modules/onnxruntime-node', import.meta.url)),
  ],
  // ONNX's tests of its operators, as Debian's libonnx-testdata has them.
  onnx: ['STRIATE_ONNX_TESTS', '/usr/share/libonnx-testdata/data'],
  // A Python that has PyTorch, safetensors and NumPy.
  torch: ['STRIATE_TORCH', ''],
} as const;

const found = Object.entries(optional)
  .map(([kind, [variable, usual]]) => ({ kind, variable, path: process.env[variable] ?? usual }))
  .filter(({ path }) => path !== '' && existsSync(path));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', ...found.map(({ kind }) => `test/**/*.${kind}.ts`)],
    env: Object.fromEntries(found.map(({ variable, path }) => [variable, path])),
    setupFiles: ['test/seed.ts'],
    // What binutils tell of an addon for Linux.
    exclude: process.platform === 'linux' ? [] : ['test/package/**'],
    // A process for each file, as a crash of native code takes its process with it.
    pool: 'forks',
    // By default one core would be left idle.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
});
