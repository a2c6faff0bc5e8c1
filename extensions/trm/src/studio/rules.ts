/** Reads and writes durations as h:mm:ss. Pure. */

/** The unit of a field: seconds or milliseconds. */
export type Unit = 's' | 'ms';

const PER_SECOND: Readonly<Record<Unit, number>> = { s: 1, ms: 1000 };
const TYPED = /^(?:(?:(\d+):)?(\d{1,2}):)?(\d+)(?:[.,](\d{1,3}))?$/;

const two = (value: number): string => String(value).padStart(2, '0');

/** Return a duration as h:mm:ss, with milliseconds if that is the unit; '' for a value that is not a number. */
export function shown(value: unknown, unit: Unit = 's'): string {
  const count = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isFinite(count)) return '';
  const whole = Math.floor(Math.abs(count) / PER_SECOND[unit]);
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const rest = unit === 'ms' ? `.${String(Math.abs(count) % 1000).padStart(3, '0')}` : '';
  return `${count < 0 ? '-' : ''}${String(hours)}:${two(minutes)}:${two(seconds)}${rest}`;
}

/** Return a typed duration (90, 1:30 or 0:01:30) in the unit. Null for an empty text, undefined for an invalid one. */
export function read(text: string, unit: Unit = 's'): number | null | undefined {
  if (text.trim() === '') return null;
  const found = TYPED.exec(text.trim());
  if (found === null) return undefined;
  const [hours, minutes, seconds] = [found[1] ?? '0', found[2] ?? '0', found[3] ?? '0'].map(Number);
  if (hours === undefined || minutes === undefined || seconds === undefined) return undefined;
  // 1:75 is invalid; 75 alone is a minute and a quarter.
  if (minutes > 59 && found[1] !== undefined) return undefined;
  if (seconds > 59 && found[2] !== undefined) return undefined;
  const fraction = found[4] ?? '';
  if (fraction !== '' && unit === 's') return undefined;
  return (hours * 3600 + minutes * 60 + seconds) * PER_SECOND[unit] + Number(fraction.padEnd(3, '0'));
}

/** Return an object without its empty values; null if nothing is left. */
export function filled(values: Readonly<Record<string, unknown>>): Record<string, unknown> | null {
  const isEmpty = (value: unknown): boolean =>
    value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
  const some = Object.entries(values).filter(([, value]) => !isEmpty(value));
  return some.length === 0 ? null : Object.fromEntries(some);
}
