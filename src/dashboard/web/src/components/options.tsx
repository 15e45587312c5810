// How it is shown: a filter more, buckets, comparison, time zone, columns, and the views that were saved.
import { useEffect, useState } from 'preact/hooks';
import type { Overview } from '../api';
import { isShown, mainMeasure, usualColumns } from '../family';
import { instant, type Navigation } from '../state';
import { browserZone, useTimes } from '../times';
import { currentName } from '../zoned';
import { Combobox } from './combobox';
import { NewFilter } from './filter-bar';
import { Menu } from './menu';
import { SavedViews } from './saved-views';
import { Select } from './select';

const sizes = [
  { value: '5m', label: '5 minutes', seconds: 300 },
  { value: '1h', label: 'Hours', seconds: 3600 },
  { value: 'day', label: 'Days', seconds: 86_400 },
  { value: 'week', label: 'Weeks', seconds: 7 * 86_400 },
  { value: 'month', label: 'Months', seconds: 30 * 86_400 },
];
/** As many buckets as a chart can show. */
const mostBuckets = 3000;

interface Props {
  navigation: Navigation;
  data: Overview | null;
}

function Buckets({ navigation: { state, go }, data }: Props) {
  const length = data ? (Date.parse(data.to) - Date.parse(data.from)) / 1000 : 0;
  const fits = ({ value, seconds }: (typeof sizes)[number]) =>
    value === state.bucket || (seconds <= length && length / seconds <= mostBuckets);
  const known = sizes.some(({ value }) => value === state.bucket);
  const other = state.bucket !== null && !known ? [{ value: state.bucket, label: state.bucket }] : [];
  return (
    <Select
      label="Buckets"
      testid="bucket"
      icon="clock"
      value={state.bucket ?? ''}
      options={[{ value: '', label: 'Buckets that fit' }, ...sizes.filter(fits), ...other]}
      choose={(bucket) => go({ bucket: bucket === '' ? null : bucket })}
    />
  );
}

const comparisons = [
  { value: 'before', label: 'Period before' },
  { value: 'week', label: 'A week before' },
  { value: 'custom', label: 'Chosen period' },
  { value: 'none', label: 'No comparison' },
];

/** Where the other period starts, by the clock of the page's zone. */
function OtherStart({ navigation: { state, go }, data }: Props) {
  const times = useTimes();
  const shown = state.compare ?? data?.from ?? '';
  const [text, setText] = useState('');
  useEffect(() => setText(times.input(shown)), [shown, times]);
  return (
    <label class="other-start">
      <span class="visually-hidden">Start of the other period</span>
      <input
        type="datetime-local"
        value={text}
        data-testid="compare-start"
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={(event) => {
          const start = times.instant(event.currentTarget.value);
          if (!Number.isNaN(start)) go({ compare: instant(start) });
        }}
      />
    </label>
  );
}

function Compare({ navigation, data }: Props) {
  const { state, go } = navigation;
  const named = comparisons.some(({ value }) => value === (state.compare ?? 'before'));
  const kind = named ? (state.compare ?? 'before') : 'custom';
  const choose = (value: string) => {
    const start = Date.parse(data?.compare?.from ?? data?.from ?? '');
    if (value !== 'custom') go({ compare: value === 'before' ? null : value });
    else if (!Number.isNaN(start)) go({ compare: instant(start) });
  };
  return (
    <>
      <Select
        label="Compare with"
        testid="compare"
        icon="compare"
        value={kind}
        options={comparisons}
        choose={choose}
      />
      {kind === 'custom' && <OtherStart navigation={navigation} data={data} />}
    </>
  );
}

const zones = [...new Set([browserZone, 'UTC', ...Intl.supportedValuesOf('timeZone').map(currentName)])];
/** As many as a list can show. */
const mostZones = 60;

function Zone({ navigation: { state, go } }: { navigation: Navigation }) {
  const spaced = (zone: string) => zone.replaceAll('_', ' ');
  return (
    <Combobox<string>
      label="Time zone"
      testid="zone"
      icon="globe"
      placeholder="Search time zones"
      text={spaced(state.zone ?? browserZone)}
      chosen={state.zone ?? browserZone}
      find={async (search) => {
        const wanted = spaced(search).toLowerCase();
        const all = zones.filter((zone) => spaced(zone).toLowerCase().includes(wanted));
        const options = all
          .slice(0, mostZones)
          .map((zone) => ({ key: zone, value: zone, label: spaced(zone) }));
        return {
          options,
          note: all.length === 0 ? 'No such zone.' : all.length > mostZones ? 'There are more: type to narrow.' : '',
        };
      }}
      choose={(zone) => go({ zone: zone === browserZone ? null : zone })}
    />
  );
}

function Columns({ navigation: { state, go }, data }: Props) {
  const family = data?.family;
  if (!family) return null;
  const main = mainMeasure(family)?.name;
  const names = state.columns ?? usualColumns(family);
  const others = family.measures.filter(
    (measure) => isShown(measure) && measure.kind !== 'rate' && measure.name !== main,
  );
  if (others.length === 0) return null;
  const choose = (name: string, on: boolean) => {
    const rest = names.filter((each) => each !== name && each !== main);
    go({ columns: on ? [...rest, name] : rest, sort: !on && state.sort === name ? null : state.sort });
  };
  return (
    <Menu label="Columns" icon="columns" testid="columns" class="option">
      {() => (
        <fieldset class="checks">
          <legend>Columns of the tables</legend>
          {others.map(({ name, label }) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={names.includes(name)}
                data-testid={`column-${name}`}
                onChange={(event) => choose(name, event.currentTarget.checked)}
              />
              {label}
            </label>
          ))}
          {state.columns !== null && (
            <button type="button" class="small" data-testid="columns-usual" onClick={() => go({ columns: null })}>
              As usual
            </button>
          )}
        </fieldset>
      )}
    </Menu>
  );
}

export function Options({ navigation, data }: Props) {
  return (
    <div class="options" role="group" aria-label="How it is shown">
      {data?.family && <NewFilter navigation={navigation} family={data.family} limited={data.limited} />}
      <Buckets navigation={navigation} data={data} />
      <Compare navigation={navigation} data={data} />
      <Zone navigation={navigation} />
      <Columns navigation={navigation} data={data} />
      {/* Views are of those who see everything. */}
      {navigation.state.link === null && <SavedViews state={navigation.state} />}
    </div>
  );
}
