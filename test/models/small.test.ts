import { describe, expect, test } from 'vitest';
import { models, randn, type nn } from '../../lib/index.js';

const parameters = (model: nn.Module): number => model.parameters().reduce((n, { size }) => n + size, 0);

describe('smallVgg', () => {
  test('has the parameters and gives the scores that it says', async () => {
    const model = models.smallVgg();
    expect(parameters(model)).toBe(1_148_874);
    using y = model.forward(randn([2, 32, 32, 3]));
    expect(y.shape).toEqual([2, 10]);
    expect((await y.data()).every(Number.isFinite)).toBe(true);
    const tiny = models.smallVgg({ classes: 3, channels: 1, widths: [4, 8] });
    expect(tiny.forward(randn([1, 7, 9, 1])).shape).toEqual([1, 3]);
    expect([...tiny.stateDict().keys()].slice(0, 3)).toEqual([
      'features.0.weight',
      'features.1.weight',
      'features.1.bias',
    ]);
  });

  test('refuses widths that are none', () => {
    expect(() => models.smallVgg({ widths: [] })).toThrow('smallVgg: widths is [], wants a list of channels');
    expect(() => models.smallVgg({ widths: 3 as never })).toThrow('smallVgg: widths is 3');
  });
});

describe('mlp', () => {
  test('has the layers that it is told', () => {
    const model = models.mlp(4);
    expect(parameters(model)).toBe(4 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10);
    expect(model.forward(randn([5, 2, 2])).shape).toEqual([5, 10]);
    expect(parameters(models.mlp(4, { classes: 3, widths: [] }))).toBe(15);
    expect(() => models.mlp(4, { widths: 'wide' as never })).toThrow("mlp: widths is 'wide', wants a list");
  });
});
