// The blocks of code of a guide, for those who run them: whoever takes one runs it as it stands, and what nobody took was not run.
import { readFileSync } from 'node:fs';

export class Guide {
  #blocks = [];

  constructor(file) {
    const text = readFileSync(file, 'utf8');
    for (const [, heading, section] of text.matchAll(/^## (.*)\n([^]*?)(?=^## |(?![^]))/gm))
      for (const [, language, code] of section.matchAll(/^```(\w*)\n([^]*?)^```$/gm))
        this.#blocks.push({ heading, language, code, taken: false });
  }

  /** The one block in a language (as it says after the backquotes) below a heading. */
  take(heading, language) {
    const found = this.#blocks.filter((block) => block.heading === heading && block.language === language);
    if (found.length !== 1)
      throw new Error(`the guide has ${found.length} blocks of ${language} below '${heading}', wants 1`);
    found[0].taken = true;
    return found[0].code;
  }

  /** Its lines, each a command for a shell. */
  commands(heading) {
    return this.take(heading, 'sh').trim().split('\n');
  }

  /** @throws where a block was left */
  allTaken() {
    const left = this.#blocks.filter(({ taken }) => !taken);
    if (left.length > 0)
      throw new Error(`not run: ${left.map(({ heading, code }) => `${heading}: ${code.trim()}`).join('; ')}`);
    return `${this.#blocks.length} blocks of code were run`;
  }
}
