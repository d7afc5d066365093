/** How a value is written: a number, a share of 1, a count in a second. */
export type Format = 'number' | 'share' | 'rate';

export function formatted(value: number | null | undefined, format: Format): string {
  if (value === null || value === undefined) return '–';
  if (Number.isNaN(value)) return 'not a number';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (format === 'share') return `${(100 * value).toFixed(1)}%`;
  if (format === 'rate') return Math.round(value).toLocaleString('en-US');
  return significant(value);
}

/** Four digits, with a power of ten where there would be many zeros. */
function significant(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return minus(String(Number(value.toExponential(3))));
  return minus(String(Number(value.toPrecision(4))));
}

function minus(text: string): string {
  return text.replaceAll('-', '−');
}

/** As 1:02:03, or 0:07. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = String(whole % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 sample`, `2 samples`. */
export function several(n: number, what: string): string {
  return `${count(n)} ${what}${n === 1 ? '' : 's'}`;
}
