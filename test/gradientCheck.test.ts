import { describe, expect, test } from 'vitest';
import { checkGradients, ops, randn, StriateError, tensor } from '../lib/index.js';
import { record } from '../lib/autograd.js';
import { noisy } from './check.js';

describe('checkGradients', () => {
  test('finds right gradients right, by each input', async () => {
    const reports = await checkGradients(
      (x, w) => ops.tanh(ops.matmul(x, w)),
      [noisy([3, 4], 1), noisy([4, 2], 2)],
    );
    expect(reports.map(({ places }) => places.length)).toEqual([12, 8]);
    for (const { relativeError } of reports) expect(relativeError).toBeLessThan(1e-3);
  });

  test('gives what it compared', async () => {
    const [report] = await checkGradients((x) => x.mul(x).sum(), [tensor([1, -2, 3])]);
    const w = 2 * 0.3 - 1;
    report!.analytic.forEach((g, i) => expect(g).toBeCloseTo(2 * w * [1, -2, 3][i]!, 5));
    report!.numeric.forEach((g, i) => expect(g).toBeCloseTo(report!.analytic[i]!, 2));
  });

  test('finds a wrong one, and tells where', async () => {
    const wrong = (x: ReturnType<typeof randn>) =>
      record('wrong', ops.exp(x.detach()), [x], [x], (g, [u]) => [g.mul(u)]);
    await expect(checkGradients((a, b) => a.add(wrong(b)), [noisy([5], 1), noisy([5], 2)])).rejects.toThrow(
      /checkGradients: by inputs\[1\] the relative error is .* at element \d autograd gives/,
    );
    const nowhere = (x: ReturnType<typeof randn>) => record('NaN', x.detach(), [x], [], (g) => [g.mul(NaN)]);
    await expect(checkGradients(nowhere, [noisy([2])])).rejects.toThrow(StriateError);
  });

  test('leaves its inputs alone, and refuses options out of range', async () => {
    const x = noisy([4]);
    await checkGradients((u) => ops.sigmoid(u), [x], { places: 2 });
    expect([x.disposed, x.requiresGrad, x.grad]).toEqual([false, false, null]);
    await expect(checkGradients((u) => u, [x], { step: 0 })).rejects.toThrow(/checkGradients: step is 0/);
    await expect(checkGradients((u) => u, [3 as never])).rejects.toThrow(/inputs\[0\] is 3, wants a tensor/);
  });
});
