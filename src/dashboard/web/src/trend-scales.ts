// The trend's axes. Measures that can be compared share one. All axes have the same number of steps, so that the ticks
// of each are on the lines of the grid; all contain zero.
import type { Measure } from './api';
import type { Times } from './times';
import { evenTimes, unitTimes } from './zoned';

/** The name of the scale that a measure is drawn on. */
export function scaleOf({ unit, kind }: Measure): string {
  if (unit !== null) return `unit ${unit}`;
  return kind === 'count' || kind === 'distinct' || kind === 'rate' ? kind : 'other';
}

const nice = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];

/** The smallest round number that is not below `least`. */
function roundUp(least: number, whole: boolean): number {
  if (whole && least <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  const fits = (step: number) => step >= least * 0.999_999 && (!whole || Number.isInteger(step));
  return [power, power * 10].flatMap((ten) => nice.map((n) => n * ten)).find(fits) ?? power * 10;
}

export interface Scale {
  min: number;
  max: number;
  step: number;
}

/** A scale of so many steps from the least to the most and over zero. `whole`: there are no halves of what is counted. */
export function fit(least: number, most: number, steps: number, whole: boolean): Scale {
  const [low, high] = [Math.min(0, least), Math.max(0, most)];
  if (low === high) return { min: 0, max: steps, step: 1 };
  let step = roundUp(((high - low) * 1.04) / steps, whole);
  for (let tries = 0; tries < 20; tries += 1) {
    const below = Math.ceil(-low / step);
    if (below + Math.ceil(high / step) <= steps) {
      return { min: -below * step, max: (steps - below) * step, step };
    }
    step = roundUp(step * 1.000_01 + (whole ? 0.5 : 0), whole);
  }
  return { min: low, max: high, step: (high - low) / steps };
}

export const ticks = ({ min, step }: Scale, steps: number) =>
  Array.from({ length: steps + 1 }, (_, index) => Number((min + index * step).toPrecision(12)));

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const parts = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((n) => n * minute);
const days = [1, 2, 7, 14].map((n) => ({ unit: n < 7 ? 'day' : 'week', each: n < 7 ? n : n / 7 }) as const);
const months = [1, 2, 3, 6, 12, 24, 60, 120].map((each) => ({ unit: 'month', each }) as const);

/** Round times of the zone, at most so many, for the labels below the chart. */
export function timeTicks({ zone }: Times, from: number, to: number, most: number): number[] {
  const length = to - from;
  const part = parts.find((step) => length / step <= most);
  if (part !== undefined) return evenTimes(zone, from, to, part);
  for (const { unit, each } of [...days, ...months]) {
    const size = each * (unit === 'day' ? day : unit === 'week' ? 7 * day : 30 * day);
    if (length / size <= most) return unitTimes(zone, from, to, unit, each);
  }
  return unitTimes(zone, from, to, 'year', Math.ceil(length / (365 * day) / most));
}

export function timeLabel(times: Times, time: number, length: number): string {
  if (length > 300 * day) return times.month(time);
  return times.isMidnight(time) ? times.day(time) : times.clock(time);
}
