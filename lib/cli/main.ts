#!/usr/bin/env node

// Whoever reads the output may have seen enough: `striate bench conv | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  if (process.argv[2] === 'build') {
    const { buildCommand } = await import('./build.js');
    await buildCommand().parseAsync(process.argv.slice(3), { from: 'user' });
  } else {
    // Loaded here, so that what keeps the native side from loading is told like any other error.
    const { program } = await import('./program.js');
    await program.parseAsync();
  }
} catch (error) {
  process.stderr.write(`striate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
