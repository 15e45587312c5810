// What is shown, as the address says it. There is no other place for it, so an address can be shared and saved, and
// Back works. Values that make no sense are passed on: the server says what is wrong with them.
import { useCallback, useLayoutEffect, useState } from 'preact/hooks';
import type { Filter } from './api';
import { readFilters, writeFilters } from './filters';

/** The server's own choice, an hour unless the rollup is coarser, is written {}. */
export type Range = { span?: string } | { from: string; to: string };

export interface State {
  view: 'overview' | 'operations';
  /** The rollup that stands for its family; null: the first. */
  rollup: string | null;
  /** The value of the dimension that tells tenants apart; null: all, or as the filters say. */
  tenant: string | null;
  filters: Filter[];
  range: Range;
  /** null: the browser's. */
  zone: string | null;
  /** null: as fits the span. */
  bucket: string | null;
  /** before, week, none, or when the other period starts; null: before. */
  compare: string | null;
  /** The measure by which breakdowns are sorted; null: the first. */
  sort: string | null;
  /** The columns of breakdowns and the lines of the trend, by the names of measures; null: the usual. */
  columns: string[] | null;
  lines: string[] | null;
  /** In a frame of another page, maybe one panel alone. */
  embed: boolean;
  panel: string | null;
  /** The token of a link that shows one tenant. */
  link: string | null;
}

/** Kept with each entry of the history: the state to return to from a zoom. */
interface Kept {
  before?: Range;
}

const few = (all: string[]) => (all.length === 0 ? null : all.filter((name) => name !== ''));

export function parse(search: string): State {
  const query = new URLSearchParams(search);
  const text = (name: string) => query.get(name) || null;
  const [from, to, span] = [query.get('from'), query.get('to'), query.get('span')];
  return {
    view: query.get('view') === 'operations' ? 'operations' : 'overview',
    rollup: text('rollup'),
    tenant: text('tenant'),
    filters: readFilters(query),
    range: from !== null && to !== null ? { from, to } : span !== null ? { span } : {},
    zone: text('zone'),
    bucket: text('bucket'),
    compare: text('compare'),
    sort: text('sort'),
    columns: few(query.getAll('column')),
    lines: few(query.getAll('line')),
    embed: query.get('embed') === '1',
    panel: text('panel'),
    link: text('link'),
  };
}

/** What the server needs of it, under the names of the address. */
export function question(state: State): URLSearchParams {
  const query = new URLSearchParams();
  const set = (name: string, value: string | null) => value !== null && query.set(name, value);
  set('rollup', state.rollup);
  set('tenant', state.tenant);
  writeFilters(state.filters, query);
  if ('from' in state.range) {
    query.set('from', state.range.from);
    query.set('to', state.range.to);
  } else if (state.range.span !== undefined) {
    query.set('span', state.range.span);
  }
  set('zone', state.zone);
  set('bucket', state.bucket);
  set('compare', state.compare);
  set('sort', state.sort);
  state.columns?.filter((each) => each !== '').forEach((each) => query.append('column', each));
  set('link', state.link);
  return query;
}

/** The address of a state: what is as usual is left out. */
export function address(state: State): string {
  const query = question(state);
  query.delete('column');
  if (state.view !== 'overview') query.set('view', state.view);
  // An empty name tells "none of them" from "the usual".
  const list = (name: string, all: string[] | null) =>
    all !== null && (all.length > 0 ? all : ['']).forEach((each) => query.append(name, each));
  list('column', state.columns);
  list('line', state.lines);
  if (state.embed) query.set('embed', '1');
  if (state.panel !== null) query.set('panel', state.panel);
  const text = query.toString().replaceAll('%3A', ':');
  return text === '' ? location.pathname : `?${text}`;
}

/** The page as it is first opened, by the same link and in the same frame. */
export function start({ embed, panel, link }: State): State {
  return { ...parse(''), embed, panel, link };
}

/** An instant as it stands in the address. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.000Z$/, 'Z');
}

export interface Navigation {
  state: State;
  /** The state before the zoom; null if there was none. */
  before: Range | null;
  go: (change: Partial<State>) => void;
  zoom: (from: number, to: number) => void;
}

export function useAddress(): Navigation {
  const read = () => ({ state: parse(location.search), kept: (history.state ?? {}) as Kept });
  const [{ state, kept }, set] = useState(read);
  // Before the first paint, because Back may be pressed right after it.
  useLayoutEffect(() => {
    const again = () => set(read());
    addEventListener('popstate', again);
    return () => removeEventListener('popstate', again);
  }, []);
  const push = useCallback((next: State, keep: Kept) => {
    history.pushState(keep, '', address(next));
    set({ state: next, kept: keep });
  }, []);
  return {
    state,
    before: kept.before ?? null,
    go: (change) => {
      // Buckets that were chosen for one span may not fit another.
      const fitting = change.range && change.bucket === undefined ? { bucket: null } : {};
      const next = { ...state, ...change, ...fitting };
      // Choosing something else than the time keeps the zoom, and so the state to return to.
      if (address(next) !== address(state)) push(next, change.range || !kept.before ? {} : kept);
    },
    zoom: (from, to) =>
      push(
        { ...state, range: { from: instant(from), to: instant(to) }, bucket: null },
        { before: kept.before ?? state.range },
      ),
  };
}
