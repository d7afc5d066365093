import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Tests in a browser are for machines that have one: Debian's Chromium, or what STRIATE_CHROMIUM names; '' is none. */
const named = process.env['STRIATE_CHROMIUM'];
const chromium = named ?? '/usr/bin/chromium';
const inBrowser = named === undefined ? existsSync(chromium) : named !== '';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', ...(inBrowser ? ['test/**/*.browser.ts'] : [])],
    env: { STRIATE_CHROMIUM: chromium },
    // A process for each file, as a crash of native code takes its process with it.
    pool: 'forks',
    // By default one core would be left idle.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
});
