// The instructions of a Dockerfile that a guide has, and no other, carried out in a Debian root: without a daemon or an image.
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Names at the top of the context that stay out of the image. */
function ignoredIn(context) {
  const file = join(context, '.dockerignore');
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
}

/**
 * Builds what `text` says from the files in `context`; `from` gives the room for the name of an image. Returns the folder that
 * it works in, and what runs its command.
 */
export function buildImage(text, context, from) {
  const ignored = ignoredIn(context);
  let room;
  let folder = '/';
  let command;
  const inFolder = () => join(room.root, folder);
  const instructions = {
    FROM(image) {
      room = from(image);
    },
    WORKDIR(path) {
      folder = path;
      mkdirSync(inFolder(), { recursive: true });
    },
    COPY(paths) {
      const sources = paths.split(' ');
      const place = join(inFolder(), sources.pop());
      for (const source of sources) {
        const path = join(context, source);
        const into = statSync(path).isDirectory() ? place : join(place, basename(source));
        const wanted = (file) => !ignored.has(file.slice(context.length + 1));
        cpSync(path, into, { recursive: true, filter: (file) => wanted(file) });
      }
    },
    RUN(line) {
      room.run('/bin/sh', ['-c', `cd ${folder} && ${line}`], { seconds: 300 });
    },
    CMD(list) {
      command = JSON.parse(list);
    },
  };
  for (const line of text.trim().split('\n')) {
    const [, name = '', value] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (!Object.hasOwn(instructions, name)) throw new Error(`'${line}' is not understood here`);
    if ((name === 'FROM') !== (room === undefined)) throw new Error(`'${line}': FROM comes first, and once`);
    instructions[name](value);
  }
  if (command === undefined) throw new Error('no CMD says what the image runs');
  return {
    folder: inFolder(),
    start: () => room.run('/bin/sh', ['-c', 'cd "$0" && exec "$@"', folder, ...command]),
  };
}
