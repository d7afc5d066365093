/** Where a line search has been. */
export interface Point<Gradient> {
  /** How far along the direction. */
  readonly t: number;
  readonly loss: number;
  /** The derivative of the loss by t. */
  readonly slope: number;
  readonly gradient: Gradient;
}

export interface LineSearchOptions {
  /** How often the loss may be evaluated beyond the first time. */
  readonly mostTrials: number;
  /** A bracket in which no parameter moves by as much is not searched further. */
  readonly toleranceChange: number;
  /** The largest element of the direction. */
  readonly reach: number;
}

/** How much of the decrease that the slope promises is enough. */
const enoughDecrease = 1e-4;
/** How much of the slope may be left. */
const enoughFlatness = 0.9;

/**
 * Searches along a direction for a point that satisfies the strong Wolfe conditions: loss ≤ loss₀ + c₁·t·slope₀ and
 * |slope| ≤ c₂·|slope₀|, with c₁ = 1e-4 and c₂ = 0.9 (Nocedal and Wright, "Numerical Optimization", algorithms 3.5 and 3.6,
 * with the safeguards that PyTorch has). Gives the best point that it knows when its trials run out.
 */
export async function strongWolfe<Gradient>(
  evaluate: (t: number) => Promise<Point<Gradient>>,
  start: Point<Gradient>,
  firstStep: number,
  { mostTrials, toleranceChange, reach }: LineSearchOptions,
): Promise<{ point: Point<Gradient>; evaluations: number }> {
  // What is not a number is too high.
  const tooHigh = ({ t, loss }: Point<Gradient>) => !(loss <= start.loss + enoughDecrease * t * start.slope);
  const isFlat = ({ slope }: Point<Gradient>) => Math.abs(slope) <= -enoughFlatness * start.slope;

  let before = start;
  let point = await evaluate(firstStep);
  let trials = 0;
  let bracketed = false;
  for (; trials < mostTrials && !bracketed; trials++) {
    bracketed = tooHigh(point) || (trials > 1 && point.loss >= before.loss);
    if (!bracketed && isFlat(point)) return { point, evaluations: trials + 1 };
    bracketed ||= point.slope >= 0;
    if (bracketed) break;
    const next = cubicMinimum(before, point, point.t + 0.01 * (point.t - before.t), 10 * point.t);
    before = point;
    point = await evaluate(next);
  }
  if (!bracketed) before = start;

  let [low, high] = point.loss < before.loss ? [point, before] : [before, point];
  let wasAtBorder = false;
  for (; trials < mostTrials; trials++) {
    const [left, right] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    if ((right - left) * reach < toleranceChange) break;
    let t = cubicMinimum(low, high, left, right);
    const border = 0.1 * (right - left);
    const atBorder = Math.min(right - t, t - left) < border;
    if (atBorder && (wasAtBorder || t >= right || t <= left)) {
      t = Math.abs(t - right) < Math.abs(t - left) ? right - border : left + border;
      wasAtBorder = false;
    } else {
      wasAtBorder = atBorder;
    }
    point = await evaluate(t);
    if (tooHigh(point) || point.loss >= low.loss) {
      [low, high] = point.loss < low.loss ? [point, low] : [low, point];
    } else if (isFlat(point)) {
      return { point, evaluations: trials + 2 };
    } else {
      if (point.slope * (high.t - low.t) >= 0) high = low;
      low = point;
    }
  }
  return { point: low, evaluations: trials + 1 };
}

/** Where in [least, most] the cubic through two points, with their slopes, has its minimum; the middle where it has none. */
function cubicMinimum(a: Point<unknown>, b: Point<unknown>, least: number, most: number): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const u = left.slope + right.slope - (3 * (left.loss - right.loss)) / (left.t - right.t);
  const w = Math.sqrt(u * u - left.slope * right.slope);
  const share = (right.slope + w - u) / (right.slope - left.slope + 2 * w);
  const minimum = right.t - (right.t - left.t) * share;
  return Number.isNaN(minimum) ? (least + most) / 2 : Math.min(Math.max(minimum, least), most);
}
