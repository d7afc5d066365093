import { cropFlip, type PaddingMode } from '../../ops/crop.js';
import type { PerChannel } from '../../ops/channels.js';
import type { DType, Tensor } from '../../tensor.js';
import { imagesOf, InputTransform, integers, type Draws } from './transform.js';

/** How far a plan has come; each part goes at most once, but for mirrors. */
enum Stage {
  window,
  mirrors,
  scale,
  complete,
}

/** Windows of a batch, how they are mirrored, and to what scale: what is done in one pass over bytes or floats. */
export class WindowPlan {
  /** Of each sample: top, left, mirrored left to right, upside down. */
  readonly windows: Int32Array;
  readonly height: number;
  readonly width: number;
  #size: readonly [number, number];
  #paddingMode: PaddingMode = 'constant';
  #fill: PerChannel = 0;
  #scale: { mean?: PerChannel; std?: PerChannel } = {};
  #stage = Stage.window;

  constructor(samples: number, height: number, width: number) {
    this.windows = new Int32Array(4 * samples);
    this.height = height;
    this.width = width;
    this.#size = [height, width];
  }

  /** Whether windows can still be chosen: the caller writes where they are. */
  choose(
    size: readonly [number, number],
    { paddingMode, fill }: { paddingMode: PaddingMode; fill: PerChannel },
  ): boolean {
    if (this.#stage > Stage.window) return false;
    this.#stage = Stage.mirrors;
    this.#size = size;
    this.#paddingMode = paddingMode;
    this.#fill = fill;
    return true;
  }

  /** Whether windows can still be mirrored: the caller writes which are. */
  mirror(): boolean {
    if (this.#stage > Stage.mirrors) return false;
    this.#stage = Stage.mirrors;
    return true;
  }

  /** Whether values can be brought to another scale. */
  rescale(mean: PerChannel, std: PerChannel): boolean {
    if (this.#stage > Stage.scale) return false;
    this.#stage = Stage.complete;
    this.#scale = { mean, std };
    return true;
  }

  /** What is planned, of the images with these numbers, or of all in their order. */
  run(images: Tensor | Tensor<'u8'>, indices?: Tensor<'i32'>): Tensor {
    using windows = integers(this.windows, [this.windows.length / 4, 4]);
    return cropFlip(images, windows, {
      size: this.#size,
      indices,
      paddingMode: this.#paddingMode,
      fill: this.#fill,
      ...this.#scale,
    });
  }
}

/** A transform that can be one pass with others of its kind. */
export abstract class WindowTransform extends InputTransform {
  /**
   * Adds what this one does to the plan, where that can still take it; otherwise leaves it and tells so.
   *
   * @internal
   */
  abstract join(plan: WindowPlan, draws: Draws): boolean;

  protected override change(x: Tensor, draws: Draws): Tensor {
    const { plan } = planFrom([this], 0, x, draws);
    return plan.run(x);
  }
}

/**
 * The plan of the transforms from number `first` on that can be one pass over x, and how many they are; `draws` are those
 * of the first.
 */
export function planFrom(
  transforms: readonly unknown[],
  first: number,
  x: Tensor<DType>,
  draws: Draws,
  samples = draws.indices.length,
): { plan: WindowPlan; taken: number } {
  const name = (transforms[first] as object).constructor.name;
  const [, height, width] = imagesOf(name, x, samples);
  const plan = new WindowPlan(draws.indices.length, height, width);
  let taken = 0;
  for (; first + taken < transforms.length; taken++) {
    const next = transforms[first + taken];
    if (!(next instanceof WindowTransform)) break;
    if (!next.join(plan, { ...draws, place: draws.place + taken })) break;
  }
  return { plan, taken };
}
