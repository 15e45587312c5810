// What the server answers, as types that match src/dashboard/openapi.json, and the addresses to ask.
// All addresses are relative to the page, so that it can live below a path.
import type { State } from './state';

export interface ApiError {
  error: { code: string; message: string; hint: string };
}

export interface Estimate {
  value: number;
  before: number;
  /** One relative standard error; 0: exact. */
  error: number;
}

export interface Group {
  value: string | null;
  events: number;
  devices: number;
}

export interface TrendRow {
  time: string;
  events: number;
  devices: number;
  sessions: number;
}

export interface DeviceRow {
  device: string;
  events: number;
}

export interface TenantRow {
  tenant: string;
  events: number;
  devices: number;
}

export interface Rows<T> {
  sql: string;
  rows: T[];
}

export type Health = 'ok' | 'warning' | 'bad';

export type ConditionKind =
  | 'live'
  | 'standby'
  | 'unknown'
  | 'failing'
  | 'no_worker'
  | 'paused'
  | 'behind'
  | 'replay_paused'
  | 'disconnected'
  | 'differing'
  | 'set_aside';

export interface Condition {
  kind: ConditionKind;
  state: Health;
  rollup: string | null;
  message: string;
  since: string | null;
  retry_at: string | null;
}

export interface Overview {
  tenant: string | null;
  from: string;
  to: string;
  bucket_seconds: number;
  generated_at: string;
  complete_through: string | null;
  live: boolean;
  standby: boolean;
  condition: Condition;
  warnings: string[];
  empty: boolean;
  tiles: {
    sql: string;
    events: Estimate;
    devices: Estimate;
    sessions: Estimate;
    events_per_second: Estimate;
  };
  trend: Rows<TrendRow> & { error: number };
  top_devices: Rows<DeviceRow> & { error: number };
  countries: Rows<Group>;
  browsers: Rows<Group>;
  event_types: Rows<Group>;
  tenants: Rows<TenantRow> | null;
}

export interface Tenants {
  tenants: string[];
  more: boolean;
}

export interface Rollup {
  rollup: string;
  source: string;
  declared: boolean;
  over_events: boolean;
  watermark: number;
  events_behind: number | null;
  seconds_behind: number | null;
  complete_through: string | null;
  rows: number | null;
  size_bytes: number | null;
  refresh_interval_seconds: number | null;
  paused: boolean;
  last_refresh: string | null;
  duration_ms: number | null;
  last_error: string | null;
  failed_at: string | null;
  retry_at: string | null;
  waits_for: string | null;
  failed_events: number;
  failed_refreshes: number;
  verified_through: string | null;
  verified_at: string | null;
  differences: number;
  condition: Condition;
  state: Health;
}

export interface Refresh {
  rollup: string;
  percent: number | null;
  running_seconds: number;
}

export interface Partition {
  partition: string;
  bounds: string;
  size_bytes: number | null;
  rows: number | null;
}

export interface Table {
  table: string;
  partitions: number;
  size_bytes: number | null;
  newest_ends: string | null;
  newest_ends_seconds: number | null;
  default_rows: number;
  state: Health;
  partition_list: Partition[];
}

export interface Job {
  job: number;
  schedule: string;
  command: string;
  active: boolean;
  last_status: string | null;
  last_start: string | null;
  duration_ms: number | null;
  last_message: string | null;
  state: Health;
}

export interface Worker {
  database: string | null;
  type: string;
  activity: string | null;
  since: string | null;
}

export interface Warning {
  code: string;
  severity: 'information' | 'warning' | 'critical';
  database: string | null;
  object: string | null;
  message: string;
  hint: string | null;
  since: string | null;
}

export interface Operations {
  generated_at: string;
  server: {
    version: string;
    database: string;
    size_bytes: number | null;
    connections: number;
    uptime_seconds: number;
    volumes: { name: string; device: number; size_bytes: number; free_bytes: number }[];
  };
  ingest: { events_per_second: number; state: Health };
  condition: Condition;
  standby: { replay_paused: boolean; connected: boolean; replayed_through: string | null } | null;
  rollups: Rollup[];
  refreshes: Refresh[];
  tables: Table[];
  jobs: Job[];
  workers: Worker[];
  rejects: { rows: number; files: { file: string; rows: number; at: string }[] };
  warnings: Warning[];
}

/** Path and query of what a state shows, below `api/` or `api/stream/`. */
export function resource(state: State): string {
  if (state.view === 'operations') return 'operations';
  const query = new URLSearchParams();
  if (state.tenant !== null) query.set('tenant', state.tenant);
  if ('span' in state.range) {
    query.set('span', state.range.span);
  } else {
    query.set('from', state.range.from);
    query.set('to', state.range.to);
  }
  return `overview?${query}`;
}

/** The error that is shown if the server cannot be reached. */
export const unreachable: ApiError['error'] = {
  code: 'unreachable',
  message: 'The server cannot be reached.',
  hint: 'Is `millrace serve` running? The page tries again by itself.',
};

/** The error that is shown if the server has stopped sending. */
export const silent: ApiError['error'] = {
  code: 'silent',
  message: 'The server has not been heard for 20 seconds.',
  hint: 'The page tries again by itself.',
};

function isApiError(body: unknown): body is ApiError {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false;
  const error = body.error;
  return typeof error === 'object' && error !== null && 'message' in error;
}

/** An error of the server as it is; anything else as an error that can be shown. */
export function asError(body: unknown, status: number): ApiError['error'] {
  if (isApiError(body)) return body.error;
  return { code: 'unknown', message: `The server answered ${status} without saying why.`, hint: '' };
}

/** The error that a GET of a resource returns; null if it succeeds after all. */
export async function askForError(path: string): Promise<ApiError['error'] | null> {
  try {
    const answer = await fetch(`api/${path}`, { headers: { accept: 'application/json' } });
    if (answer.ok) return null;
    return asError(await answer.json().catch(() => null), answer.status);
  } catch {
    return unreachable;
  }
}

/** Tenants whose id starts with these digits; throws an Error with the server's message. */
export async function searchTenants(search: string): Promise<Tenants> {
  const answer = await fetch(`api/tenants?${new URLSearchParams({ search, limit: '50' })}`);
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(asError(body, answer.status).message);
  return body as Tenants;
}
