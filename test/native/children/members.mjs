/** The functions of `interface Binding` in binding.d.ts: the types of their parameters, by name. */
export function membersOf(declarations) {
  const body = /export interface Binding \{([^]*?)\n\}/.exec(declarations)[1];
  const code = body.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
  const members = {};
  for (const [, name, parameters] of code.matchAll(/^ {2}(\w+)\(([^]*?)\): [^\n]*;$/gm)) {
    // Types hold commas and colons of their own only in brackets.
    const list = parameters.replace(/new \(.*\) => Error/, 'Constructor').split(',');
    members[name] = list.map((parameter) => parameter.split(':')[1]?.trim()).filter(Boolean);
  }
  return members;
}
