const shades = [' ', '░', '▒', '▓', '█'] as const;

/**
 * Draws a grey image as text. A pixel is two equal characters, which are about as wide together as a line of
 * a terminal is high; five shades, from a space to a full block, stand for equal parts of the range.
 *
 * @param pixels grey values in row-major order, `height * width` of them: 0 is background, 1 is full; values
 *   outside are drawn as the nearest of the two, NaN as `??`
 * @param height rows of the image, at least 1
 * @param width columns of the image, at least 1
 * @returns `height` lines of `2 * width` characters, without a newline after the last
 * @throws RangeError if a side is not a positive integer or the number of pixels does not fit
 */
export function textArt(pixels: ArrayLike<number>, height: number, width: number): string {
  for (const [side, size] of Object.entries({ height, width })) {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new RangeError(`textArt: ${side} is ${size}, wanted a positive integer`);
    }
  }
  if (pixels.length !== height * width) {
    throw new RangeError(
      `textArt: pixels has ${pixels.length} values, a ${height}×${width} image has ${height * width}`,
    );
  }
  const characters = Array.from(pixels, (value) => shade(value).repeat(2));
  return Array.from({ length: height }, (_, row) =>
    characters.slice(row * width, (row + 1) * width).join(''),
  ).join('\n');
}

function shade(value: number): string {
  const level = Math.floor(value * shades.length);
  return shades[Math.min(Math.max(level, 0), shades.length - 1)] ?? '?';
}
