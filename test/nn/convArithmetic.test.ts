import { describe, expect, test } from 'vitest';
import { nn, noGrad, ops, randn, scope } from '../../lib/index.js';

const {
  convMultiplyAdds, convOutputSize, convParameters, convTransposeOutputSize, receptiveField,
} = nn; // prettier-ignore

describe('convolution arithmetic', () => {
  test('output sizes are those of the operations', () => {
    for (const size of [7, 12, 23])
      for (const kernelSize of [1, 2, 3, 5])
        for (const stride of [1, 2, 3])
          for (const padding of [0, 1, 2])
            for (const dilation of [1, 2]) {
              if (size + 2 * padding < dilation * (kernelSize - 1) + 1) continue;
              const window = { kernelSize, stride, padding, dilation };
              const wanted = convOutputSize(size, window);
              scope(() => {
                const x = randn([1, size, 1]);
                expect(ops.conv1d(x, randn([kernelSize, 1, 1]), null, window).shape[1]).toBe(wanted);
                const transposed = ops.convTranspose1d;
                if ((size - 1) * stride - 2 * padding + dilation * (kernelSize - 1) + 1 < 1) return;
                expect(transposed(x, randn([kernelSize, 1, 1]), null, window).shape[1]).toBe(
                  convTransposeOutputSize(size, window),
                );
              });
            }
  });

  test('with ceilMode, those of pooling', () => {
    for (const size of [5, 6, 7, 8, 13])
      for (const kernelSize of [2, 3])
        for (const stride of [1, 2, 3])
          for (const padding of [0, 1]) {
            const options = { stride, padding, ceilMode: true };
            const y = noGrad(() => ops.maxPool2d(randn([1, size, size, 1]), kernelSize, options));
            expect(convOutputSize(size, { kernelSize, ...options })).toBe(y.shape[1]);
          }
  });

  test('parameters are those of the layers', () => {
    const layers = [
      [
        new nn.Conv2d(6, 8, [3, 5], { groups: 2 }),
        { inChannels: 6, outChannels: 8, kernelSize: [3, 5], groups: 2 },
      ],
      [
        new nn.Conv1d(4, 5, 3, { bias: false }),
        { inChannels: 4, outChannels: 5, kernelSize: [3], bias: false },
      ],
      [new nn.Linear(7, 9), { inChannels: 7, outChannels: 9, kernelSize: [] }],
    ] as const;
    for (const [layer, size] of layers) {
      expect(convParameters(size)).toBe(layer.parameters().reduce((n, p) => n + p.size, 0));
    }
  });

  test('multiply-adds of a published layer', () => {
    // The first layer of VGG-16: 3·3·3·64 for each of 224² places.
    const first = { inChannels: 3, outChannels: 64, kernelSize: [3, 3] };
    expect(convMultiplyAdds(first, [224, 224])).toBe(86_704_128);
  });

  test('a chain of m windows of l places sees (l − 1)·m + 1', () => {
    for (const l of [1, 2, 3, 5, 7])
      for (const m of [0, 1, 2, 5]) {
        const { size, jump } = receptiveField(Array.from({ length: m }, () => ({ kernelSize: l })));
        expect([size, jump]).toEqual([(l - 1) * m + 1, 1]);
      }
  });

  test('receptive fields are where gradients are', async () => {
    const chain = [
      { kernelSize: 3, stride: 2, padding: 1 },
      { kernelSize: 5, dilation: 2, padding: 3 },
      { kernelSize: 2, stride: 2 },
    ];
    const { size, jump, start } = receptiveField(chain);
    const x = randn([1, 61, 1]);
    x.requiresGrad = true;
    let y = x;
    for (const { kernelSize, ...options } of chain)
      y = ops.conv1d(y, randn([kernelSize, 1, 1]), null, options);
    const places = y.shape[1]!;
    const middle = Math.floor(places / 2);
    const one = ops.reshape(ops.slice(y, [0, middle], [1, middle + 1]), []);
    one.backward();
    const reached = [...(await x.grad!.data())].flatMap((g, i) => (g === 0 ? [] : [i]));
    expect(jump).toBe(4);
    expect(reached.at(-1)! - reached[0]! + 1).toBe(size);
    expect((reached.at(-1)! + reached[0]!) / 2).toBe(start + middle * jump);
  });

  test('refuses sizes that are none', () => {
    expect(() => convOutputSize(4, { kernelSize: 0 })).toThrow(
      /convOutputSize: kernelSize is 0, wants a whole/,
    );
    expect(() => convOutputSize(4, { kernelSize: 7, padding: 1 })).toThrow(
      /reaches over 7 places, wants at most the 6/,
    );
    expect(() => convTransposeOutputSize(1, { kernelSize: 1, padding: 1 })).toThrow(/leaves -1 places/);
    expect(() => convParameters({ inChannels: 3, outChannels: 4, kernelSize: [3], groups: 2 })).toThrow(
      /inChannels is 3, wants a multiple of groups, 2/,
    );
    expect(() => receptiveField([{ kernelSize: 3, stride: 0.5 }])).toThrow(/receptiveField: stride is 0.5/);
  });
});
