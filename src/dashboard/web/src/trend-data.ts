// The trend's rows, with missing buckets filled in, as the columns that the chart takes.
import type { Overview } from './api';

export interface Bucket {
  /** Milliseconds since 1970. */
  start: number;
  end: number;
  events: number;
  devices: number;
  sessions: number;
  /** The bucket is still open. */
  open: boolean;
}

/** Every bucket of the span up to now. A bucket without events is missing from the answer, and is filled with zeros. */
export function buckets(data: Overview): Bucket[] {
  const step = data.bucket_seconds * 1000;
  const now = Date.parse(data.generated_at);
  const end = Math.min(Date.parse(data.to), now);
  const rows = new Map(data.trend.rows.map((row) => [Date.parse(row.time), row]));
  // Events may have times ahead of now.
  const last = Math.max(end, ...[...rows.keys()].map((time) => time + step));
  const all: Bucket[] = [];
  for (let start = Date.parse(data.from); start < last; start += step) {
    const row = rows.get(start);
    all.push({
      start,
      end: start + step,
      events: row?.events ?? 0,
      devices: row?.devices ?? 0,
      sessions: row?.sessions ?? 0,
      open: now < start + step,
    });
  }
  return all;
}

/** Times (the middles of the buckets, in seconds), events, devices, sessions. */
export function columns(all: Bucket[]): [number[], number[], number[], number[]] {
  return [
    all.map((bucket) => (bucket.start + bucket.end) / 2000),
    all.map((bucket) => bucket.events),
    all.map((bucket) => bucket.devices),
    all.map((bucket) => bucket.sessions),
  ];
}
