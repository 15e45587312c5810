// The calendar of a time zone: where its days, weeks and months begin, right also where a clock change makes a
// day of 23 or 25 hours. Instants are milliseconds since 1970. A wall time is what a clock on a wall there shows, as
// the instant at which a clock of UTC shows the same.

export type Unit = 'day' | 'week' | 'month' | 'quarter' | 'year';

const day = 86_400_000;
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (!clock) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
    const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
    clock = new Intl.DateTimeFormat('en-US', { timeZone: zone, ...parts, ...time });
    clocks.set(zone, clock);
  }
  return clock;
}

/** Whether this browser knows the zone. */
export function knows(zone: string): boolean {
  try {
    clockOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** Names that browsers still give, and PostgreSQL may not know any more. */
const renamed: Record<string, string> = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Catamarca': 'America/Argentina/Catamarca',
  'America/Coral_Harbour': 'America/Atikokan',
  'America/Cordoba': 'America/Argentina/Cordoba',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Jujuy': 'America/Argentina/Jujuy',
  'America/Louisville': 'America/Kentucky/Louisville',
  'America/Mendoza': 'America/Argentina/Mendoza',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
};

/** The name of a zone as it is today. */
export function currentName(zone: string): string {
  const name = renamed[zone];
  return name !== undefined && knows(name) ? name : zone;
}

export function wall(zone: string, instant: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of clockOf(zone).formatToParts(instant)) part[type] = Number(value);
  const of = (name: string) => part[name] ?? 0;
  const whole = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  return whole + (((instant % 1000) + 1000) % 1000);
}

/**
 * The instant of a wall time: the later, if there are two, as in PostgreSQL. A wall time that a clock change leaves out is taken by the
 * clock before the change, so midnight is the moment of the change.
 */
export function instantOf(zone: string, time: number): number {
  const offset = (near: number) => wall(zone, near) - near;
  const [before, after] = [time - offset(time - day), time - offset(time + day)];
  const there = [before, after].filter((each) => wall(zone, each) === time);
  return there.length > 0 ? Math.max(...there) : before;
}

/** The wall time at which a unit begins. Weeks begin on Monday. */
function floored(time: number, unit: Unit): number {
  const date = new Date(time);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (unit === 'year') return Date.UTC(year, 0, 1);
  if (unit === 'quarter') return Date.UTC(year, month - (month % 3), 1);
  if (unit === 'month') return Date.UTC(year, month, 1);
  const back = unit === 'week' ? (date.getUTCDay() + 6) % 7 : 0;
  return Date.UTC(year, month, date.getUTCDate() - back);
}

function moved(time: number, unit: Unit, by: number): number {
  const date = new Date(time);
  if (unit === 'day' || unit === 'week') return time + by * day * (unit === 'week' ? 7 : 1);
  const months = by * (unit === 'year' ? 12 : unit === 'quarter' ? 3 : 1);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
}

/** When the day, week, ... that an instant lies in begins. */
export const startOf = (zone: string, instant: number, unit: Unit) =>
  instantOf(zone, floored(wall(zone, instant), unit));

/** When the unit so many after that of an instant begins. */
export const startAfter = (zone: string, instant: number, unit: Unit, by = 1) =>
  instantOf(zone, moved(floored(wall(zone, instant), unit), unit, by));

/** Instants in order at which a clock there shows whole multiples of a step, which is at most a day long. */
export function evenTimes(zone: string, from: number, to: number, step: number): number[] {
  const times: number[] = [];
  const end = wall(zone, to) + day;
  for (let midnight = floored(wall(zone, from), 'day'); midnight < end; midnight += day) {
    for (let into = 0; into < day; into += step) {
      const time = instantOf(zone, midnight + into);
      if (time >= from && time <= to && time > (times[times.length - 1] ?? -Infinity)) times.push(time);
    }
  }
  return times;
}

/** Instants at which units begin, `each` units apart. */
export function unitTimes(zone: string, from: number, to: number, unit: Unit, each: number): number[] {
  const times: number[] = [];
  const start = startOf(zone, from, unit);
  for (let number = 0; ; number += each) {
    const time = startAfter(zone, start, unit, number);
    if (time > to) return times;
    if (time >= from) times.push(time);
  }
}
