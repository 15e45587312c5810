// Numbers and names as people read them. The page is in English: readers with another locale get English with a
// 24-hour clock, so that text and numbers are in one language. Times are in times.ts.
export const locale = navigator.language.startsWith('en') ? navigator.language : 'en-GB';
export const thin = '\u202f';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const digits = new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 });
const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number) => whole.format(value);
/** A count with the words that follow it: "1 row", "2,000 rows". */
export const counted = (value: number, one: string, more: string) => `${count(value)} ${value === 1 ? one : more}`;
export const compact = (value: number) => short.format(value);

/** A number that need not be whole, with more digits if it is small. */
export function rate(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return whole.format(value);
  if (size >= 10) return tenths.format(value);
  return size >= 0.1 ? hundredths.format(value) : digits.format(value);
}

/** Share of a whole: 0.123 is 12.3 %. */
export function share(part: number): string {
  if (part > 0 && part < 0.001) return `<0.1${thin}%`;
  return `${tenths.format(part * 100)}${thin}%`;
}

/** Two standard errors: 95 % of the estimates lie within. */
export const margin = (error: number) => `±${tenths.format(error * 200)}${thin}%`;

export interface Change {
  direction: 'up' | 'down' | 'same' | 'new';
  text: string;
}

export function change(value: number, before: number): Change {
  if (before === 0)
    return value === 0 ? { direction: 'same', text: 'no change' } : { direction: 'new', text: 'new' };
  const relative = Math.abs((value - before) / before);
  if (relative < 0.0005) return { direction: 'same', text: 'no change' };
  const percent = relative < 0.1 ? tenths.format(relative * 100) : whole.format(relative * 100);
  return { direction: value > before ? 'up' : 'down', text: `${percent}${thin}%` };
}

export function bytes(size: number | null): string {
  if (size === null) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? whole.format(value) : tenths.format(value)}${thin}${units[unit]}`;
}

export function milliseconds(value: number): string {
  if (value >= 1000) return duration(value / 1000);
  return `${value < 10 ? tenths.format(value) : whole.format(value)}${thin}ms`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? tenths.format(seconds) : whole.format(seconds)}${thin}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${thin}min ${Math.floor(seconds % 60)}${thin}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${thin}h ${minutes % 60}${thin}min`;
  return `${Math.floor(hours / 24)}${thin}d ${hours % 24}${thin}h`;
}

/** How long before the answer was made: `now` is the database's clock, not this machine's. */
export function ago(time: string, now: string): string {
  const seconds = (Date.parse(now) - Date.parse(time)) / 1000;
  return seconds < 1 ? 'just now' : `${duration(Math.floor(seconds)).replace('.0', '')} ago`;
}

const regions = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** The name of the country with this code; null if there is none. ZZ is the code for an unknown country. */
export function country(code: string): string | null {
  return /^[A-Z]{2}$/.test(code) && code !== 'ZZ' ? (regions.of(code) ?? null) : null;
}
