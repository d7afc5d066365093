import { grad } from './autograd.js';
import { tensor } from './ops/creation.js';
import { requireLive, scope, StriateError, Tensor } from './tensor.js';

export interface GradientCheckOptions {
  /** By how much an element is moved to both sides. Default: 1e-2. */
  step?: number;
  /** The relative error that is still right, ‖analytic − numeric‖/‖numeric‖ of an input. Default: 1e-3. */
  tolerance?: number;
  /** Elements of each input that are tried, spread over it. Default: 64. */
  places?: number;
}

/** How well the gradient by one input agrees. */
export interface GradientCheck {
  /** Flat indices of the elements that were tried. */
  places: number[];
  /** What autograd gives there. */
  analytic: number[];
  /** (L(x + step) − L(x − step)) / (2·step) there. */
  numeric: number[];
  /** ‖analytic − numeric‖/‖numeric‖ */
  relativeError: number;
}

/**
 * Compares autograd's gradients of f by its inputs with central differences, for L = Σ w·f(inputs), where the weights w
 * are fixed numbers in [−1, 1) without a pattern. All in f32, where a step of some hundredth of the values' size serves
 * best, and f should be smooth around them: a kink, as ReLU's at 0, within a step looks like an error.
 *
 * f must give the same for the same inputs: no dropout, and nothing that counts its calls.
 *
 * @param inputs f32, of which the gradients are taken; they are left as they are
 * @returns one report for each input
 * @throws StriateError where a relative error exceeds the tolerance; it tells which, and the worst place
 */
export async function checkGradients(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  { step = 1e-2, tolerance = 1e-3, places = 64 }: GradientCheckOptions = {},
): Promise<GradientCheck[]> {
  for (const [name, value] of Object.entries({ step, tolerance, places })) {
    if (!(value > 0 && value < Infinity)) {
      throw new RangeError(`checkGradients: ${name} is ${value}, wants a number above 0`);
    }
  }
  const values = await Promise.all(
    inputs.map((x, i) => requireLive('checkGradients', `inputs[${i}]`, x).data()),
  );
  const shapes = inputs.map((x) => x.shape);
  /** f at the given values, with fresh tensors. */
  const at = <T>(data: readonly Float32Array[], use: (y: Tensor, given: Tensor[]) => T): T =>
    scope(() => {
      const given = data.map((elements, i) => tensor(elements, shapes[i]));
      for (const x of given) x.requiresGrad = true;
      return use(f(...given), given);
    });
  const analytic = at(values, (y, given) => grad(y, given, weightsOf(y)));
  const reports: GradientCheck[] = [];
  for (const [i, original] of values.entries()) {
    const gradient = await analytic[i]!.data();
    analytic[i]!.dispose();
    const count = Math.min(original.length, Math.ceil(places));
    const tried = Array.from({ length: count }, (_, k) => Math.floor((k * original.length) / count));
    const numeric: number[] = [];
    for (const place of tried) {
      const loss = async (change: number): Promise<[moved: number, loss: number]> => {
        const moved = Float32Array.from(original);
        moved[place]! += change;
        const y = at(values.with(i, moved), (result) => result);
        const elements = await y.data();
        y.dispose();
        return [moved[place]!, elements.reduce((sum, v, k) => sum + v * weightAt(k), 0)];
      };
      // By the distance that f32 has rounded the step to.
      const [[high, above], [low, below]] = [await loss(step), await loss(-step)];
      numeric.push((above - below) / (high - low));
    }
    const taken = tried.map((place) => gradient[place]!);
    reports.push({ places: tried, analytic: taken, numeric, relativeError: relativeError(taken, numeric) });
  }
  for (const [i, { relativeError: error, ...report }] of reports.entries()) {
    if (error <= tolerance) continue;
    const worst = worstPlace(report);
    throw new StriateError(
      `checkGradients: by inputs[${i}] the relative error is ${error.toPrecision(3)}, wants at most ${tolerance}; ` +
        `at element ${report.places[worst]} autograd gives ${report.analytic[worst]}, differences ${report.numeric[worst]}`,
    );
  }
  return reports;
}

/** Numbers in [−1, 1) without a pattern: the fractions of multiples of the golden ratio. */
function weightAt(i: number): number {
  return 2 * ((i * 0.6180339887498949 + 0.3) % 1) - 1;
}

function weightsOf(y: Tensor): Tensor {
  return tensor(
    Float32Array.from({ length: y.size }, (_, i) => weightAt(i)),
    y.shape,
  );
}

/** NaN anywhere is an infinite error. */
function relativeError(actual: readonly number[], expected: readonly number[]): number {
  const norm = Math.hypot(...expected);
  const error = Math.hypot(...actual.map((v, i) => v - expected[i]!)) / (norm || 1);
  return Number.isNaN(error) ? Infinity : error;
}

function worstPlace({ analytic, numeric }: Omit<GradientCheck, 'relativeError'>): number {
  let worst = 0;
  const off = (i: number): number => {
    const distance = Math.abs(analytic[i]! - numeric[i]!);
    return Number.isNaN(distance) ? Infinity : distance;
  };
  for (let i = 1; i < numeric.length; i++) if (off(i) > off(worst)) worst = i;
  return worst;
}
