import type { Tensor } from '../tensor.js';

/** x through one step after the other; what they give on the way is disposed, but for what a layer keeps. */
export function chained(x: Tensor, steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let current = x;
  for (const step of steps) {
    const next = step(current);
    if (current !== x && current !== next && !current.kept) current.dispose();
    current = next;
  }
  return current;
}
