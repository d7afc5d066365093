import type { CpuInfo, Memory } from '../binding.js';
import { native } from './native.js';

export type { CpuInfo, Memory } from '../binding.js';

/** Processor, instruction set in use, threads, caches. */
export function cpuInfo(): CpuInfo {
  return native.cpuInfo();
}

/** Sets how many threads compute, in the whole process, from 1 to 64 or the number of cores. Results do not depend on it. Default: all cores. */
export function setThreads(threads: number): void {
  native.setThreads(threads);
}

/** Tensors alive and the memory they hold. */
export function memory(): Memory {
  return native.memory();
}

/** Starts memory().peakBytes anew. */
export function resetPeakMemory(): void {
  native.resetPeak();
}

/** Gives memory that is kept for reuse back to the system. */
export function emptyPool(): void {
  native.emptyPool();
}
