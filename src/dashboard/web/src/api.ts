// What the server answers about the figures, as types that match src/dashboard/openapi.json.

export interface ApiError {
  error: { code: string; message: string; hint: string };
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

/** The value of a key as text; null is SQL's NULL, and '' an empty text. */
export type Value = string | null;

/** Numbers, or texts where the least or the most of texts or times is kept, or true and false; null: there is none. */
export type Figure = number | string | boolean | null;

export interface Dimension {
  name: string;
  label: string;
  plural: string;
  /** The type in PostgreSQL. */
  type: string;
  tenant: boolean;
  description: string | null;
  hidden: boolean;
}

export type MeasureKind =
  'count' | 'sum' | 'average' | 'min' | 'max' | 'distinct' | 'ratio' | 'rate' | 'flag';

export interface Measure {
  /** A column of the rollup, or the name of a ratio or rate. */
  name: string;
  label: string;
  description: string | null;
  hidden: boolean;
  kind: MeasureKind;
  /** '%' (0.034 is 3.4 %), a currency, 'ms', 's', '/s' or any other word. */
  unit: string | null;
  /** Of a ratio: the goal whose rate it is. Of a count: its own name, if it is a goal. */
  goal: string | null;
  /** Texts are shown as they are, and never drawn. */
  type: 'number' | 'text';
}

export interface Top {
  name: string;
  label: string;
  description: string | null;
  hidden: boolean;
}

/** A rollup with those over it that answer for it. */
export interface Family {
  rollup: string;
  title: string;
  source: string | null;
  declared: boolean;
  /** The name of the dimension that tells tenants apart. */
  tenant: string | null;
  dimensions: Dimension[];
  measures: Measure[];
  tops: Top[];
}

/** The dimension has one of the values, or none of them. */
export interface Filter {
  dimension: string;
  values: Value[];
  not: boolean;
}

export interface Tile {
  measure: string;
  value: Figure;
  before: Figure;
  /** One relative standard error; 0: exact. */
  error: number;
}

export interface TrendRow {
  time: string;
  end: string;
  values: Figure[];
  /** The bucket of the other period that this one is compared with. */
  before_time: string | null;
  before: Figure[] | null;
}

/** Only buckets that have events, now or in the other period. */
export interface TrendAnswer {
  sql: string;
  columns: string[];
  errors: number[];
  rows: TrendRow[];
}

export interface BreakdownRow {
  value: Value;
  /** What the value is called; null: it has no other name. */
  label: string | null;
  values: Figure[];
}

export interface BreakdownAnswer {
  dimension: string;
  sql: string;
  columns: string[];
  total: Figure[];
  rows: BreakdownRow[];
  more: boolean;
}

export interface TopAnswer {
  measure: string;
  sql: string;
  rows: { item: string; label: string | null; count: number }[];
  /** No count is larger than the true one by more than this. */
  error: number;
  /** The order is sure in spite of the error. */
  certain: boolean;
}

export interface Overview {
  families: { rollup: string; title: string }[];
  family: Family | null;
  answered_by: string[];
  from: string;
  to: string;
  /** The time zone of days and weeks, by its IANA name. */
  zone: string;
  bucket: string;
  bucket_seconds: number;
  compare: { kind: 'before' | 'week' | 'custom'; from: string; to: string } | null;
  filters: Filter[];
  /** By a link that shows one tenant. */
  limited: boolean;
  generated_at: string;
  complete_through: string | null;
  live: boolean;
  standby: boolean;
  condition: Condition;
  warnings: string[];
  empty: boolean;
  tiles: { sql: string; rows: Tile[] };
  trend: TrendAnswer;
  breakdowns: BreakdownAnswer[];
  tops: TopAnswer[];
}

export interface Values {
  values: { value: Value; label: string | null }[];
  more: boolean;
}

/** A view that was saved: a name for the query of this page's address. */
export interface View {
  name: string;
  query: string;
  saved_at: string;
}

export interface Views {
  views: View[];
  may_save: boolean;
}
