import process from 'node:process';

/** Whether everything takes many times as long as usual: under an emulator, or with sanitizers. */
export const slow = 'QEMU_CPU' in process.env || 'ASAN_OPTIONS' in process.env;
