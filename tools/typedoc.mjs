// For TypeDoc: names that readers know, where it would make some up.
import { Converter, ReflectionKind } from 'typedoc';

/** A guide goes by its heading, not by the name of its file. */
function nameByHeading(_context, document) {
  const heading = document.content.find(({ text }) => text.startsWith('# '))?.text;
  const [, title] = /^# (.+)/.exec(heading ?? '') ?? [];
  if (!title) throw new Error(`${document.name}: a guide begins with a heading`);
  document.name = title;
}

/** What a function takes apart in its head goes by its type: `{ bias }: LinearOptions` is `options`. */
function nameByType({ project }) {
  for (const parameter of project.getReflectionsByKind(ReflectionKind.Parameter)) {
    if (!parameter.name.startsWith('__namedParameters')) continue;
    const type = parameter.type?.name ?? 'Options';
    parameter.name = /Options$/.test(type) ? 'options' : type.charAt(0).toLowerCase() + type.slice(1);
  }
}

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, nameByHeading);
  app.converter.on(Converter.EVENT_RESOLVE_END, nameByType);
}
