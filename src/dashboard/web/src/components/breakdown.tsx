// The figures by the values of one dimension: a table whose rows have a bar behind them. A click on a value filters by it,
// the button beside it (or Alt and a click) leaves it out, and the search finds values that are not listed.
import { useState } from 'preact/hooks';
import type { BreakdownAnswer, BreakdownRow, Dimension, Family, Measure, Value as Key } from '../api';
import { addsUp, figureOf, figuresOf, inWords, mainMeasure, meaning, measureOf, shortLabel } from '../family';
import { figure } from '../figure';
import { allFilters, chosen, except, isOnly, only } from '../filters';
import { share } from '../format';
import type { Navigation } from '../state';
import { Icon } from './icon';
import { Actions, Panel } from './panel';
import { Value } from './value';
import { keyOf, ValuePicker } from './value-picker';

const few = 8;

interface Props {
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
function shareOf(main: Measure | null, { columns, total }: BreakdownAnswer, row: BreakdownRow): number | null {
  if (!main || !addsUp(main)) return null;
  const [part, whole] = [figureOf(columns, row.values, main.name), figureOf(columns, total, main.name)];
  return typeof part === 'number' && typeof whole === 'number' && whole > 0 ? part / whole : 0;
}

function Choice({ value, name, props }: { value: Key; name: string | null; props: Props }) {
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

function Search({ props, close }: { props: Props; close: () => void }) {
  const { dimension, family, navigation } = props;
  const filters = allFilters(navigation.state, family.tenant);
  return (
    <ValuePicker
      state={navigation.state}
      dimension={dimension}
      testid={`by-${dimension.name}-find`}
      leave={close}
      choose={(value) => {
        close();
        navigation.go(chosen(only(filters, dimension.name, value), family.tenant));
      }}
    />
  );
}

export function Breakdown(props: Props) {
  const { dimension, family, answer, navigation, choosable, stem } = props;
  const [all, showAll] = useState(false);
  const [searching, search] = useState(false);
  const name = `by-${dimension.name}`;
  const title = dimension.plural;
  const { rows } = answer;
  const main = mainMeasure(family);
  const columns = columnsOf(family, props.columns, answer);
  const sort = navigation.state.sort ?? main?.name;
  const valueOf = (row: BreakdownRow) => (main ? Number(figureOf(answer.columns, row.values, main.name)) || 0 : 0);
  const most = Math.max(...rows.map(valueOf), Number.MIN_VALUE);
  const sheet = () => ({
    name: `${stem}_${dimension.name}`,
    header: [dimension.name, ...answer.columns, 'share'],
    rows: rows.map((row) => [row.value, ...row.values, shareOf(main, answer, row)]),
  });
  return (
    <Panel
      name={name}
      title={title}
      class={`breakdown ${props.class ?? ''}`}
      actions={
        <>
          {choosable && (
            <button
              type="button"
              class="small"
              aria-label={`Search ${title.toLowerCase()}`}
              title="Search a value"
              aria-expanded={searching}
              data-testid={`${name}-search`}
              onClick={() => search(!searching)}
            >
              <Icon name="search" size={13} />
            </button>
          )}
          <Actions name={name} title={title} sql={answer.sql} sheet={sheet} />
        </>
      }
    >
      {searching && <Search props={props} close={() => search(false)} />}
      <div class="columns" hidden={rows.length === 0} {...(columns.length > 2 ? { tabIndex: 0, role: 'region', 'aria-label': `Table: ${title}` } : {})}>
        <table class={`ranked${columns.length > 2 ? ' many' : ''}`}>
          <caption class="visually-hidden">
            {title} by {(sort !== undefined && measureOf(family, sort)?.label) || 'count'}, most first
          </caption>
          <thead>
            <tr>
              <th scope="col">
                <span class="visually-hidden">{title}</span>
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
          <tbody>
            {(all ? rows : rows.slice(0, few)).map((row) => {
              const label = meaning(dimension, row.value, row.label);
              const part = shareOf(main, answer, row);
              return (
                <tr
                  key={keyOf(row.value)}
                  data-testid={`${name}-row`}
                  data-value={row.value ?? undefined}
                  data-figures={figuresOf(answer.columns, row.values)}
                >
                  <th scope="row">
                    {choosable ? (
                      <Choice value={row.value} name={label} props={props} />
                    ) : (
                      <Value value={row.value} meaning={label} />
                    )}
                    <span class="bar" style={{ width: `${Math.max(0, (valueOf(row) / most) * 100)}%` }} />
                  </th>
                  {columns.map(({ measure, minor }) => [
                    <td key={measure.name} class={minor ? 'minor' : measure === main ? undefined : 'other'}>
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
            })}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p class="none">No events in this span.</p>}
      {rows.length > few && (
        <button
          type="button"
          class="more"
          aria-expanded={all}
          onClick={() => showAll(!all)}
          data-testid={`${name}-more`}
        >
          {all ? `Show the first ${few}` : `Show ${answer.more ? 'the first' : 'all'} ${rows.length}`}
        </button>
      )}
      {all && answer.more && <p class="note muted">There are more: the search finds them.</p>}
    </Panel>
  );
}
