// The trend over the span: a chart with a legend that hides and shows its series, what lies under the
// pointer, zooming by dragging, and the same as a table for those whom a chart does not help.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Overview } from '../api';
import { count, dayAndTime, interval, margin } from '../format';
import type { Navigation } from '../state';
import { makeTrendChart, type Hovered, type TrendChart } from '../trend-chart';
import { buckets, type Bucket } from '../trend-data';
import { Icon } from './icon';
import { Actions, Panel } from './panel';

interface Props {
  data: Overview;
  stem: string;
  navigation: Navigation;
}

const series = [
  { key: 'events', label: 'Events' },
  { key: 'devices', label: 'Devices' },
  { key: 'sessions', label: 'Sessions' },
] as const;

function Tooltip({ hovered, width }: { hovered: Hovered; width: number }) {
  const { bucket, left } = hovered;
  const side = left > width / 2 ? { right: `${width - left + 12}px` } : { left: `${left + 12}px` };
  return (
    <div class="tooltip" style={side} aria-hidden="true" data-testid="trend-tooltip">
      <strong>{interval(bucket.start, bucket.end)}</strong>
      {series.map(({ key, label }) => (
        <div key={key}>
          <i class={`sample ${key}`} />
          {label}
          <b>{count(bucket[key])}</b>
        </div>
      ))}
      {bucket.open && <em>still going on</em>}
    </div>
  );
}

/** What the chart shows, in a sentence. */
function summary(all: Bucket[], data: Overview): string {
  const first = all[0];
  if (!first) return 'No events.';
  const peak = all.reduce((most, bucket) => (bucket.events > most.events ? bucket : most), first);
  const total = count(data.tiles.events.value);
  return `${total} events in ${interval(data.from, data.to)}; most, ${count(peak.events)}, from ${interval(peak.start, peak.end)}. The button Table shows all.`;
}

function Chart({
  data,
  all,
  hidden,
  zoom,
}: {
  data: Overview;
  all: Bucket[];
  hidden: boolean[];
  zoom: Navigation['zoom'];
}) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<TrendChart | null>(null);
  const [hovered, hover] = useState<Hovered | null>(null);
  const onZoom = useRef(zoom);
  onZoom.current = zoom;

  useEffect(() => {
    if (!place.current) return;
    chart.current = makeTrendChart(place.current, { hover, zoom: (from, to) => onZoom.current(from, to) });
    return () => chart.current?.destroy();
  }, []);
  useEffect(() => {
    const [from, to] = [Date.parse(data.from) / 1000, Date.parse(data.to) / 1000];
    chart.current?.update({ all, from, to, step: data.bucket_seconds });
  }, [all]);
  useEffect(() => hidden.forEach((each, index) => chart.current?.show(index + 1, !each)), [hidden]);

  return (
    <div class="chart">
      <div ref={place} role="img" aria-label={summary(all, data)} data-testid="trend-chart" />
      {hovered && <Tooltip hovered={hovered} width={place.current?.clientWidth ?? 0} />}
    </div>
  );
}

function Rows({ all }: { all: Bucket[] }) {
  return (
    <div class="scroll rows" tabIndex={0} role="region" aria-label="Trend as a table">
      <table data-testid="trend-table">
        <caption class="visually-hidden">Events, devices and sessions by bucket, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map(({ key, label }) => (
              <th key={key} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...all].reverse().map((bucket) => (
            <tr key={bucket.start}>
              <th scope="row">{dayAndTime(bucket.start)}</th>
              {series.map(({ key }) => (
                <td key={key}>{count(bucket[key])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Trend({ data, stem, navigation }: Props) {
  const [table, showTable] = useState(false);
  const [hidden, setHidden] = useState([false, false, false]);
  const all = useMemo(() => buckets(data), [data]);
  const { before, go, zoom } = navigation;
  const sheet = () => ({
    name: `${stem}_trend`,
    header: ['time', 'events', 'devices', 'sessions'],
    rows: data.trend.rows.map((row) => [row.time, row.events, row.devices, row.sessions]),
  });
  return (
    <Panel
      name="trend"
      title="Trend"
      class="trend"
      subtitle={
        <>
          per {data.bucket_seconds === 300 ? '5 minutes' : 'hour'}
          {data.trend.error > 0 && (
            <span title="Two standard errors: 95 % of the estimates lie within">
              {' '}
              · devices and sessions {margin(data.trend.error)}
            </span>
          )}
        </>
      }
      actions={
        <>
          {before && (
            <button
              type="button"
              class="small"
              data-testid="zoom-reset"
              onClick={() => go({ range: before })}
            >
              <Icon name="back" size={14} /> Reset zoom
            </button>
          )}
          <button
            type="button"
            class="small"
            aria-pressed={table}
            data-testid="trend-as-table"
            onClick={() => showTable(!table)}
          >
            Table
          </button>
          <Actions name="trend" title="Trend" sql={data.trend.sql} sheet={sheet} />
        </>
      }
    >
      <div
        class="figures"
        data-testid="trend-sums"
        data-rows={data.trend.rows.length}
        data-events={data.trend.rows.reduce((sum, row) => sum + row.events, 0)}
      >
        {table ? <Rows all={all} /> : <Chart data={data} all={all} hidden={hidden} zoom={zoom} />}
      </div>
      <div class="legend" role="group" aria-label="Series shown">
        {series.map(({ key, label }, index) => (
          <button
            key={key}
            type="button"
            aria-pressed={!hidden[index]}
            disabled={table}
            data-testid={`legend-${key}`}
            onClick={() => setHidden(hidden.map((each, i) => (i === index ? !each : each)))}
          >
            <i class={`sample ${key}`} /> {label}
            {key !== 'events' && <span class="muted"> (right axis)</span>}
          </button>
        ))}
        <span class="muted tip">Drag over the chart to zoom in.</span>
      </div>
    </Panel>
  );
}
