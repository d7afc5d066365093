import { describe, expect, test } from 'vitest';
import { samePlaces, reshapedOrder } from '../../../lib/io/onnx/import/layout.js';
import {
  inverseMoves,
  moved,
  movedElements,
  movedShape,
  simplified,
  type Move,
} from '../../../lib/io/onnx/import/moves.js';
import { f32, noise, volume } from '../../check.js';

const last = [0, 2, 3, 1];

describe('reshapedOrder()', () => {
  const cases: readonly [what: string, ...Parameters<typeof reshapedOrder>, order: number[] | null][] = [
    ['as the file has it', ['N', 3, 4], [0, 1, 2], ['N', 12], [0, 1]],
    ['pooled images become rows', ['N', 8, 1, 1], last, ['N', 8], [0, 1]],
    ['rows become pooled images', ['N', 8], [0, 1], ['N', 8, 1, 1], [0, 1, 2, 3]],
    ['channels in groups', ['N', 8, 'H', 'W'], last, ['N', 2, 4, 'H', 'W'], [0, 3, 4, 1, 2]],
    ['groups of channels together', ['N', 2, 4, 'H', 'W'], [0, 3, 4, 1, 2], ['N', 8, 'H', 'W'], last],
    ['groups that were exchanged', ['N', 4, 2, 'H', 'W'], [0, 3, 4, 2, 1], ['N', 8, 'H', 'W'], null],
    ['places together', ['N', 8, 4, 5], last, ['N', 8, 20], [0, 2, 1]],
    ['an image as a row', ['N', 8, 4, 5], last, ['N', 160], null],
    ['too little known', ['N', 8, 'H', 'W'], last, ['N', 'A', 'B'], null],
    ['of nothing', ['N', 0, 2, 2], last, ['N', 0], null],
  ];
  test.each(cases)('%s', (_, shape, order, target, wanted) => {
    expect(reshapedOrder(shape, order, target)).toEqual(wanted);
  });
});

test('samePlaces(): axes of extent 1 do not count', () => {
  expect(samePlaces(['N', 8, 1, 1], [0, 1, 2, 3], last)).toBe(true);
  expect(samePlaces(['N', 8, 'H', 1], [0, 1, 2, 3], last)).toBe(false);
});

describe('moves', () => {
  const shape = [2, 3, 4];
  const moves: Move[] = [{ axes: [2, 0, 1] }, { shape: [8, 3] }, { axes: [1, 0] }];

  test('of a tensor and of elements are the same, and go back', async () => {
    const values = noise(volume(shape));
    using x = f32(values, shape);
    const y = moved(x, moves);
    expect(y.shape).toEqual(movedShape(shape, moves));
    expect([...(await y.data())]).toEqual(movedElements([...values], shape, moves));
    const back = moved(y, inverseMoves(shape, moves));
    expect(back.shape).toEqual(shape);
    expect([...(await back.data())]).toEqual([...values]);
  });

  test('those that change nothing are left out', () => {
    expect(simplified(shape, [{ axes: [0, 1, 2] }, { shape: [2, 3, 4] }, { shape: [6, 4] }])).toEqual([
      { shape: [6, 4] },
    ]);
  });
});
