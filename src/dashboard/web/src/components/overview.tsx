// The overview: tiles, trend, top devices and breakdowns of one span, and how all of it is laid out.
import type { Overview, Rows, TenantRow } from '../api';
import { country, interval, timeZone } from '../format';
import type { Navigation } from '../state';
import { Breakdown } from './breakdown';
import { Tiles } from './tiles';
import { TopDevices } from './top-devices';
import { Trend } from './trend';
import { Value } from './value';

interface Props {
  data: Overview;
  navigation: Navigation;
  /** Another state has been asked for, and its answer has not come yet. */
  stale: boolean;
}

/** The first part of a file's name: the tenant and the span. */
function fileStem(data: Overview): string {
  const whose = data.tenant === null ? 'all-tenants' : `tenant-${data.tenant}`;
  return `millrace_${whose}_${data.from.replace(/:\d\d(\.\d+)?(Z|[+-].*)$/, '').replace(':', '')}`;
}

type TenantsProps = Rows<TenantRow> & { total: number; stem: string; navigation: Navigation };

/** Tenants are ranked like other properties, but can also be chosen. */
function Tenants({ rows, navigation, ...rest }: TenantsProps) {
  return (
    <Breakdown
      name="tenants"
      title="Tenants"
      column="customer_id"
      rows={rows.map(({ tenant, ...figures }) => ({ value: tenant, ...figures }))}
      {...rest}
      label={(value) => (
        <button
          type="button"
          class="link"
          title="Show this tenant only"
          onClick={() => navigation.go({ tenant: value })}
        >
          {value}
        </button>
      )}
    />
  );
}

export function OverviewView({ data, navigation, stale }: Props) {
  const stem = fileStem(data);
  const shared = { stem, total: data.tiles.events.value };
  return (
    <div
      class={`overview${stale ? ' stale' : ''}`}
      aria-busy={stale}
      data-testid="overview"
      data-from={data.from}
      data-to={data.to}
      data-tenant={data.tenant ?? ''}
      data-generated-at={data.generated_at}
    >
      <div class="about">
        <h1 data-testid="subject">{data.tenant === null ? 'All tenants' : <>Tenant {data.tenant}</>}</h1>
        <p class="muted">
          <span class="when">{interval(data.from, data.to)}</span> <span>{timeZone}</span>
          {!data.live &&
            (data.standby ? (
              <span> · as far as this standby has replayed</span>
            ) : (
              <span> · without events that came after the last refresh</span>
            ))}
        </p>
      </div>
      <Tiles data={data} stem={stem} />
      <Trend data={data} stem={stem} navigation={navigation} />
      <TopDevices {...data.top_devices} stem={stem} />
      {data.tenants && <Tenants {...data.tenants} {...shared} navigation={navigation} />}
      <Breakdown
        name="countries"
        title="Countries"
        column="country"
        {...data.countries}
        {...shared}
        label={(value) => <Value value={value} meaning={value && country(value)} />}
      />
      <Breakdown name="browsers" title="Browsers" column="browser" {...data.browsers} {...shared} />
      <Breakdown
        name="event-types"
        title="Event types"
        column="event_type"
        {...data.event_types}
        {...shared}
      />
    </div>
  );
}
