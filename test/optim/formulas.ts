// What the tests of optimizers share: parameters, and steps by published formulas in double precision.
import { describe, expect, test } from 'vitest';
import type { CommonOptions, Optimizer } from '../../lib/optim/index.js';
import { Tensor } from '../../lib/tensor.js';
import { expectSameBits, f32, noise, relativeError, volume } from '../check.js';

export function parameter(data: ArrayLike<number>, shape: readonly number[]): Tensor {
  const p = f32(data, shape);
  p.requiresGrad = true;
  return p;
}

export function setGradient(p: Tensor, data: ArrayLike<number>): void {
  p.grad?.dispose();
  p.grad = f32(data, p.shape);
}

/** The published formulas in double precision, for an element p with gradient g in step t. */
export type Formula<Options> = (
  options: Required<Options>,
) => (p: number, g: number, state: Record<string, number>, t: number) => number;

export const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0));

/** Steps of all parameters by a formula, and the clipping around it. */
class Reference {
  readonly #states = new Map<Float64Array, Record<string, number>[]>();
  #t = 0;

  constructor(
    readonly formula: ReturnType<Formula<object>>,
    readonly options: CommonOptions,
  ) {}

  step(parameters: { values: Float64Array; shape: readonly number[]; gradient: Float32Array }[]): void {
    const { clipValue, clipNorm, maxNorm } = this.options;
    this.#t++;
    const limit = clipValue ?? Infinity;
    const clipped = parameters.map(({ gradient }) =>
      Array.from(gradient, (g) => Math.min(Math.max(g, -limit), limit)),
    );
    const factor = clipNorm == null ? 1 : Math.min(1, clipNorm / (norm(clipped.flat()) + 1e-6));
    for (const [k, { values, shape }] of parameters.entries()) {
      if (!this.#states.has(values))
        this.#states.set(
          values,
          Array.from(values, () => ({})),
        );
      const states = this.#states.get(values)!;
      values.forEach((p, i) => (values[i] = this.formula(p, factor * clipped[k]![i]!, states[i]!, this.#t)));
      if (maxNorm != null && shape.length > 1) renorm(values, shape.at(-1)!, maxNorm);
    }
  }
}

function renorm(values: Float64Array, columns: number, bound: number): void {
  for (let c = 0; c < columns; c++) {
    const length = norm(values.filter((_, i) => i % columns === c));
    if (length > bound) for (let i = c; i < values.length; i += columns) values[i]! *= bound / length;
  }
}

export const clipping = { clipValue: null, clipNorm: null, maxNorm: null };

export type Make = (parameters: Tensor[]) => Optimizer;

export function kindsOf<Options extends CommonOptions>(
  Kind: new (parameters: Tensor[], options: Options) => Optimizer,
  formula: Formula<Options>,
  all: Required<Options>[],
): [string, Make, () => Reference][] {
  return all.map((o) => [
    `${Kind.name} ${JSON.stringify(o)}`,
    (p) => new Kind(p, o),
    () => new Reference(formula(o), o as CommonOptions),
  ]);
}

/** Tests that each follows its formula, comes to the same bits with 1 and 2 threads, and goes on from a saved state. */
export function describeKinds(kinds: ReturnType<typeof kindsOf>): void {
  describe.each(kinds)('%s', (_, make, reference) => {
    // Small ones that share a piece of work, and large ones that are cut into several.
    test.each([
      [100, [[3, 5], [1], [], [0, 4], [17], [2, 3], [3, 5, 37], [300, 1]]],
      [5, [[3, 5], [40_003], [2, 3], [31, 17, 37], [3000, 1]]],
    ])('follows its formula for %i steps', async (steps, shapes) => {
      const parameters = shapes.map((shape, i) => parameter(noise(volume(shape), i + 1), shape));
      const expected = shapes.map((shape, i) => Float64Array.from(noise(volume(shape), i + 1)));
      const expectation = reference();
      const gradients = noise(50_000, 50).map((v) => v + 0.3);
      const optimizer = make(parameters);
      for (let step = 0; step < steps; step++) {
        const stepped = parameters.map((p, i) => {
          const start = 97 * step + 13 * i;
          const gradient = gradients.subarray(start, start + p.size);
          setGradient(p, gradient);
          return { values: expected[i]!, shape: p.shape, gradient };
        });
        optimizer.step();
        expectation.step(stepped);
      }
      for (const [i, p] of parameters.entries()) {
        expect(relativeError(await p.data(), expected[i]!)).toBeLessThan(1e-5);
      }
      optimizer.dispose();
    });

    test('comes to the same bits with 1 and 2 threads', async () => {
      const [values, gradients] = [noise(80_003), noise(80_010, 3)];
      await expectSameBits(() => {
        const parameters = [
          parameter(values, [80_003]),
          parameter(noise(7, 2), [7]),
          parameter(values.subarray(0, 74_000), [2000, 37]),
        ];
        const optimizer = make(parameters);
        for (let step = 1; step <= 3; step++) {
          for (const p of parameters) setGradient(p, gradients.subarray(step, step + p.size));
          optimizer.step();
        }
        optimizer.dispose();
        return parameters;
      });
    });

    test('goes on from a saved state as if nothing had happened', async () => {
      const run = async (interrupted: boolean): Promise<Float32Array[]> => {
        let parameters = [parameter(noise(11), [11]), parameter(noise(6, 2), [2, 3])];
        let optimizer = make(parameters);
        for (let step = 1; step <= 6; step++) {
          for (const [i, p] of parameters.entries()) {
            // The second parameter joins late, and so is behind in steps.
            if (i === 0 || step > 2) setGradient(p, noise(p.size, 10 * step + i));
          }
          optimizer.step();
          if (interrupted && step === 3) {
            const state = optimizer.stateDict();
            const data = await Promise.all(parameters.map((p) => p.data()));
            const old = optimizer;
            parameters = parameters.map((p, i) => parameter(data[i]!, p.shape));
            optimizer = make(parameters);
            optimizer.lr = 123;
            optimizer.loadStateDict(state);
            expect(optimizer.options).toEqual(old.options);
            old.dispose();
          }
        }
        return Promise.all(parameters.map((p) => p.data()));
      };
      expect(await run(true)).toEqual(await run(false));
    });
  });
}
