// What the server answers about its rollups, tables and workers, as types that match src/dashboard/openapi.json.
import type { Condition, Health } from './api';

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

/** A partition of a topic of Kafka that is read into a table. */
export interface TopicPartition {
  table: string;
  cluster: string;
  topic: string;
  partition: number;
  consumer: string | null;
  next_offset: number;
  log_end: number | null;
  lag: number;
  seconds_behind: number | null;
  catch_up_seconds: number | null;
  read_per_second: number;
  written_per_second: number;
  events: number;
  rejects: number;
  skipped: number;
  seen_seconds: number;
  seen_at: string;
  stopped_because: string | null;
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
  /** null: not measured yet, which takes two readings. */
  ingest: { events_per_second: number | null; state: Health };
  condition: Condition;
  standby: { replay_paused: boolean; connected: boolean; replayed_through: string | null } | null;
  rollups: Rollup[];
  refreshes: Refresh[];
  tables: Table[];
  jobs: Job[];
  workers: Worker[];
  rejects: { rows: number; files: { file: string; rows: number; at: string }[] };
  kafka: TopicPartition[];
  warnings: Warning[];
}
