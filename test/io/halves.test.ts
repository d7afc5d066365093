// All numbers of 16 bits, against what their bits say.
import { describe, expect, test } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../lib/io/safetensors/halves.js';

const word = new DataView(new ArrayBuffer(4));
const valueOf = (bits: number) => (word.setUint32(0, bits), word.getFloat32(0));
const bitsOf = (value: number) => (word.setFloat32(0, value), word.getUint32(0));

/** The value that sign, exponent and fraction stand for. */
function defined(half: number, exponentBits: number, fractionBits: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const most = 2 ** exponentBits - 1;
  const exponent = (half >> fractionBits) & most;
  const fraction = half & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === most) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
}

describe.each([
  { name: 'f16', exponent: 5, fraction: 10, toF32: f16ToF32, fromF32: f32ToF16, infinity: 0x7c00 },
  { name: 'bf16', exponent: 8, fraction: 7, toF32: bf16ToF32, fromF32: f32ToBf16, infinity: 0x7f80 },
])('$name', ({ exponent, fraction, toF32, fromF32, infinity }) => {
  test('each becomes the f32 of its value, and the same again', () => {
    let wrong = 0;
    for (let half = 0; half < 65_536; half++) {
      const bits = toF32(half);
      const [value, wanted] = [valueOf(bits), defined(half, exponent, fraction)];
      if (!Object.is(value, wanted) || fromF32(bits) !== half) wrong++;
      if (Number.isNaN(wanted) && bits >>> 31 !== half >>> 15) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test('between two, the nearer one is taken, and in the middle the even one', () => {
    let wrong = 0;
    for (const sign of [0, 0x8000]) {
      for (let half = 0; half < infinity; half++) {
        const [low, high] = [defined(half, exponent, fraction), defined(half + 1, exponent, fraction)];
        // Where infinity would be, were it a number.
        const above = high === Infinity ? 2 * low - defined(half - 1, exponent, fraction) : high;
        const middle = bitsOf((low + above) / 2);
        if (valueOf(middle) !== (low + above) / 2) wrong++;
        const even = half % 2 === 0 ? half : half + 1;
        const minus = sign === 0 ? 0 : 0x80000000;
        const found = [middle - 1, middle, middle + 1].map((bits) => fromF32((bits | minus) >>> 0));
        if (found.join() !== [half, even, half + 1].map((h) => h | sign).join()) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });

  test('what is larger becomes infinite, what is no number stays none', () => {
    for (const sign of [0, 0x80000000]) {
      const minus = sign === 0 ? 0 : 0x8000;
      for (const bits of [0x7f7fffff, 0x7f800000]) {
        expect(fromF32((bits | sign) >>> 0)).toBe(infinity | minus);
      }
      for (const bits of [0x7f800001, 0x7fc00000, 0x7fffffff, 0x7f801fff]) {
        const half = fromF32((bits | sign) >>> 0);
        expect(defined(half, exponent, fraction)).toBeNaN();
        expect(half & 0x8000).toBe(minus);
      }
      for (const bits of [0, 1, 0x007fffff]) {
        const small = fromF32((bits | sign) >>> 0);
        expect(small & 0x8000).toBe(minus);
        expect(Math.abs(defined(small, exponent, fraction))).toBeLessThan(2 ** -125);
      }
    }
  });
});
