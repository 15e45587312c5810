// The trend's chart and what lies under the pointer.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Overview } from '../api';
import { shortLabel } from '../family';
import { figure } from '../figure';
import type { Navigation } from '../state';
import { useTimes, type Times } from '../times';
import { makeTrendChart, type Hovered, type Line, type TrendChart } from '../trend-chart';
import { drawable, type Bucket } from '../trend-data';

interface TooltipProps {
  hovered: Hovered;
  shown: Line[];
  width: number;
}

function Tooltip({ hovered: { bucket, left }, shown, width }: TooltipProps) {
  const { dayAndTime, interval } = useTimes();
  const side = left > width / 2 ? { right: `${width - left + 12}px` } : { left: `${left + 12}px` };
  return (
    <div class="tooltip" style={side} aria-hidden="true" data-testid="trend-tooltip">
      <strong>{interval(bucket.start, bucket.end)}</strong>
      {shown.map(({ measure, column, look, filled }) => (
        <div key={measure.name}>
          <i class={`sample look-${look}${filled ? ' filled' : ''}`} />
          {shortLabel(measure)}
          <b>{figure(bucket.values[column] ?? null, measure)}</b>
          {bucket.before && (
            <span class="muted was">{figure(bucket.before[column] ?? null, measure)}</span>
          )}
        </div>
      ))}
      {bucket.before && bucket.beforeStart !== null && (
        <em>beside: from {dayAndTime(bucket.beforeStart)}</em>
      )}
      {bucket.open && <em>still going on</em>}
    </div>
  );
}

/** What the chart shows, in a sentence. */
function summary(all: Bucket[], main: Line | undefined, data: Overview, times: Times): string {
  const value = (bucket: Bucket) => (main ? drawable(bucket.values[main.column]) : null);
  const first = all.find((bucket) => value(bucket) !== null);
  if (!first || !main) return 'No events.';
  const peak = all.reduce((most, each) => ((value(each) ?? -Infinity) > (value(most) ?? 0) ? each : most), first);
  const total = data.tiles.rows.find(({ measure }) => measure === main.measure.name)?.value ?? null;
  const { interval } = times;
  const [sum, most] = [figure(total, main.measure), figure(value(peak), main.measure)];
  return (
    `${main.measure.label}: ${sum} in ${interval(data.from, data.to)}; ` +
    `most, ${most}, from ${interval(peak.start, peak.end)}. The button Table shows all.`
  );
}

interface Props {
  data: Overview;
  all: Bucket[];
  shown: Line[];
  main: Line | undefined;
  zoom: Navigation['zoom'];
}

export function TrendPlot({ data, all, shown, main, zoom }: Props) {
  const times = useTimes();
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<TrendChart | null>(null);
  const [hovered, hover] = useState<Hovered | null>(null);
  const onZoom = useRef(zoom);
  onZoom.current = zoom;
  const compared = data.compare !== null;
  /** The chart is made anew when this changes. */
  const kind = JSON.stringify([times.zone, compared, shown]);

  useEffect(() => {
    if (!place.current) return;
    const setup = { lines: shown, compared: compared ? (shown[0] ?? null) : null, times };
    const made = makeTrendChart(place.current, setup, { hover, zoom: (from, to) => onZoom.current(from, to) });
    chart.current = made;
    return () => {
      hover(null);
      made.destroy();
    };
  }, [kind]);
  useEffect(() => {
    const [first, last] = [all[0]?.start ?? Infinity, all[all.length - 1]?.end ?? 0];
    const [from, to] = [Math.min(Date.parse(data.from), first), Math.max(Date.parse(data.to), last)];
    chart.current?.update({ all, from, to });
  }, [kind, all]);

  return (
    <div class="chart">
      <div ref={place} role="img" aria-label={summary(all, main, data, times)} data-testid="trend-chart" />
      {hovered && <Tooltip hovered={hovered} shown={shown} width={place.current?.clientWidth ?? 0} />}
    </div>
  );
}
