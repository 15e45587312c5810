// Times as people read them, in the zone that the page shows. The zone comes with the answer; the parts of the page get it
// from the context.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { locale } from './format';
import { currentName, instantOf, knows, wall } from './zoned';

type Time = string | number;

export interface Times {
  zone: string;
  clock: (time: Time) => string;
  seconds: (time: Time) => string;
  day: (time: Time) => string;
  month: (time: Time) => string;
  dayAndTime: (time: Time) => string;
  fullTime: (time: Time) => string;
  isMidnight: (time: number) => boolean;
  sameDay: (one: Time, other: Time) => boolean;
  /** From one instant to another; the day is shown once if it is the same. */
  interval: (from: Time, to: Time) => string;
  /** What a datetime-local input takes: the time on the wall, without a zone. */
  input: (time: Time) => string;
  /** The instant of what such an input gives; NaN if that is no time. */
  instant: (input: string) => number;
}

const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** The browser's own zone. */
export const browserZone = own && own !== 'Etc/Unknown' && knows(own) ? currentName(own) : 'UTC';

const dayLength = 86_400_000;
const time = { hour: 'numeric', minute: '2-digit' } as const;
const date = { day: 'numeric', month: 'short' } as const;

function make(zone: string): Times {
  const timeZone = knows(zone) ? zone : 'UTC';
  const format = (options: Intl.DateTimeFormatOptions) => {
    const made = new Intl.DateTimeFormat(locale, { ...options, timeZone });
    return (when: Time) => made.format(new Date(when));
  };
  const clock = format(time);
  const dayAndTime = format({ ...date, ...time });
  const wallOf = (when: Time) => wall(timeZone, new Date(when).getTime());
  const dayOf = (when: Time) => Math.floor(wallOf(when) / dayLength);
  const sameDay = (one: Time, other: Time) => dayOf(one) === dayOf(other);
  return {
    zone: timeZone,
    clock,
    seconds: format({ ...time, second: '2-digit' }),
    day: format(date),
    month: format({ month: 'short', year: 'numeric' }),
    dayAndTime,
    fullTime: format({ dateStyle: 'medium', timeStyle: 'long' }),
    isMidnight: (when) => wallOf(when) % dayLength === 0,
    sameDay,
    interval: (from, to) => `${dayAndTime(from)} – ${sameDay(from, to) ? clock(to) : dayAndTime(to)}`,
    input: (when) => {
      const at = new Date(when).getTime();
      return Number.isNaN(at) ? '' : new Date(wall(timeZone, at)).toISOString().slice(0, 16);
    },
    instant: (input) => {
      const at = Date.parse(`${input}Z`);
      return Number.isNaN(at) ? NaN : instantOf(timeZone, at);
    },
  };
}

const made = new Map<string, Times>();

export function timesOf(zone: string): Times {
  let times = made.get(zone);
  if (!times) made.set(zone, (times = make(zone)));
  return times;
}

export const TimesContext = createContext(timesOf(browserZone));
export const useTimes = () => useContext(TimesContext);
