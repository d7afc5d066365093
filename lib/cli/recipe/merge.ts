/** Plain JSON objects. */
type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What `over` says, and `under` where it says nothing, field by field. A part that becomes another kind by its `name`
 * keeps nothing of what was said of the one before, but for fields in `lasting`. Null takes a field away.
 */
export function merged(under: Tree, over: Tree, lasting: readonly string[] = []): Tree {
  const result: Tree = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = under[key];
    if (value === null) {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the copy is this function's own
      delete result[key];
    } else if (isTree(value) && isTree(before)) {
      const another = value.name !== undefined && value.name !== before.name;
      const kept = another
        ? Object.fromEntries(Object.entries(before).filter(([field]) => lasting.includes(field)))
        : before;
      result[key] = merged(kept, value);
    } else if (value !== undefined) {
      result[key] = isTree(value) ? merged({}, value) : value;
    }
  }
  return result;
}

/** `a.b.0` in a tree set to a value; lists on the way are copied. */
export function withPath(tree: Tree, path: string, value: unknown): Tree {
  const set = (node: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (key === undefined) return value;
    if (Array.isArray(node) && /^\d+$/.test(key)) {
      const list = [...(node as unknown[])];
      list[Number(key)] = set(list[Number(key)], rest);
      return list;
    }
    const owner = isTree(node) ? node : {};
    return { ...owner, [key]: set(owner[key], rest) };
  };
  return set(tree, path.split('.')) as Tree;
}
