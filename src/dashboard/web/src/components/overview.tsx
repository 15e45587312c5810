// The overview: tiles, trend, rankings and breakdowns of one span, and how all of it is laid out. In a frame it may be one
// panel alone.
import type { Family, Overview } from '../api';
import { dimensionOf, isShown, onlyTenant, subject, usualColumns, type Names } from '../family';
import type { Navigation } from '../state';
import { useTimes } from '../times';
import { Breakdown } from './breakdown';
import { FilterBar } from './filter-bar';
import { Tiles } from './tiles';
import { TopPanel } from './top';
import { Trend } from './trend';

interface Props {
  data: Overview;
  family: Family;
  navigation: Navigation;
  names: Names;
  /** Another state has been asked for, and its answer has not come yet. */
  stale: boolean;
}

/** The first part of a file's name: the tenant or the family, and when it starts. */
function fileStem(data: Overview, family: Family): string {
  const tenant = onlyTenant(family, data.filters);
  const all = family.tenant === null ? family.rollup : `all-${dimensionOf(family, family.tenant).plural.toLowerCase()}`;
  const whose = tenant ? `${dimensionOf(family, family.tenant ?? '').label.toLowerCase()}-${tenant}` : all;
  const safe = whose.replace(/[^\w.-]+/g, '-').slice(0, 60);
  return `millrace_${safe}_${data.from.replace(/:\d\d(\.\d+)?(Z|[+-].*)$/, '').replace(':', '')}`;
}

/** Which tables or views were read: by name if they are few. */
function Answered({ by }: { by: string[] }) {
  if (by.length === 0) return null;
  const names = by.map((name) => name.replace(/^public\./, ''));
  const few = names.length <= 2;
  return (
    <span title={few ? undefined : names.join(', ')} data-testid="answered-by" data-names={names.join(' ')}>
      {' '}
      · answered by {few ? names.join(' and ') : `${names[0]} and ${names.length - 1} more`}
    </span>
  );
}

function About({ data, family, names }: { data: Overview; family: Family; names: Names }) {
  const { interval } = useTimes();
  return (
    <div class="about">
      <h1 data-testid="subject">
        <bdi>{subject(family, data.filters, names)}</bdi>
      </h1>
      <p class="muted">
        <span class="when">{interval(data.from, data.to)}</span>{' '}
        <span data-testid="shown-zone">{data.zone}</span>
        {!data.live &&
          (data.standby ? (
            <span> · as far as this standby has replayed</span>
          ) : (
            <span> · without events that came after the last refresh</span>
          ))}
        <Answered by={data.answered_by} />
      </p>
    </div>
  );
}

/** How many of twelve columns each of so many panels takes. */
function spanOf(panels: number): number {
  if (panels <= 2) return 12 / Math.max(1, panels);
  if (panels % 4 === 0) return 3;
  return panels % 3 === 0 ? 4 : 3;
}

export function OverviewView({ data, family, navigation, names, stale }: Props) {
  const { state } = navigation;
  const stem = fileStem(data, family);
  const tenant = onlyTenant(family, data.filters);
  const wanted = (panel: string) => state.panel === null || state.panel === panel;
  const tops = data.tops.flatMap((answer) => {
    const top = family.tops.find(({ name }) => name === answer.measure);
    return top && isShown(top) && wanted(`top-${top.name}`) ? [{ top, answer }] : [];
  });
  const breakdowns = data.breakdowns
    .map((answer) => ({ answer, dimension: dimensionOf(family, answer.dimension) }))
    .filter(({ dimension }) => isShown(dimension) && wanted(`by-${dimension.name}`))
    // Of one tenant there is nothing to rank.
    .filter(({ dimension }) => tenant === undefined || dimension.name !== family.tenant);
  const beside = wanted('trend') ? tops.slice(0, 1) : [];
  const rest = tops.slice(beside.length);
  const columns = state.columns ?? usualColumns(family);
  const span = spanOf(breakdowns.length + rest.length);
  const width = `span-${columns.length > 3 ? Math.max(span, 6) : columns.length > 2 ? Math.max(span, 4) : span}`;
  return (
    <>
      {state.panel === null && (
        <FilterBar navigation={navigation} family={family} names={names} />
      )}
      <div
        class={`overview${stale ? ' stale' : ''}${state.panel === null ? '' : ' alone'}`}
        aria-busy={stale}
        data-testid="overview"
        data-rollup={family.rollup}
        data-from={data.from}
        data-to={data.to}
        data-zone={data.zone}
        data-bucket={data.bucket}
        data-tenant={tenant ?? ''}
        data-filters={JSON.stringify(data.filters.map(({ dimension, values, not }) => ({ dimension, values, not })))}
        data-generated-at={data.generated_at}
      >
        {state.panel === null && <About data={data} family={family} names={names} />}
        {wanted('tiles') && <Tiles data={data} family={family} stem={stem} />}
        {wanted('trend') && (
          <Trend
            data={data}
            family={family}
            stem={stem}
            navigation={navigation}
            class={beside.length > 0 ? 'span-9' : 'span-12'}
          />
        )}
        {beside.map(({ top, answer }) => (
          <TopPanel key={top.name} top={top} answer={answer} stem={stem} class="span-3" />
        ))}
        {breakdowns.map(({ dimension, answer }) => (
          <Breakdown
            key={dimension.name}
            dimension={dimension}
            family={family}
            answer={answer}
            columns={columns}
            navigation={navigation}
            choosable={!(data.limited && dimension.name === family.tenant)}
            stem={stem}
            class={width}
          />
        ))}
        {rest.map(({ top, answer }) => (
          <TopPanel key={top.name} top={top} answer={answer} stem={stem} class={width} />
        ))}
      </div>
    </>
  );
}
