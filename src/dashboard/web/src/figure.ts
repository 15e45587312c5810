// A figure of a measure as people read it: its number with its unit. Texts (the least or most of times or names) are
// shown as they are.
import type { Figure, Measure } from './api';
import { inWords } from './family';
import { bytes, compact, count, duration, locale, milliseconds, rate, share, thin } from './format';

const currencies = new Set(Intl.supportedValuesOf('currency'));

const money = (value: number, currency: string, options: Intl.NumberFormatOptions) =>
  new Intl.NumberFormat(locale, { style: 'currency', currency, ...options }).format(value);

function signed(value: number, show: (size: number) => string): string {
  return value < 0 ? `−${show(-value)}` : show(value);
}

function plain(value: number, { kind }: Measure): string {
  if (kind === 'count' || kind === 'distinct') return count(value);
  return kind === 'sum' && Number.isInteger(value) ? count(value) : rate(value);
}

export function number(value: number, measure: Measure): string {
  const { unit } = measure;
  switch (unit) {
    case null:
    case '/s':
      return plain(value, measure);
    case '%':
      return signed(value, share);
    case 'ms':
      return signed(value, milliseconds);
    case 's':
      return signed(value, duration);
    case 'B':
    case 'bytes':
      return signed(value, bytes);
  }
  if (!currencies.has(unit)) return `${plain(value, measure)}${thin}${unit}`;
  return money(value, unit, Math.abs(value) >= 10_000 ? { maximumFractionDigits: 0 } : {});
}

export function figure(value: Figure, measure: Measure): string {
  if (value === null) return '–';
  if (measure.kind === 'flag') return ['1', 't', 'true'].includes(String(value)) ? 'yes' : 'no';
  return typeof value === 'number' ? number(value, measure) : inWords(String(value));
}

/** Short, for an axis. */
export function tick(value: number, measure: Measure): string {
  const { unit } = measure;
  if (unit === null || unit === '/s' || value === 0) return compact(value);
  if (unit === '%') return `${compact(value * 100)}${thin}%`;
  if (unit === 's' || unit === 'ms' || unit === 'B' || unit === 'bytes') return number(value, measure);
  if (!currencies.has(unit)) return `${compact(value)}${thin}${unit}`;
  return money(value, unit, { notation: 'compact', maximumFractionDigits: 1, minimumFractionDigits: 0 });
}
