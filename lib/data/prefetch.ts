/**
 * What `start` gives, one after the other, with `ahead` more being made at a time in the background; until it gives
 * undefined. What fails is told at its place. What has been made and is not asked for any more goes to `drop`.
 */
export async function* prefetched<T>(
  start: () => Promise<T | undefined>,
  ahead: number,
  drop: (made: T) => void,
): AsyncGenerator<T> {
  const waiting: Promise<T | undefined>[] = [];
  try {
    for (;;) {
      while (waiting.length <= ahead) {
        const made = start();
        // Told where it is waited for; until then it is nobody's to handle.
        made.catch(() => undefined);
        waiting.push(made);
      }
      const next = await waiting.shift();
      if (next === undefined) return;
      yield next;
    }
  } finally {
    for (const made of waiting) {
      made.then((value) => {
        if (value !== undefined) drop(value);
      }, ignore);
    }
  }
}

/** For errors of what is not wanted any more. */
export function ignore(): void {
  return undefined;
}
