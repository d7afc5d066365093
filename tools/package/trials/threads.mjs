// The steps of steps.mjs in a Worker, in two at once and in a child process: each comes to the same.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

const program = new URL('steps.mjs', import.meta.url);

function inWorker() {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { stdout: true });
    let printed = '';
    worker.stdout.on('data', (text) => (printed += text));
    worker.on('error', reject).on('exit', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`the Worker ended with ${code}`));
    });
  });
}

async function inChild() {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    fileURLToPath(program),
  ]);
  return stdout;
}

const results = [await inWorker(), ...(await Promise.all([inWorker(), inWorker()])), await inChild()];
const lastLines = results.map((printed) => printed.trim().split('\n').at(-1));
if (new Set(lastLines).size !== 1) throw new Error(`results differ: ${lastLines.join(' | ')}`);
console.log(lastLines[0]);
