/** Markup, as opposed to text: what html`…` makes. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it stands in markup, also inside quotes. */
function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

type Piece = Html | string | number | null | readonly Html[];

/** Markup from a template: text that is put into it is escaped, markup is not; null is nothing. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  const text = strings.map((string, i) => (i === 0 ? '' : markup(pieces[i - 1]!)) + string);
  return new Html(text.join(''));
}

function markup(piece: Piece): string {
  if (piece === null) return '';
  if (piece instanceof Html) return piece.text;
  if (typeof piece === 'object') return piece.map(({ text }) => text).join('');
  return escape(String(piece));
}

const longest = 120;

/** A name from outside: of a bounded length, and whatever way its letters run, what stands beside it does not turn. */
export function name(given: string): Html {
  return html`<bdi>${shortened(given)}</bdi>`;
}

/** At most 120 characters. */
export function shortened(text: string): string {
  const characters = Array.from(text.slice(0, 4 * longest));
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : text;
}

/** A value for a script to read, inside a script element. */
export function embedded(value: unknown): string {
  return JSON.stringify(value).replace(/[<\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
