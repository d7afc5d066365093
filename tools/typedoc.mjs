// For TypeDoc: a guide goes by its heading, where TypeDoc would take the name of its file.
import { Converter } from 'typedoc';

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const heading = document.content.find(({ text }) => text.startsWith('# '))?.text;
    const [, title] = /^# (.+)/.exec(heading ?? '') ?? [];
    if (!title) throw new Error(`${document.name}: a guide begins with a heading`);
    document.name = title;
  });
}
