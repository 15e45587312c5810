// The figures by the values of one dimension: a table whose rows have a bar behind them. A click on a value filters by it,
// the button beside it (or Alt and a click) leaves it out, and the search finds values that are not listed.
import { useState } from 'preact/hooks';
import { mainMeasure } from '../family';
import { allFilters, chosen, only } from '../filters';
import { BreakdownTable, shareOf, type BreakdownProps } from './breakdown-table';
import { Icon } from './icon';
import { Actions, Panel } from './panel';
import { ValuePicker } from './value-picker';

const few = 8;

function Search({ props, close }: { props: BreakdownProps; close: () => void }) {
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

export function Breakdown(props: BreakdownProps) {
  const { dimension, family, answer, choosable, stem } = props;
  const [all, showAll] = useState(false);
  const [searching, search] = useState(false);
  const name = `by-${dimension.name}`;
  const title = dimension.plural;
  const { rows } = answer;
  const main = mainMeasure(family);
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
              // The input would close itself before the click, which would open it again.
              onMouseDown={(event) => searching && event.preventDefault()}
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
      {rows.length > 0 && <BreakdownTable props={props} number={all ? rows.length : few} />}
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
