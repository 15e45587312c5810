// The table of a breakdown: its columns, which sort it, and its rows, whose values can be chosen.
import type { BreakdownAnswer, BreakdownRow, Dimension, Family, Measure, Value as Key } from '../api';
import { addsUp, figureOf, figuresOf, inWords, mainMeasure, meaning, measureOf, shortLabel } from '../family';
import { figure } from '../figure';
import { allFilters, chosen, except, isOnly, only } from '../filters';
import { share } from '../format';
import type { Navigation } from '../state';
import { Icon } from './icon';
import { Value } from './value';
import { keyOf } from './value-picker';

export interface BreakdownProps {
  dimension: Dimension;
  family: Family;
  answer: BreakdownAnswer;
  columns: string[];
  navigation: Navigation;
  /** Values can be chosen: not those of the tenants of a link that shows one. */
  choosable: boolean;
  stem: string;
  class?: string;
}

interface Column {
  measure: Measure;
  /** Left out where there is little room. */
  minor: boolean;
}

/** The columns in their order: a distinct count, then how many and their share, then the others. */
function columnsOf(family: Family, names: string[], answer: BreakdownAnswer): Column[] {
  const main = mainMeasure(family);
  const measures = names
    .flatMap((name) => measureOf(family, name) ?? [])
    .filter(({ name }) => answer.columns.includes(name) && name !== main?.name);
  const first = measures.find(({ kind }) => kind === 'distinct');
  const rest = measures.filter((measure) => measure !== first);
  const some = [...(first ? [first] : []), ...(main ? [main] : []), ...rest];
  return some.map((measure) => ({ measure, minor: measure === first && rest.length === 0 }));
}

/** The share of a row in the whole; null where parts do not add up to a whole. */
export function shareOf(main: Measure | null, { columns, total }: BreakdownAnswer, row: BreakdownRow): number | null {
  if (!main || !addsUp(main)) return null;
  const [part, whole] = [figureOf(columns, row.values, main.name), figureOf(columns, total, main.name)];
  return typeof part === 'number' && typeof whole === 'number' && whole > 0 ? part / whole : 0;
}

function Choice({ value, name, props }: { value: Key; name: string | null; props: BreakdownProps }) {
  const { dimension, family, navigation } = props;
  const filters = allFilters(navigation.state, family.tenant);
  const set = (next: typeof filters) => navigation.go(chosen(next, family.tenant));
  const alone = isOnly(filters, dimension.name, value);
  const leaveOut = () => set(except(filters, dimension.name, value));
  const words = name ?? inWords(value);
  return (
    <span class="choice">
      <button
        type="button"
        class="link"
        aria-pressed={alone}
        title={alone ? 'Show all again' : `Only ${words}. With Alt: all but this`}
        data-testid="value-only"
        onClick={(event) => {
          if (event.altKey) leaveOut();
          else if (alone) set(filters.filter((each) => each.dimension !== dimension.name));
          else set(only(filters, dimension.name, value));
        }}
      >
        <Value value={value} meaning={name} />
      </button>
      <button
        type="button"
        class="small plain not"
        aria-label={`All but ${words}`}
        title={`All but ${words}`}
        data-testid="value-not"
        onClick={leaveOut}
      >
        <Icon name="not" size={13} />
      </button>
    </span>
  );
}

function Head({ column, sorted, navigation }: { column: Measure; sorted: boolean; navigation: Navigation }) {
  return (
    <button
      type="button"
      class="sort"
      title={`Sort by ${column.label}`}
      data-testid="sort"
      data-measure={column.name}
      onClick={() => navigation.go({ sort: column.name })}
    >
      {shortLabel(column)}
      {sorted && navigation.state.sort !== null && <span aria-hidden="true"> ↓</span>}
    </button>
  );
}

function Heads({ columns, props }: { columns: Column[]; props: BreakdownProps }) {
  const { dimension, family, navigation } = props;
  const main = mainMeasure(family);
  const sort = navigation.state.sort ?? main?.name;
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="visually-hidden">{dimension.label}</span>
        </th>
        {columns.map(({ measure, minor }) => {
          const sorted = measure.name === sort;
          return [
            <th
              key={measure.name}
              scope="col"
              class={minor ? 'minor' : undefined}
              aria-sort={sorted ? 'descending' : undefined}
            >
              <Head column={measure} sorted={sorted} navigation={navigation} />
            </th>,
            measure === main && addsUp(measure) && (
              <th key="share" scope="col">
                Share
              </th>
            ),
          ];
        })}
      </tr>
    </thead>
  );
}

interface RowProps {
  row: BreakdownRow;
  columns: Column[];
  /** The largest figure of the main measure, whose bar is as wide as the column. */
  most: number;
  props: BreakdownProps;
}

function Row({ row, columns, most, props }: RowProps) {
  const { answer, choosable, dimension, family } = props;
  const main = mainMeasure(family);
  const label = meaning(dimension, row.value, row.label);
  const part = shareOf(main, answer, row);
  return (
    <tr
      data-testid={`by-${dimension.name}-row`}
      data-value={row.value ?? undefined}
      data-figures={figuresOf(answer.columns, row.values)}
    >
      <th scope="row">
        {choosable ? (
          <Choice value={row.value} name={label} props={props} />
        ) : (
          <Value value={row.value} meaning={label} />
        )}
        <span class="bar" style={{ width: `${Math.max(0, (mainOf(row, props) / most) * 100)}%` }} />
      </th>
      {columns.map(({ measure, minor }) => [
        <td key={measure.name} class={minor ? 'minor' : undefined}>
          {figure(figureOf(answer.columns, row.values, measure.name), measure)}
        </td>,
        measure === main && part !== null && (
          <td key="share" class="share">
            {share(part)}
          </td>
        ),
      ])}
    </tr>
  );
}

function mainOf(row: BreakdownRow, { answer, family }: BreakdownProps): number {
  const main = mainMeasure(family);
  return main ? Number(figureOf(answer.columns, row.values, main.name)) || 0 : 0;
}

/** The first rows of a breakdown. */
export function BreakdownTable({ props, number }: { props: BreakdownProps; number: number }) {
  const { answer, dimension, family, navigation } = props;
  const columns = columnsOf(family, props.columns, answer);
  const many = columns.length > 2;
  const sort = measureOf(family, navigation.state.sort ?? '') ?? mainMeasure(family);
  const most = Math.max(...answer.rows.map((row) => mainOf(row, props)), Number.MIN_VALUE);
  // With many columns it may scroll, and then it must be reached by the keyboard.
  const region = many ? { tabIndex: 0, role: 'region' as const, 'aria-label': `Table: ${dimension.plural}` } : {};
  return (
    <div class="columns" {...region}>
      <table class={`ranked${many ? ' many' : ''}`}>
        <caption class="visually-hidden">
          {dimension.plural} by {sort?.label ?? 'count'}, most first
        </caption>
        <Heads columns={columns} props={props} />
        <tbody>
          {answer.rows.slice(0, number).map((row) => (
            <Row key={keyOf(row.value)} row={row} columns={columns} most={most} props={props} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
