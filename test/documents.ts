// README and the guides, and the code that is in them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../lib/native.js';

export const guides = readdirSync(join(packageRoot, 'docs')).filter((name) => name.endsWith('.md'));
export const documents = ['README.md', ...guides.map((name) => `docs/${name}`)];

export function textOf(document: string): string {
  return readFileSync(join(packageRoot, document), 'utf8');
}

/** A part that is run, or not run, as a whole: a block of a language, or one command of a block of sh. */
export interface Piece {
  language: string;
  code: string;
}

/** The pieces of a document in their order. Blocks of text, or of no language, are none. */
export function piecesOf(document: string): Piece[] {
  return Array.from(textOf(document).matchAll(/^```(\w*)\n([^]*?)^```$/gm))
    .map(([, language, code]) => ({ language: language!, code: code! }))
    .filter(({ language }) => !['', 'text'].includes(language))
    .flatMap((block) => (block.language === 'sh' ? commandsOf(block.code) : [block]));
}

function commandsOf(block: string): Piece[] {
  return block
    .replace(/ *\\\n */g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)# .*$/, ''))
    .filter((line) => line !== '')
    .map((code) => ({ language: 'sh', code }));
}
