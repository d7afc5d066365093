import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor.js';

/** Layers one after the other in several stages, whose results are all wanted; named as those of one Sequential. */
export class Staged extends nn.Module {
  readonly #parts: readonly nn.Sequential[];

  constructor(stages: readonly Record<string, nn.Module>[]) {
    super();
    this.#parts = stages.map((layers) => new nn.Sequential(layers));
  }

  override *children(): Generator<[name: string, module: nn.Module]> {
    for (const stage of this.#parts) yield* stage.children();
  }

  /** The result of the last stage. */
  override forward(x: Tensor): Tensor {
    const results = this.stages(x);
    for (const result of results.slice(0, -1)) result.dispose();
    return results.at(-1)!;
  }

  /** The result of each stage. */
  stages(x: Tensor): Tensor[] {
    const results: Tensor[] = [];
    for (const stage of this.#parts) results.push(stage.forward(results.at(-1) ?? x));
    return results;
  }

  override fuse(): void {
    for (const stage of this.#parts) stage.fuse();
  }
}
