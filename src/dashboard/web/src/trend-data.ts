// The trend's rows as the buckets of the whole span: a bucket without events is missing from the answer, and filled in
// here. Days, weeks and months begin at midnight in the page's zone.
import type { Family, Figure, Measure, Overview } from './api';
import { isDrawn, measureOf } from './family';
import { startAfter, startOf, type Unit } from './zoned';

export interface Bucket {
  /** Milliseconds since 1970. */
  start: number;
  end: number;
  /** In the order of the answer's columns. */
  values: Figure[];
  /** Of the other period; null: nothing is compared. */
  before: Figure[] | null;
  beforeStart: number | null;
  /** The bucket is still open. */
  open: boolean;
}

const units: readonly string[] = ['day', 'week', 'month', 'quarter', 'year'] satisfies Unit[];
/** More buckets than a screen has pixels need no filling in. */
const most = 20_000;

/** Where no event is there is none of these; anything else is not known there. */
const isZero = ({ kind }: Measure) => ['count', 'sum', 'distinct', 'rate'].includes(kind);

interface Grid {
  first: number;
  next: (start: number) => number;
}

function gridOf(data: Overview, from: number): Grid {
  if (units.includes(data.bucket)) {
    const unit = data.bucket as Unit;
    return { first: startOf(data.zone, from, unit), next: (start) => startAfter(data.zone, start, unit) };
  }
  const step = Math.max(1, data.bucket_seconds) * 1000;
  const some = data.trend.rows[0];
  const origin = some ? Date.parse(some.time) : from;
  return { first: from - ((((from - origin) % step) + step) % step), next: (start) => start + step };
}

export function buckets(data: Overview, family: Family): Bucket[] {
  const now = Date.parse(data.generated_at);
  const [from, to] = [Date.parse(data.from), Date.parse(data.to)];
  const zeros = data.trend.columns.map((name) => {
    const measure = measureOf(family, name);
    return measure && isZero(measure) ? 0 : null;
  });
  const rows = data.trend.rows
    .map((row) => ({ ...row, start: Date.parse(row.time), end: Date.parse(row.end) }))
    .sort((one, other) => one.start - other.start);
  const all: Bucket[] = [];
  const fill = (start: number, end: number) => {
    const before = data.compare ? zeros : null;
    all.push({ start, end, values: zeros, before, beforeStart: null, open: now < end });
  };
  const grid = gridOf(data, from);
  // The first bucket may be cut off where the span begins.
  const first = rows[0]?.start ?? Infinity;
  let start = first < grid.next(grid.first) ? first : grid.first;
  const fillUpTo = (border: number) => {
    while (start < border && all.length < most) {
      const end = Math.min(grid.next(start), Math.max(border, start + 1));
      fill(start, end);
      start = end;
    }
  };
  for (const { start: rowStart, end, values, before, before_time } of rows) {
    fillUpTo(rowStart);
    const beforeStart = before_time === null ? null : Date.parse(before_time);
    all.push({ start: rowStart, end, values, before, beforeStart, open: now < end });
    start = Math.max(start, end);
  }
  // Events may have times ahead of now, but a span that ends in the future shows nothing there.
  const last = Math.min(to, now);
  while (start < last && all.length < most) {
    const end = grid.next(start);
    fill(start, end);
    start = end;
  }
  return all;
}

/** The measures that can be drawn, with their places among the answer's columns. A rate has the shape of its count. */
export function drawn(data: Overview, family: Family): { measure: Measure; column: number }[] {
  return family.measures
    .filter((measure) => isDrawn(measure) && measure.kind !== 'rate')
    .map((measure) => ({ measure, column: data.trend.columns.indexOf(measure.name) }))
    .filter(({ column }) => column >= 0);
}

export const drawable = (value: Figure | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
