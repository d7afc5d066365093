import { describe, expect, it } from 'vitest';
import { textArt } from '../../lib/cli/textArt.js';

describe('textArt', () => {
  it('draws two characters a pixel, row by row', () => {
    expect(textArt([0, 1, 0, 1, 0, 1], 2, 3)).toBe('  ██  \n██  ██');
    expect(textArt(new Float32Array([1]), 1, 1)).toBe('██');
  });

  it('gives each of the five shades a fifth of the range', () => {
    expect(textArt([0, 0.19, 0.2, 0.39, 0.4, 0.59, 0.6, 0.79, 0.8, 1], 5, 2)).toBe(
      ['    ', '░░░░', '▒▒▒▒', '▓▓▓▓', '████'].join('\n'),
    );
  });

  it('draws values outside the range as the nearest within, and NaN as question marks', () => {
    expect(textArt([-3, -Infinity, 7, Infinity, NaN], 1, 5)).toBe('    ████??');
  });

  it('rejects sides and lengths that do not describe an image', () => {
    expect(() => textArt([], 0, 3)).toThrow(
      new RangeError('textArt: height is 0, wanted a positive integer'),
    );
    expect(() => textArt([1], 1, 1.5)).toThrow(
      new RangeError('textArt: width is 1.5, wanted a positive integer'),
    );
    expect(() => textArt([1, 2, 3], 2, 2)).toThrow(
      new RangeError('textArt: pixels has 3 values, a 2×2 image has 4'),
    );
  });
});
