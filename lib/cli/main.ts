#!/usr/bin/env node

try {
  // Loaded here, so that what keeps the native side from loading is told like any other error.
  const { program } = await import('./program.js');
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`striate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
