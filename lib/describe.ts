/** What an error calls a value that it refuses. */
export function describe(value: unknown): string {
  if (ArrayBuffer.isView(value)) return value.constructor.name;
  if (Array.isArray(value)) {
    return value.length > 8
      ? `an array of ${value.length}`
      : `[${value.map((item) => describe(item)).join(', ')}]`;
  }
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
