import { describe, expect, test } from 'vitest';
import { backward } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { mul } from '../../lib/ops/elementwise.js';
import {
  broadcastTo,
  concat,
  flatten,
  gather,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  stack,
  transpose,
  unbroadcast,
  unsqueeze,
} from '../../lib/ops/movement.js';
import { Tensor, type DType, type Shape, type TypedArray } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

const dtypes = ['f32', 'i32', 'u8'] as const;

/** A tensor that holds other numbers in each place, as far as its dtype has them, and the numbers. */
function numbered<D extends DType>(dtype: D, shape: Shape): { x: Tensor<D>; data: TypedArray } {
  const Array = { f32: Float32Array, i32: Int32Array, u8: Uint8Array }[dtype];
  const data = new Array(volume(shape)).map((_, i) => (i * 7 + 1) % 65_521);
  return { x: new Tensor(native.tensor(data, shape), dtype), data };
}

function sameBytes(a: TypedArray, b: TypedArray): boolean {
  return Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;
}

/** The element of `data`, of the given shape, at a place with one index for each axis. */
function at(data: ArrayLike<number>, shape: Shape, place: readonly number[]): number {
  return data[place.reduce((offset, index, axis) => offset * shape[axis]! + index, 0)]!;
}

/** The elements of a tensor of `shape` from their places, in row-major order. */
function build(shape: Shape, element: (place: number[]) => number): number[] {
  const all: number[] = [];
  const visit = (place: number[]): void => {
    const extent = shape[place.length];
    if (extent === undefined) all.push(element(place));
    else for (let i = 0; i < extent; i++) visit([...place, i]);
  };
  visit([]);
  return all;
}

async function expectElements(
  y: Tensor<DType>,
  dtype: DType,
  shape: Shape,
  element: (place: number[]) => number,
): Promise<void> {
  expect(y.dtype).toBe(dtype);
  expect(native.dtype(y.handle)).toBe(dtype);
  expect(y.shape).toEqual(shape);
  const expected = build(shape, element);
  const data = await y.data();
  expect(data.length).toBe(expected.length);
  const wrong = expected.findIndex((v, i) => v !== data[i]);
  expect(wrong === -1 ? 'all right' : `${data[wrong]} at ${wrong}, wants ${expected[wrong]}`).toBe(
    'all right',
  );
}

describe('reshape and its kind', () => {
  test('share the storage and keep the order', async () => {
    const { x, data } = numbered('i32', [2, 3, 4]);
    const cases: [Tensor<DType>, Shape][] = [
      [reshape(x, [4, 6]), [4, 6]],
      [reshape(x, [-1]), [24]],
      [reshape(x, [2, -1, 2]), [2, 6, 2]],
      [x.reshape([1, 24, 1]), [1, 24, 1]],
      [flatten(x), [2, 12]],
      [flatten(x, 0), [24]],
      [x.flatten(-1), [2, 3, 4]],
      [unsqueeze(x, 0), [1, 2, 3, 4]],
      [unsqueeze(x, -1), [2, 3, 4, 1]],
      [squeeze(reshape(x, [1, 6, 1, 4])), [6, 4]],
      [squeeze(reshape(x, [1, 6, 1, 4]), -2), [1, 6, 4]],
      [squeeze(reshape(x, [1, 6, 1, 4]), [0, 2]), [6, 4]],
      [squeeze(x, []), [2, 3, 4]],
    ];
    for (const [y, shape] of cases) {
      expect(y.shape).toEqual(shape);
      expect(y.versions).toBe(x.versions);
      expect(await y.data()).toEqual(data);
    }
  });

  test('take scalars and empty tensors', () => {
    const scalar = f32([3], []);
    expect(reshape(scalar, [1, 1]).shape).toEqual([1, 1]);
    expect(reshape(scalar, [-1]).shape).toEqual([1]);
    expect(flatten(scalar, 0).shape).toEqual([1]);
    expect(unsqueeze(scalar, 0).shape).toEqual([1]);
    expect(squeeze(f32([3], [1, 1])).shape).toEqual([]);
    const empty = f32([], [2, 0, 3]);
    expect(reshape(empty, [5, 0]).shape).toEqual([5, 0]);
    expect(reshape(empty, [-1, 4]).shape).toEqual([0, 4]);
    expect(flatten(empty).shape).toEqual([2, 0]);
  });

  test('carry gradients', async () => {
    await expectGradients((x) => mul(reshape(x, [6, -1]), 2), [noisy([3, 4])]);
    await expectGradients((x) => flatten(squeeze(unsqueeze(x, 1)), 0), [noisy([3, 4])]);
    await expectGradients((x) => reshape(x, []), [noisy([1])]);
  });

  test('refuse', () => {
    const x = noisy([2, 3]);
    expect(() => reshape(x, [4])).toThrow(
      new RangeError('reshape: shape [4] has 4 elements, input [2, 3] has 6'),
    );
    expect(() => reshape(x, [-1, 4])).toThrow(
      'reshape: shape [-1, 4] does not fit the 6 elements of input [2, 3]',
    );
    for (const shape of [[-1, -1], [-1, 0], [-2, -3], [1.5, 4], [NaN], [-1, NaN], [-1, -6]]) {
      expect(() => reshape(x, shape)).toThrow(RangeError);
    }
    expect(() => reshape(f32([], [0]), [-1, 0])).toThrow(RangeError);
    expect(() => reshape(x, [1, 1, 1, 1, 1, 1, 1, 2, 3])).toThrow(RangeError);
    expect(() => reshape(x, 6 as never)).toThrow(TypeError);
    expect(() => reshape(x, ['6'] as never)).toThrow(TypeError);
    expect(() => flatten(x, 2)).toThrow(new RangeError('flatten: axis 2 is not in a tensor of 2 axes'));
    expect(() => flatten(x, 0.5)).toThrow(RangeError);
    expect(() => unsqueeze(x, 3)).toThrow(RangeError);
    expect(() => unsqueeze(x, -4)).toThrow(RangeError);
    expect(() => squeeze(x, 1)).toThrow(new RangeError('squeeze: axis 1 of [2, 3] has extent 3, wants 1'));
    expect(() => squeeze(x, 2)).toThrow(RangeError);
  });
});

describe.each(dtypes)('transpose of %s', (dtype) => {
  test.each<[number[], number[] | undefined]>([
    [[], undefined],
    [[5], undefined],
    [[3, 4], undefined],
    [[67, 131], undefined],
    [
      [300, 257],
      [1, 0],
    ],
    [
      [2, 37, 41, 3],
      [0, 3, 1, 2],
    ],
    [
      [2, 3, 37, 41],
      [0, 2, 3, 1],
    ],
    [
      [5, 1, 7, 1],
      [3, 2, 1, 0],
    ],
    [
      [3, 4, 5],
      [1, 0, 2],
    ],
    [
      [3, 4, 5, 6],
      [2, 0, 3, 1],
    ],
    [
      [17, 70, 66],
      [2, 1, 0],
    ],
    [
      [2, 3, 2, 2, 1, 3, 2, 2],
      [7, 1, 5, 2, 0, 6, 4, 3],
    ],
    [
      [2, 3, 4],
      [-1, -3, -2],
    ],
    [[0, 4], undefined],
    [
      [3, 0, 4],
      [2, 1, 0],
    ],
  ])('%j by %j', async (shape, axes) => {
    const { x, data } = numbered(dtype, shape);
    const order = (axes ?? shape.map((_, i) => shape.length - 1 - i)).map((a) =>
      a < 0 ? a + shape.length : a,
    );
    const y = transpose(x, axes);
    await expectElements(
      y,
      dtype,
      order.map((axis) => shape[axis]!),
      (place) => {
        const from: number[] = [];
        order.forEach((axis, i) => (from[axis] = place[i]!));
        return at(data, shape, from);
      },
    );
  });
});

describe('transpose', () => {
  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [
      noisy([313, 517]).transpose(),
      noisy([4, 59, 61, 5]).transpose([0, 3, 1, 2]),
    ]);
  });

  test('carries gradients', async () => {
    await expectGradients((x) => transpose(x), [noisy([3, 5])]);
    await expectGradients((x) => transpose(x, [-1, 0, 1]), [noisy([3, 5, 2])]);
  });

  test('refuses', () => {
    const x = noisy([2, 3]);
    expect(() => transpose(x, [0])).toThrow(
      new RangeError('transpose: axes has 1 elements, input [2, 3] wants 2'),
    );
    expect(() => transpose(x, [1, 1])).toThrow(new RangeError('transpose: axes names axis 1 twice'));
    expect(() => transpose(x, [0, 2])).toThrow(
      new RangeError('transpose: axis 2 is not in a tensor of 2 axes'),
    );
    expect(() => transpose(x, [0, 0.5])).toThrow(RangeError);
    expect(() => transpose(x, 1 as never)).toThrow(TypeError);
    expect(() => native.transpose('x' as never, [])).toThrow(TypeError);
  });
});

/** What Python's x[begin:end:step] picks. */
function picked(extent: number, begin = 0, end = Infinity, step = 1): number[] {
  const place = (i: number) => Math.min(Math.max(i < 0 ? i + extent : i, 0), extent);
  const list: number[] = [];
  for (let i = place(begin); i < place(end); i += step) list.push(i);
  return list;
}

describe.each(dtypes)('slice of %s', (dtype) => {
  test.each<[number[], number[], number[]?, number[]?]>([
    [[], []],
    [[10], [3]],
    [[10], [3], [7]],
    [[10], [-4], [-1]],
    [[10], [-100], [100]],
    [[10], [7], [3]],
    [[10], [1], [9], [3]],
    [[10], [0], [Infinity], [11]],
    [[70_003], [1], [-1], [2]],
    [[100_003], [5], [-5]],
    [[4, 5], []],
    [[4, 5], [1, 2], [3]],
    [
      [4, 5],
      [0, 1],
      [Infinity, Infinity],
      [1, 2],
    ],
    [
      [37, 41, 43],
      [3, 1, 40],
      [30, -2],
    ],
    [
      [37, 41, 43],
      [3, 0, 5],
      [Infinity, Infinity, 40],
      [5, 1, 3],
    ],
    [
      [0, 5],
      [0, 1],
      [0, 3],
    ],
    [
      [4, 5],
      [2, 0],
      [2, 5],
    ],
    [[1], [0], [1], [Number.MAX_SAFE_INTEGER]],
  ])('%j from %j to %j by %j', async (shape, begin, end, step) => {
    const { x, data } = numbered(dtype, shape);
    const places = shape.map((extent, axis) => picked(extent, begin[axis], end?.[axis], step?.[axis]));
    const y = slice(x, begin, end, step);
    await expectElements(
      y,
      dtype,
      places.map((list) => list.length),
      (place) =>
        at(
          data,
          shape,
          place.map((i, axis) => places[axis]![i]!),
        ),
    );
    const sets = places.map((list) => new Set(list));
    // Its adjoint puts the elements back, among zeros.
    const back = new Tensor(native.sliceBackward(y.handle, shape, begin, step ?? []), dtype);
    await expectElements(back, dtype, shape, (place) =>
      place.every((i, axis) => sets[axis]!.has(i)) ? at(data, shape, place) : 0,
    );
  });
});

describe('slice', () => {
  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const x = noisy([131, 517]);
      const y = slice(x, [1, 2], [-1, -3], [2, 3]);
      const back = new Tensor(native.sliceBackward(y.handle, x.shape, [1, 2], [2, 3]), 'f32');
      return [y, x.slice([5, 7], [100]), back];
    });
  });

  test('carries gradients', async () => {
    await expectGradients((x) => slice(x, [1], [3]), [noisy([4, 5])]);
    await expectGradients((x) => slice(x, [0, -4], [Infinity, -1], [2, 2]), [noisy([5, 6])]);
    await expectGradients((x) => slice(x, [2, 2], [2]), [noisy([4, 5])]);
    await expectGradients((x) => slice(x, []), [noisy([])]);
  });

  test('refuses', () => {
    const x = noisy([2, 3]);
    expect(() => slice(x, [0, 0, 0])).toThrow(
      new RangeError('slice: begin has 3 elements, input [2, 3] wants at most 2'),
    );
    expect(() => slice(x, [0], [1, 1, 1])).toThrow(RangeError);
    expect(() => slice(x, [0], [2], [0])).toThrow(
      new RangeError('slice: step[0] is 0, wants another number'),
    );
    expect(() => slice(x, [0], [2], [0.5])).toThrow(RangeError);
    expect(() => slice(x, 1 as never)).toThrow(TypeError);
    expect(() => slice(x, [0.5])).toThrow(RangeError);
    expect(() => slice(x, [0], [NaN])).toThrow(RangeError);
    expect(() => native.slice(x.handle, [0], 1 as never, [])).toThrow(TypeError);
    const wrong = [
      () => native.sliceBackward(x.handle, [2, 3, 1], [0], []),
      () => native.sliceBackward(x.handle, [2, 3], [1], []),
      () => native.sliceBackward(x.handle, [2, 3], [0, 0], [1, 2]),
      () => native.sliceBackward(x.handle, [2, -3], [0], []),
      () => native.sliceBackward(x.handle, [2 ** 40, 2 ** 40], [0], []),
    ];
    for (const call of wrong) expect(call).toThrow(RangeError);
  });
});

describe.each(dtypes)('pad of %s', (dtype) => {
  test.each<[number[], [number, number][], number]>([
    [[], [], 3],
    [[5], [[0, 0]], 1],
    [[5], [[2, 3]], 7],
    [[0], [[2, 3]], 7],
    [
      [3, 0],
      [
        [1, 0],
        [0, 2],
      ],
      9,
    ],
    [
      [3, 4],
      [
        [1, 2],
        [3, 0],
      ],
      0,
    ],
    [
      [2, 17, 19, 3],
      [
        [0, 0],
        [2, 2],
        [3, 3],
        [0, 0],
      ],
      5,
    ],
    [
      [2, 17, 19, 3],
      [
        [1, 0],
        [0, 2],
        [3, 1],
        [1, 2],
      ],
      255,
    ],
    [
      [0, 0],
      [
        [0, 0],
        [4, 4],
      ],
      1,
    ],
    [
      [300, 400],
      [
        [1, 1],
        [1, 1],
      ],
      4,
    ],
  ])('%j by %j with %d', async (shape, padding, value) => {
    const { x, data } = numbered(dtype, shape);
    const wanted = shape.map((extent, axis) => padding[axis]![0] + extent + padding[axis]![1]);
    await expectElements(pad(x, padding, value), dtype, wanted, (place) => {
      const from = place.map((i, axis) => i - padding[axis]![0]);
      return from.every((i, axis) => i >= 0 && i < shape[axis]!) ? at(data, shape, from) : value;
    });
  });
});

describe('pad', () => {
  test('takes any value of f32, and has the same bits for 1 and 2 threads', async () => {
    expect([...(await pad(f32([1], [1]), [[1, 1]], NaN).data())]).toEqual([NaN, 1, NaN]);
    expect([...(await pad(f32([1], [1]), [[0, 1]], -Infinity).data())]).toEqual([1, -Infinity]);
    await expectSameBits(() => [
      pad(
        noisy([3, 101, 107, 5]),
        [
          [0, 0],
          [1, 1],
          [2, 2],
          [0, 0],
        ],
        0.5,
      ),
    ]);
  });

  test('carries gradients', async () => {
    await expectGradients(
      (x) =>
        pad(
          x,
          [
            [1, 2],
            [0, 3],
          ],
          4,
        ),
      [noisy([3, 5])],
    );
    await expectGradients((x) => pad(x, []), [noisy([])]);
  });

  test('refuses', () => {
    const x = noisy([2, 3]);
    expect(() => pad(x, [[1, 1]])).toThrow(new RangeError('pad: padding is for 1 axes, input [2, 3] has 2'));
    expect(() =>
      pad(x, [
        [1, -1],
        [0, 0],
      ]),
    ).toThrow(new RangeError('pad: padding of axis 0 is [1, -1], wants at least 0'));
    expect(() =>
      pad(x, [
        [0.5, 0],
        [0, 0],
      ]),
    ).toThrow(RangeError);
    expect(() =>
      pad(x, [
        [2 ** 52, 2 ** 52],
        [2 ** 52, 0],
      ]),
    ).toThrow(RangeError);
    expect(() => pad(i32([1], [1]), [[1, 1]], 0.5)).toThrow(
      new RangeError('pad: value is 0.5, wants a whole number from -2147483648 to 2147483647 for dtype i32'),
    );
    expect(() => native.pad(x.handle, [0, 0], [0], 0)).toThrow(RangeError);
    expect(() => native.pad(x.handle, [0, 0], [0, 0], 'x' as never)).toThrow(TypeError);
  });
});

describe.each(dtypes)('concat, stack and split of %s', (dtype) => {
  test.each<[number[][], number]>([
    [[[3]], 0],
    [[[3], [0], [4]], 0],
    [[[70_001], [5], [20_000]], 0],
    [
      [
        [3, 20_003],
        [3, 0],
        [3, 1],
        [3, 7001],
      ],
      1,
    ],
    [
      [
        [2, 3],
        [2, 1],
        [2, 5],
      ],
      1,
    ],
    [
      [
        [2, 3],
        [1, 3],
      ],
      -2,
    ],
    [
      [
        [2, 17, 19, 3],
        [2, 17, 19, 8],
      ],
      3,
    ],
    [
      [
        [5, 7, 2],
        [5, 1, 2],
        [5, 3, 2],
      ],
      1,
    ],
    [
      [
        [300, 200],
        [300, 3],
        [300, 101],
      ],
      1,
    ],
    [
      [
        [0, 2],
        [0, 3],
      ],
      1,
    ],
  ])('%j along %d', async (shapes, axis) => {
    const parts = shapes.map((shape) => numbered(dtype, shape));
    const at0 = axis < 0 ? axis + shapes[0]!.length : axis;
    const ends = shapes.map((_, i) => shapes.slice(0, i + 1).reduce((sum, shape) => sum + shape[at0]!, 0));
    const whole = shapes[0]!.with(at0, ends.at(-1)!);
    const y = concat(
      parts.map(({ x }) => x),
      axis,
    );
    await expectElements(y, dtype, whole, (place) => {
      const part = ends.findIndex((end) => place[at0]! < end);
      return at(parts[part]!.data, shapes[part]!, place.with(at0, place[at0]! - (ends[part - 1] ?? 0)));
    });
    const sizes = shapes.map((shape) => shape[at0]!);
    const atOnce = native.split(y.handle, sizes, axis).map((handle) => new Tensor(handle, dtype));
    for (const again of [split(y, sizes, axis), atOnce]) {
      expect(again).toHaveLength(parts.length);
      for (const [i, part] of again.entries()) {
        expect(part.shape).toEqual(shapes[i]);
        expect(sameBytes(await part.data(), parts[i]!.data)).toBe(true);
      }
    }
  });

  test.each([0, 1, 2, -1])('stack along %d', async (axis) => {
    const parts = [1, 2, 3].map((k) => {
      const x = slice(numbered(dtype, [4, 5 * k]).x, [0, 5 * k - 5]);
      return { x, data: x.dataSync() };
    });
    const at0 = axis < 0 ? 2 : axis;
    const y = stack(
      parts.map(({ x }) => x),
      axis,
    );
    await expectElements(y, dtype, [4, 5].toSpliced(at0, 0, 3), (place) =>
      at(parts[place[at0]!]!.data, [4, 5], place.toSpliced(at0, 1)),
    );
  });
});

describe('concat, stack and split', () => {
  test('of scalars, and into parts of one size', async () => {
    const y = stack([f32([1], []), f32([2], [])]);
    expect(y.shape).toEqual([2]);
    expect([...(await y.data())]).toEqual([1, 2]);
    const parts = split(f32([1, 2, 3, 4, 5], [5]), 2);
    expect(parts.map((part) => [...part.dataSync()])).toEqual([[1, 2], [3, 4], [5]]);
    expect(split(f32([], [0, 2]), 3)).toEqual([]);
    expect(y.split(1).map((part) => part.shape)).toEqual([[1], [1]]);
  });

  test('the same tensor twice', async () => {
    const x = f32([1, 2], [2]);
    expect([...(await concat([x, x]).data())]).toEqual([1, 2, 1, 2]);
    await expectGradients((u) => concat([u, mul(u, u), u]), [noisy([5])]);
  });

  test('leave no tensors behind', async () => {
    const tensors = [noisy([3]), noisy([3])];
    await collectGarbage();
    const before = native.memory().liveTensors;
    stack(tensors).dispose();
    expect(native.memory().liveTensors).toBe(before);
  });

  test('carry gradients, where they are wanted', async () => {
    const wide: [Tensor, Tensor, Tensor] = [noisy([3, 2], 1), noisy([3, 5], 2), noisy([3, 1], 3)];
    await expectGradients((...tensors) => concat(tensors, 1), wide);
    await expectGradients((...tensors) => concat(tensors, -2), [noisy([2, 3], 1), noisy([4, 3], 2)]);
    await expectGradients((...tensors) => stack(tensors, 1), [noisy([2, 3], 1), noisy([2, 3], 2)]);
    await expectGradients(
      (x) => {
        const [a, , c] = split(x, [2, 3, 2], 1);
        return mul(a!, c!);
      },
      [noisy([3, 7])],
    );
    const [a, b] = [noisy([2]), noisy([2])];
    b.requiresGrad = true;
    backward(concat([a, b]), f32([1, 2, 3, 4], [4]));
    expect(a.grad).toBeNull();
    expect([...(await b.grad!.data())]).toEqual([3, 4]);
  });

  test('give the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [concat([noisy([331, 97], 1), noisy([331, 65], 2)], 1)]);
  });

  test('parts that do not make up the whole are refused', () => {
    const x = noisy([2, 3]).handle;
    for (const sizes of [[1, 1], [2, 2], [4, -1], [2 ** 53 - 1, 2 ** 53 - 1], []]) {
      expect(() => native.split(x, sizes, 1)).toThrow(
        new RangeError(
          `split: sizes are [${sizes.join(', ')}], wants whole numbers that add up to 3, axis 1 of [2, 3]`,
        ),
      );
    }
    expect(() => native.split(x, [3], 2)).toThrow(RangeError);
    expect(() => native.split(x, [1.5, 1.5], 1)).toThrow(RangeError);
    expect(native.split(noisy([2, 0]).handle, [], 1)).toEqual([]);
  });

  test('refuse', () => {
    const x = noisy([2, 3]);
    expect(() => concat([])).toThrow(new RangeError('concat: inputs is empty, wants at least one tensor'));
    expect(() => concat([x, noisy([3, 3])], 1)).toThrow(
      new RangeError('concat: inputs[1] has shape [3, 3], wants that of inputs[0], [2, 3], but for axis 1'),
    );
    expect(() => concat([x, noisy([2])], 1)).toThrow(RangeError);
    expect(() => concat([x, i32([1, 2, 3], [1, 3]) as never])).toThrow(
      new TypeError('concat: inputs[1] is i32 [1, 3], wants dtype f32'),
    );
    expect(() => concat([x], 2)).toThrow(new RangeError('concat: axis 2 is not in a tensor of 2 axes'));
    expect(() => concat([x], 0.5)).toThrow(RangeError);
    expect(() => concat([f32([1], [])])).toThrow(RangeError);
    expect(() => concat(x as never)).toThrow(TypeError);
    expect(() => concat([x, 3 as never])).toThrow(TypeError);
    expect(() => stack([])).toThrow(RangeError);
    expect(() => stack([x, noisy([3, 2])])).toThrow(
      new RangeError('stack: tensors[1] has shape [3, 2], wants that of tensors[0], [2, 3]'),
    );
    expect(() => stack([x], 3)).toThrow(RangeError);
    expect(() => stack([noisy([1, 1, 1, 1, 1, 1, 1, 1])])).toThrow(RangeError);
    expect(() => split(x, 0)).toThrow(RangeError);
    expect(() => split(x, [1, 2])).toThrow(
      new RangeError('split: sizes are [1, 2], wants whole numbers that add up to 2, axis 0 of [2, 3]'),
    );
    expect(() => split(x, [3, -1])).toThrow(RangeError);
    expect(() => split(x, 1, 2)).toThrow(RangeError);
  });
});

describe.each(dtypes)('broadcastTo of %s', (dtype) => {
  test.each<[number[], number[]]>([
    [[], []],
    [[], [3, 4]],
    [[1], [70_001]],
    [[5], [7, 5]],
    [
      [5, 1],
      [5, 9],
    ],
    [
      [1, 5, 1, 3],
      [4, 2, 5, 6, 3],
    ],
    [
      [3, 1, 1],
      [3, 250, 260],
    ],
    [
      [1, 4],
      [0, 4],
    ],
    [[1], [0]],
    [
      [2, 0],
      [3, 2, 0],
    ],
    [
      [2, 1, 2, 1, 2, 1, 2, 1],
      [2, 2, 2, 2, 2, 2, 2, 2],
    ],
  ])('%j to %j', async (from, to) => {
    const { x, data } = numbered(dtype, from);
    await expectElements(broadcastTo(x, to), dtype, to, (place) =>
      at(
        data,
        from,
        place.slice(to.length - from.length).map((i, axis) => (from[axis] === 1 ? 0 : i)),
      ),
    );
  });
});

describe('broadcastTo', () => {
  test('carries gradients', async () => {
    await expectGradients((x) => broadcastTo(x, [4, 3, 5]), [noisy([3, 1])]);
    await expectGradients((x) => broadcastTo(x, [4, 3]), [noisy([])]);
    await expectGradients((x) => broadcastTo(x, [3, 4]), [noisy([3, 4])]);
    const sum = unbroadcast(f32([1, 2, 3, 4, 5, 6], [3, 2]), [1, 2]);
    expect(sum.shape).toEqual([1, 2]);
    expect([...(await sum.data())]).toEqual([9, 12]);
    const nothing = unbroadcast(f32([], [0, 2]), [1, 2]);
    expect([...(await nothing.data())]).toEqual([0, 0]);
  });

  test('refuses', () => {
    const x = noisy([2, 3]);
    expect(() => broadcastTo(x, [3, 3])).toThrow(
      'broadcastTo: input [2, 3] does not broadcast to shape [3, 3]',
    );
    expect(() => broadcastTo(x, [3])).toThrow(RangeError);
    expect(() => broadcastTo(x, [2, 1])).toThrow(RangeError);
    expect(() => broadcastTo(x, [-1, 2, 3])).toThrow(RangeError);
    expect(() => broadcastTo(x, [1, 1, 1, 1, 1, 1, 1, 2, 3])).toThrow(RangeError);
    expect(() => broadcastTo(x, 3 as never)).toThrow(TypeError);
  });
});

/** n whole numbers in [0, below). */
function places(n: number, below: number, seed = 5): number[] {
  return Array.from(noise(n, seed), (v) => Math.floor(((v + 1) / 2) * below) % below);
}

describe.each(dtypes)('gather of %s', (dtype) => {
  test.each<[number[], number[]]>([
    [[5], [7]],
    [[5], []],
    [[5, 3], [4]],
    [
      [5, 3],
      [2, 2],
    ],
    [
      [11, 2, 3, 4],
      [3, 1, 2],
    ],
    [[300, 257], [513]],
    [[1, 100_003], [3]],
    [[5, 0], [4]],
    [[0, 3], [0]],
    [
      [7, 3],
      [0, 2],
    ],
  ])('%j at %j', async (shape, index) => {
    const { x, data } = numbered(dtype, shape);
    const indices = places(volume(index), shape[0]!);
    const y = gather(x, i32(indices, index));
    await expectElements(y, dtype, [...index, ...shape.slice(1)], (place) =>
      at(data, shape, [at(indices, index, place.slice(0, index.length)), ...place.slice(index.length)]),
    );
  });
});

describe('gather', () => {
  test.each<[number[], number[]]>([
    [[5], [7]],
    [[5, 3], []],
    [
      [11, 2, 3],
      [3, 5],
    ],
    [[97, 67], [1031]],
    [[3, 9001], [17]],
    [[4, 5], [0]],
    [[0, 5], [0]],
    [[4, 0], [3]],
    [[1, 40], [2000]],
  ])('its gradient adds what was taken twice: %j at %j', async (shape, index) => {
    const indices = places(volume(index), shape[0]!);
    const gradient = noise(volume(index) * volume(shape.slice(1)), 8);
    const expected = new Float64Array(volume(shape));
    const width = volume(shape.slice(1));
    gradient.forEach((g, i) => (expected[indices[Math.floor(i / width)]! * width + (i % width)]! += g));
    const g = f32(gradient, [...index, ...shape.slice(1)]);
    const back = new Tensor(native.gatherBackward(g.handle, i32(indices, index).handle, shape[0]!, 0), 'f32');
    expect(back.shape).toEqual(shape);
    await expectClose(back, expected, 1e-6);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const indices = places(20_011, 50);
    await expectSameBits(() => {
      const x = noisy([50, 33]);
      const index = i32(indices, [20_011]);
      const y = x.gather(index);
      return [y, new Tensor(native.gatherBackward(y.handle, index.handle, 50, 0), 'f32')];
    });
  });

  test('carries gradients', async () => {
    await expectGradients((x) => gather(x, i32([4, 0, 4, 2], [2, 2])), [noisy([5, 3])]);
    await expectGradients((x) => gather(x, i32([1], [])), [noisy([3])]);
  });

  test('tells at the read of an index out of range', async () => {
    const x = noisy([5, 3]);
    await expect(gather(x, i32([0, 5], [2])).data()).rejects.toThrow(
      'gather: index 5 at place 1 is not in [0, 5)',
    );
    const poisoned = mul(gather(x, i32([-1], [1])), 2);
    await expect(poisoned.data()).rejects.toThrow('gather: index -1 at place 0');
    expect(() => gather(f32([], [0]), i32([0], [1])).dataSync()).toThrow('not in [0, 0)');
    expect(() => gather(f32([], [2, 0]), i32([2], [1])).dataSync()).toThrow('not in [0, 2)');
    const g = noisy([2, 3]);
    const back = new Tensor(native.gatherBackward(g.handle, i32([0, 4], [2]).handle, 4, 0), 'f32');
    await expect(back.data()).rejects.toThrow('gatherBackward: index 4 at place 1');
    expect((await gather(x, i32([4], [1])).data()).length).toBe(3);
  });

  test('refuses', () => {
    const x = noisy([5, 3]);
    const index = i32([0], [1]);
    expect(() => gather(x, f32([0], [1]) as never)).toThrow(
      new TypeError('gather: indices is f32 [1], wants dtype i32'),
    );
    expect(() => gather(f32([1], []), index)).toThrow(
      new RangeError('gather: input is a scalar, wants at least one axis'),
    );
    expect(() => gather(noisy([1, 1, 1, 1, 1, 1, 1, 1]), i32([0], [1, 1]))).toThrow(RangeError);
    expect(() => native.gatherBackward(x.handle, index.handle, 3, 0)).toThrow(
      new RangeError('gatherBackward: gradient has shape [5, 3], wants one that has [1] from axis 0 on'),
    );
    expect(() => native.gatherBackward(f32([1], []).handle, index.handle, 3, 0)).toThrow(RangeError);
    expect(() => native.gatherBackward(noisy([1]).handle, index.handle, -1, 0)).toThrow(RangeError);
    expect(() => native.gatherBackward(noisy([1, 7]).handle, index.handle, 2 ** 47, 0)).toThrow(RangeError);
    const scalar = i32([0], []);
    const nine = noisy([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(() => native.gatherBackward(nine.handle, scalar.handle, 1, 0)).toThrow(RangeError);
    expect(() => native.gatherBackward(index.handle, index.handle, 1, 0)).toThrow(TypeError);
  });
});

// 32 MiB and more goes past the caches.
test.each([
  { widths: [16, 48, 32], rows: 88_000 },
  { widths: [5, 16, 3], rows: 350_000 },
  { widths: [1, 700], rows: 12_000 },
])('large parts of $widths columns, put together and taken apart', async ({ widths, rows }) => {
  const wide = widths.reduce((sum, width) => sum + width);
  const parts = widths.map((width, i) => noisy([rows, width], i));
  const from = await Promise.all(parts.map((part) => part.data()));
  const whole = concat(parts, 1);
  const expected = new Float32Array(rows * wide);
  for (let row = 0; row < rows; row++) {
    let at = row * wide;
    for (const [i, width] of widths.entries()) {
      expected.set(from[i]!.subarray(row * width, (row + 1) * width), at);
      at += width;
    }
  }
  expect(sameBytes(await whole.data(), expected)).toBe(true);
  let start = 0;
  for (const [i, width] of widths.entries()) {
    expect(sameBytes(await slice(whole, [0, start], [rows, (start += width)]).data(), from[i]!)).toBe(true);
  }
  const copy = new Tensor(native.full([rows, wide], 0, 'f32'), 'f32');
  copy.assign(whole);
  expect(sameBytes(await copy.data(), expected)).toBe(true);
});
