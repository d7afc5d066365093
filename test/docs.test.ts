// The code of README and of the guides runs: that of a document from top to bottom, its programs as one and then its
// commands, in a folder that holds nothing but the package, and what is made for it here.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { packageRoot } from '../lib/native.js';
import { documents as all, piecesOf, type Piece } from './documents.js';
import { makeDigits, makeImages, makeOnnx, makeTorch } from './documentFiles.js';

/** `npm run check:package` runs the code of the other. */
const documents = all.filter((document) => document !== 'docs/deployment.md');

/** What is not run: in which document, how it begins, and why. */
const unrun: [document: string, begin: string, why: string][] = [
  ['README.md', 'npm run quickstart', 'builds; what comes after is run below'],
  ['README.md', 'npm test', 'would not end'],
  ['docs/onnx.md', 'const features', 'names a value of a file that PyTorch wrote'],
  ['docs/onnx.md', 'const session', 'wants onnxruntime-node; io/onnxExport.onnxruntime.ts runs such'],
  ['docs/weights.md', 'import torchvision', 'wants PyTorch; io/*.torch.ts run such'],
];

/** Files that a document speaks of, and that are there where it is read. */
const files: Record<string, (folder: string) => Promise<void>> = {
  'README.md': async (folder) => {
    await makeDigits(join(folder, 'folder/of/the/four/files'));
    await makeDigits(join(folder, 'DIR'));
    await makeImages(join(folder, 'IMAGES'), join(folder, 'digit.png'));
  },
  'docs/weights.md': (folder) => makeTorch(join(folder, 'resnet50.safetensors')),
  'docs/onnx.md': async (folder) => {
    await makeOnnx(join(folder, 'resnet50.onnx'));
    await makeImages(join(folder, 'IMAGES'), join(folder, 'digit.png'));
  },
};

/** What a document says that comes out, as the end of its program. */
const claims: Record<string, string> = {
  'docs/data.md': `
    assert.deepEqual([flowers.length, flowers.classes], [4, ['setosa', 'virginica']]);
    assert.deepEqual([houses.x.shape, houses.y.shape], [[3, 2], [3]]);`,
  'docs/first-network.md': 'assert(accuracy > 0.95);',
  'docs/performance.md': "assert(totals.get('conv2d') > 0);",
  'docs/pretraining.md': `
    assert.deepEqual([code, back, drawn, dreams].map(({ shape }) => shape), [[3, 8], [3, 64], [3, 64], [5, 64]]);
    assert([...energies].every(Number.isFinite));`,
  'docs/pytorch.md': `
    assert(right / test.length > 0.85);
    assert.deepEqual([...(await a.grad.data())], [1, 2, 3, 1, 2, 3]);`,
  'docs/tensorflow.md': `
    assert(accuracy > 0.85);
    assert.deepEqual(best.shape, [4]);
    assert.deepEqual([...(await shifted.data())], [-2, 0, 2]);`,
  'docs/training.md': `
    assert(accuracy > 0.9);
    assert.deepEqual(resumed.history.epochs.map(({ epoch }) => epoch), [1, 2, 3, 4]);
    assert(range.suggestion > 0);`,
  'docs/transfer.md':
    "assert.match(search.codeOf(trainer.model, trainer.optimizer), /^import .* from 'striate';/);",
};

const isProgram = ({ language }: Piece): boolean => language === 'js' || language === 'ts';
const isCommand = ({ language }: Piece): boolean => language === 'sh';

function isRun(document: string, { code }: Piece): boolean {
  return !unrun.some(([where, begin]) => where === document && code.startsWith(begin));
}

interface Result {
  code: number | null;
  out: string;
  err: string;
}

/** Runs for a minute at most. */
function run(folder: string, command: string, args: readonly string[], input = ''): Promise<Result> {
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, PATH }, timeout: 60_000 });
  const result: Result = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()));
  child.stdin.end(input);
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...result, code })));
}

/** All programs of a document as one of JavaScript: what it shows first is there in what it shows later. */
function programOf(document: string, pieces: readonly Piece[]): string {
  const claim = claims[document] ?? '';
  const text = [...pieces.map(({ code }) => code), "import assert from 'node:assert/strict';", claim].join(
    '\n',
  );
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}

/**
 * `npx striate` is the bundle of this checkout. Benchmarks are run for less time than they take by themselves, dashboards at
 * any port.
 */
function scriptOf(command: string): string {
  const main = join(packageRoot, 'bundle', 'main.js');
  const npx = `npx() { [[ $1 == striate ]] && shift && node '${main}' "$@"; }`;
  const adapted = command
    .replace(/^npx striate bench .*/, '$& --seconds 0.01')
    .replace('--dashboard --', '--dashboard 0 --');
  return `set -euo pipefail\n${npx}\n${adapted}\n`;
}

test('what is not run is there, and all else is run', () => {
  for (const [document, begin] of unrun) {
    const found = piecesOf(document).filter(({ code }) => code.startsWith(begin));
    expect(found.length, `${document}: ${begin}`).toBe(1);
  }
  for (const document of documents) {
    for (const piece of piecesOf(document).filter((piece) => isRun(document, piece))) {
      expect(isProgram(piece) || isCommand(piece), `${document}: ${piece.code}`).toBe(true);
    }
  }
});

test.each(documents.filter((document) => piecesOf(document).some((piece) => isRun(document, piece))))(
  '%s runs',
  async (document) => {
    const folder = mkdtempSync(join(tmpdir(), 'striate-docs-'));
    try {
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(packageRoot, join(folder, 'node_modules', 'striate'), 'junction');
      symlinkSync(join(packageRoot, 'examples'), join(folder, 'examples'), 'junction');
      await files[document]?.(folder);
      const pieces = piecesOf(document).filter((piece) => isRun(document, piece));
      const program = programOf(document, pieces.filter(isProgram));
      const ran = await run(folder, process.execPath, ['--input-type=module', '-'], program);
      expect(ran.code, ran.err).toBe(0);
      expect(ran.err).not.toMatch(/warning/i);
      for (const { code } of pieces.filter(isCommand)) {
        const result = await run(folder, 'bash', ['-c', scriptOf(code)]);
        expect(result.code, `${code}\n${result.err}`).toBe(0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  180_000,
);

test('the quickstart reads what it has not seen', async () => {
  const { code, out, err } = await run(packageRoot, process.execPath, ['bundle/main.js', 'quickstart']);
  expect(code, err).toBe(0);
  expect(Number(/it reads ([\d.]+)% of 359 digits/.exec(out)?.[1])).toBeGreaterThan(95);
  expect(out).toMatch(/This is a \d; the network says \d/);
});
