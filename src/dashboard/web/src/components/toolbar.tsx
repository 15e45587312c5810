// What is shown: the family of rollups where there are several, the tenant, the time; and below it how it is shown.
import { useState } from 'preact/hooks';
import type { Overview } from '../api';
import { allFilters, chosen, only } from '../filters';
import { dimensionOf, onlyTenant, subject, type Names } from '../family';
import type { Navigation } from '../state';
import { CustomRange } from './custom-range';
import { Options } from './options';
import { Select } from './select';
import { Spans } from './spans';
import { TenantPicker } from './value-picker';

interface Props {
  navigation: Navigation;
  /** The last answer; null before the first. */
  data: Overview | null;
  names: Names;
}

function Families({ data, navigation: { go } }: { data: Overview; navigation: Navigation }) {
  return (
    <Select
      label="Rollup"
      testid="family"
      value={data.family?.rollup ?? ''}
      options={data.families.map(({ rollup, title }) => ({ value: rollup, label: title }))}
      // What is chosen of one family says nothing about another's.
      choose={(rollup) =>
        go({ rollup, tenant: null, filters: [], sort: null, columns: null, lines: null, bucket: null })
      }
    />
  );
}

function Tenant({ data, navigation: { state, go }, names }: Props & { data: Overview }) {
  const { family } = data;
  if (!family || family.tenant === null || data.limited) return null;
  const name = family.tenant;
  const filters = allFilters(state, name);
  return (
    <TenantPicker
      state={state}
      dimension={dimensionOf(family, name)}
      tenant={onlyTenant(family, filters)}
      text={subject(family, filters, names)}
      choose={(tenant) => {
        const others = filters.filter(({ dimension }) => dimension !== name);
        go(chosen(tenant === undefined ? others : only(filters, name, tenant), name));
      }}
    />
  );
}

export function Toolbar({ navigation, data, names }: Props) {
  const { state, go } = navigation;
  const [opened, setOpened] = useState(false);
  const custom = 'from' in state.range ? state.range : null;
  return (
    <div class="toolbar" role="region" aria-label="What is shown">
      {data && data.families.length > 1 && <Families data={data} navigation={navigation} />}
      {data && <Tenant data={data} navigation={navigation} names={names} />}
      <Spans navigation={navigation} data={data} custom={opened} openCustom={setOpened} />
      {(custom !== null || opened) && (
        <CustomRange
          key={custom ? `${custom.from} ${custom.to}` : ''}
          from={custom?.from ?? data?.from}
          to={custom?.to ?? data?.to}
          go={go}
          done={() => setOpened(false)}
        />
      )}
      <Options navigation={navigation} data={data} />
    </div>
  );
}
