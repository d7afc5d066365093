// The error function in double precision, for tests: by its series where that converges fast, else by Lentz's evaluation
// of the continued fraction of its complement (Abramowitz and Stegun, 7.1.5 and 7.1.14).

/** 2/√π · Σ (−1)ⁿ·x^(2n+1) / (n!·(2n + 1)) */
function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-20 * Math.abs(sum); n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 − erf(x) for x ≥ 2: e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + …)))) */
function complement(x: number): number {
  let fraction = x;
  for (let n = 120; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

export function erf(x: number): number {
  return Math.abs(x) < 2 ? series(x) : Math.sign(x) * (1 - complement(Math.abs(x)));
}

/** The standard normal distribution: the probability of what is below x. */
export function normalBelow(x: number): number {
  const z = x / Math.SQRT2;
  return z < -2 ? complement(-z) / 2 : (1 + erf(z)) / 2;
}
