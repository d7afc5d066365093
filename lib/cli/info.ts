import { Command } from 'commander';
import { cpuInfo } from '../system.js';
import { printJson } from './options.js';
import { version } from '../package.js';

export function infoCommand(): Command {
  return new Command('info')
    .description('Tell what striate runs on: processor, instruction set, threads, caches, versions.')
    .option('--json', 'print one line of JSON')
    .action(info);
}

function info({ json }: { json?: boolean }): void {
  const cpu = cpuInfo();
  const versions = {
    striate: version,
    node: process.versions.node,
    napi: process.versions.napi,
    v8: process.versions.v8,
  };
  const platform = `${process.platform}-${process.arch}`;
  if (json) {
    printJson({ ...cpu, platform, versions });
    return;
  }
  const size = (bytes: number) =>
    bytes === 0 ? 'unknown' : bytes < 1 << 20 ? `${bytes >> 10} KiB` : `${bytes >> 20} MiB`;
  const { l1, l2, l3 } = cpu.caches;
  const rows = [
    ['instruction set', `${cpu.isa} (this machine runs ${cpu.supported.join(', ')})`],
    ['processor', `${cpu.model}, ${platform}`],
    ['cores', String(cpu.cores)],
    ['threads', String(cpu.threads)],
    ['caches', `L1 ${size(l1)}, L2 ${size(l2)}, L3 ${size(l3)}`],
    ['OpenMP', String(cpu.openmp)],
    ['versions', `striate ${versions.striate}, Node ${versions.node}, Node-API ${versions.napi}`],
  ] as const;
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(16)}${value}\n`);
}
