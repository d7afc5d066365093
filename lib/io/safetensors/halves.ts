// Numbers of 16 bits as bits of f32, and back. By their bits, as an arithmetic unit may change those of a NaN.

/** IEEE 754's binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
export function f16ToF32(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

/** The nearest, of two equally near the even one; infinity from 65,520 on. A NaN keeps its sign and the front of its fraction. */
export function f32ToF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7c00 | ((size >>> 13) & 0x3ff || 0x200);
  if (size >= 0x47800000) return sign | 0x7c00;
  if (size >= 0x38800000) return sign | ((size + 0xfff + ((size >>> 13) & 1) - 0x38000000) >>> 13);
  // Below 2⁻¹⁴, in steps of 2⁻²⁴.
  const exponent = size >>> 23;
  if (exponent < 102) return sign;
  const shift = 126 - exponent;
  const fraction = (size & 0x7fffff) | 0x800000;
  const whole = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (whole + (rest > half || (rest === half && (whole & 1) === 1) ? 1 : 0));
}

/** The front half of an f32: 1 bit of sign, 8 of exponent, 7 of fraction. */
export function bf16ToF32(half: number): number {
  return (half << 16) >>> 0;
}

/** As f32ToF16: the nearest, of two equally near the even one. */
export function f32ToBf16(bits: number): number {
  const front = bits >>> 16;
  if ((bits & 0x7fffffff) > 0x7f800000) return (front & 0x7f) === 0 ? front | 0x40 : front;
  return (bits + 0x7fff + (front & 1)) >>> 16;
}
