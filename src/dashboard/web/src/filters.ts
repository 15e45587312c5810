// What the figures are limited to: values of dimensions, wanted or not, as the address says it:
// is.country=DE, not.browser=Chrome, null.campaign=is. The values of one filter are alternatives.
import type { Filter, Value } from './api';

export const isFilterOf = (filter: Filter, dimension: string, not: boolean) =>
  filter.dimension === dimension && filter.not === not;

/** With one more value in the filter of this dimension, which is made if it is not there. */
export function withValue(filters: Filter[], dimension: string, value: Value, not: boolean): Filter[] {
  const old = filters.find((each) => isFilterOf(each, dimension, not));
  if (!old) return [...filters, { dimension, values: [value], not }];
  if (old.values.includes(value)) return filters;
  return filters.map((each) => (each === old ? { ...old, values: [...old.values, value] } : each));
}

/** Without a value in the filter of this dimension, which goes with its last value. */
export function withoutValue(filters: Filter[], dimension: string, value: Value, not: boolean): Filter[] {
  return filters
    .map((each) =>
      isFilterOf(each, dimension, not)
        ? { ...each, values: each.values.filter((other) => other !== value) }
        : each,
    )
    .filter((each) => each.values.length > 0);
}

/** Only this value of the dimension. */
export function only(filters: Filter[], dimension: string, value: Value): Filter[] {
  const others = filters.filter((each) => each.dimension !== dimension);
  return [...others, { dimension, values: [value], not: false }];
}

/** Not this value, besides those that are unwanted already. */
export function except(filters: Filter[], dimension: string, value: Value): Filter[] {
  return withValue(withoutValue(filters, dimension, value, false), dimension, value, true);
}

export function isOnly(filters: Filter[], dimension: string, value: Value): boolean {
  const [first, ...rest] = filters.filter((each) => each.dimension === dimension);
  return rest.length === 0 && first?.not === false && first.values.length === 1 && first.values[0] === value;
}

/**
 * With the filter the other way around, joined with one that is so already. It is found by what it says: that of a tenant is
 * made anew from the address each time.
 */
export function negated(filters: Filter[], filter: Filter): Filter[] {
  const { dimension, values, not } = filter;
  const twin = filters.find((each) => isFilterOf(each, dimension, !not));
  if (!twin) return filters.map((each) => (isFilterOf(each, dimension, not) ? { ...each, not: !not } : each));
  const rest = filters.filter((each) => !isFilterOf(each, dimension, not));
  return values.reduce((all, value) => withValue(all, dimension, value, !not), rest);
}

export function readFilters(query: URLSearchParams): Filter[] {
  let filters: Filter[] = [];
  for (const [key, text] of query) {
    const dot = key.indexOf('.');
    const how = key.slice(0, Math.max(dot, 0));
    const dimension = key.slice(dot + 1);
    if (dimension === '') continue;
    if (how === 'is' || how === 'not') filters = withValue(filters, dimension, text, how === 'not');
    if (how === 'null') filters = withValue(filters, dimension, null, text === 'not');
  }
  return filters;
}

export function writeFilters(filters: Filter[], query: URLSearchParams): void {
  for (const { dimension, values, not } of filters) {
    const how = not ? 'not' : 'is';
    for (const value of values) {
      if (value === null) query.append(`null.${dimension}`, how);
      else query.append(`${how}.${dimension}`, value);
    }
  }
}

/** `tenant=` in the address stands for a filter of the dimension that tells tenants apart. */
export interface Chosen {
  tenant: string | null;
  filters: Filter[];
}

export function allFilters({ tenant, filters }: Chosen, dimension: string | null): Filter[] {
  if (tenant === null || dimension === null) return filters;
  return withValue(filters, dimension, tenant, false);
}

/** As the address says it: one tenant by its short name. */
export function chosen(filters: Filter[], dimension: string | null): Chosen {
  const tenants = filters.filter((each) => each.dimension === dimension);
  const value = tenants.length === 1 && tenants[0]?.not === false ? tenants[0].values : [];
  const tenant = value.length === 1 ? (value[0] ?? '') : '';
  if (tenant === '') return { tenant: null, filters };
  return { tenant, filters: filters.filter((each) => each.dimension !== dimension) };
}
