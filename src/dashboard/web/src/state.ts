// What is shown, as the address says it: view, tenant, and a span up to now or two instants. There is
// no other place for it, so an address can be shared and Back works. Values that make no sense are
// passed on: the server says what is wrong with them.
import { useCallback, useLayoutEffect, useState } from 'preact/hooks';

export const spans = [
  { span: '15m', label: '15 min', long: 'the last 15 minutes' },
  { span: '1h', label: '1 hour', long: 'the last hour' },
  { span: '24h', label: '24 hours', long: 'the last 24 hours' },
  { span: '2d', label: '2 days', long: 'the last 2 days' },
  { span: '7d', label: '7 days', long: 'the last 7 days' },
] as const;

const usualSpan = '1h';

export type Range = { span: string } | { from: string; to: string };

export interface State {
  view: 'overview' | 'operations';
  /** customer_id in decimal; null: all tenants. */
  tenant: string | null;
  range: Range;
}

/** Kept with each entry of the history: the state to return to from a zoom. */
interface Kept {
  before?: Range;
}

export function parse(search: string): State {
  const query = new URLSearchParams(search);
  const from = query.get('from');
  const to = query.get('to');
  return {
    view: query.get('view') === 'operations' ? 'operations' : 'overview',
    tenant: query.get('tenant') || null,
    range: from !== null && to !== null ? { from, to } : { span: query.get('span') ?? usualSpan },
  };
}

/** The address of a state: default values are left out. */
export function address(state: State): string {
  const query = new URLSearchParams();
  if (state.view !== 'overview') query.set('view', state.view);
  if (state.tenant !== null) query.set('tenant', state.tenant);
  if ('from' in state.range) {
    query.set('from', state.range.from);
    query.set('to', state.range.to);
  } else if (state.range.span !== usualSpan) {
    query.set('span', state.range.span);
  }
  const text = query.toString().replaceAll('%3A', ':');
  return text === '' ? location.pathname : `?${text}`;
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
      const next = { ...state, ...change };
      // Choosing another tenant or view keeps the zoom, and so the state to return to.
      if (address(next) !== address(state)) push(next, change.range || !kept.before ? {} : kept);
    },
    zoom: (from, to) =>
      push(
        { ...state, range: { from: instant(from), to: instant(to) } },
        { before: kept.before ?? state.range },
      ),
  };
}
