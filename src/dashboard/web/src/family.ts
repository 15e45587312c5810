// What a family of rollups has to show, and what of it is shown if nothing was chosen.
import type { BreakdownRow, Dimension, Family, Figure, Filter, Measure, Value } from './api';
import { country } from './format';

export const measureOf = (family: Family, name: string) =>
  family.measures.find((measure) => measure.name === name);

/** A dimension that was not answered with (a filter of another rollup) is called by its own name. */
export function dimensionOf(family: Family | null, name: string): Dimension {
  const found = family?.dimensions.find((dimension) => dimension.name === name);
  const nothing = { type: 'text', tenant: false, description: null, hidden: true };
  return found ?? { name, label: name, plural: name, ...nothing };
}

export const isShown = ({ hidden }: { hidden: boolean }) => !hidden;

/** Whether a measure is a number that can be drawn, sorted and compared. */
export const isDrawn = ({ hidden, type, kind }: Measure) => !hidden && type === 'number' && kind !== 'flag';

/** Whether the figures of the parts add up to that of the whole, so that a part has a share. */
export const addsUp = ({ kind }: Measure) => kind === 'count' || kind === 'sum';

/** The measure that comes first: how many there are, or else a sum, or else any number. */
export function mainMeasure(family: Family): Measure | null {
  const drawn = family.measures.filter(isDrawn);
  const of = (kind: Measure['kind']) => drawn.find((measure) => measure.kind === kind);
  return of('count') ?? of('sum') ?? drawn[0] ?? null;
}

const distinct = (family: Family) =>
  family.measures.filter((measure) => isDrawn(measure) && measure.kind === 'distinct');

/** The measures of the trend: how many, and the first two distinct counts, or a sum where there is none. */
export function usualLines(family: Family): string[] {
  const main = mainMeasure(family);
  const sums = family.measures.filter((each) => isDrawn(each) && each.kind === 'sum' && each !== main);
  const lines = distinct(family).length > 0 ? distinct(family).slice(0, 2) : sums.slice(0, 1);
  return [...(main ? [main] : []), ...lines].map(({ name }) => name);
}

/** The columns of a breakdown: how many, the first distinct count, and the rates of goals. */
export function usualColumns(family: Family): string[] {
  const rates = family.measures.filter((each) => isDrawn(each) && each.kind === 'ratio' && each.goal !== null);
  const main = mainMeasure(family);
  return [...(main ? [main] : []), ...distinct(family).slice(0, 1), ...rates].map(({ name }) => name);
}

/** A label where there is little room: a distinct count of devices is called Devices. */
export function shortLabel({ kind, label }: Measure): string {
  const rest = kind === 'distinct' ? /^distinct (.+)$/i.exec(label)?.[1] : undefined;
  return rest ? rest.charAt(0).toUpperCase() + rest.slice(1) : label;
}

/** What a value is called: as the server says, or a country's name for its code; null: it has no other name. */
export function meaning(dimension: Dimension, value: Value, label: string | null): string | null {
  if (label !== null || value === null) return label;
  return /(^|_)country(_code)?$/i.test(dimension.name) ? country(value) : null;
}

export const figureOf = (columns: string[], values: Figure[], name: string): Figure =>
  values[columns.indexOf(name)] ?? null;

/** Row by row for a test or a reader of the page: every figure by the name of its measure. */
export const figuresOf = (columns: string[], values: BreakdownRow['values']) =>
  JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null])));

/** The one tenant that is shown; undefined: several or all. */
export function onlyTenant(family: Family | null, filters: Filter[]): Value | undefined {
  if (!family || family.tenant === null) return undefined;
  const [first, ...rest] = filters.filter(({ dimension }) => dimension === family.tenant);
  return rest.length === 0 && first && !first.not && first.values.length === 1 ? first.values[0] : undefined;
}

/** A value in words where only text can stand. */
export const inWords = (value: Value) =>
  value === null ? '(unknown)' : value.trim() === '' ? '(blank)' : value;

/** What a value of a dimension is called; null: by itself. */
export type Names = (dimension: string, value: Value) => string | null;

/** What is shown, in a few words. */
export function subject(family: Family | null, filters: Filter[], names: Names): string {
  if (!family) return 'Overview';
  if (family.tenant === null) return family.title;
  const { label, plural } = dimensionOf(family, family.tenant);
  const tenant = onlyTenant(family, filters);
  if (tenant !== undefined) return names(family.tenant, tenant) ?? `${label} ${inWords(tenant)}`;
  const limited = filters.some(({ dimension }) => dimension === family.tenant);
  return `${limited ? 'Some' : 'All'} ${plural.toLowerCase()}`;
}
