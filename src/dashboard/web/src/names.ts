// What the values that are filtered by are called. An answer names the values that it lists; the name of another is asked
// for, once.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Filter, Overview, Value } from './api';
import { searchValues } from './ask';
import { dimensionOf, meaning, type Names } from './family';
import type { State } from './state';

const known = new Map<string, string | null>();

const keyOf = (data: Overview, dimension: string, value: Value) =>
  JSON.stringify([data.family?.rollup, dimension, value]);

function learn(data: Overview): void {
  for (const { dimension, rows } of data.breakdowns) {
    for (const { value, label } of rows) known.set(keyOf(data, dimension, value), label);
  }
}

export function useNames(state: State, data: Overview | null): Names {
  const [, again] = useState(0);
  if (data) learn(data);
  const wanted = data
    ? data.filters.flatMap(({ dimension, values }) =>
        values
          .filter((value) => value !== null && value !== '' && !known.has(keyOf(data, dimension, value)))
          .map((value) => ({ dimension, value: value ?? '' })),
      )
    : [];

  useEffect(() => {
    if (!data) return;
    for (const { dimension, value } of wanted) {
      known.set(keyOf(data, dimension, value), null);
      searchValues(state, dimension, value).then(
        ({ values }) => {
          const label = values.find((each) => each.value === value)?.label ?? null;
          known.set(keyOf(data, dimension, value), label);
          if (label !== null) again((times) => times + 1);
        },
        // Then it is shown by itself.
        () => undefined,
      );
    }
  }, [JSON.stringify(wanted)]);

  return (name, value) => {
    const label = data ? (known.get(keyOf(data, name, value)) ?? null) : null;
    return meaning(dimensionOf(data?.family ?? null, name), value, label);
  };
}

/** The answer to a link with the tenants that it is limited to among its filters, as an answer to everybody would have them. */
export function useLimit(state: State, data: Overview | null): Overview | null {
  const [limit, set] = useState<Filter | null>(null);
  const dimension = data?.limited ? (data.family?.tenant ?? null) : null;
  useEffect(() => {
    if (!data || dimension === null) return;
    searchValues(state, dimension, '').then(
      ({ values }) => {
        for (const { value, label } of values) known.set(keyOf(data, dimension, value), label);
        set({ dimension, values: values.map(({ value }) => value), not: false });
      },
      // Then the heading does not say whose figures these are.
      () => undefined,
    );
  }, [dimension, state.link]);
  return useMemo(() => {
    if (!data || !limit || limit.dimension !== dimension) return data;
    return { ...data, filters: [...data.filters, limit] };
  }, [data, limit, dimension]);
}
