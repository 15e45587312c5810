// What the values that are filtered by are called. An answer names the values that it lists; the name of another is asked
// for, once.
import { useEffect, useState } from 'preact/hooks';
import type { Overview, Value } from './api';
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
