// The trend over the span: a chart with a legend that hides and shows its lines, what lies under the pointer, zooming
// by dragging, and the same as a table for those whom a chart does not help; a row of it can be zoomed into.
import { useMemo, useState } from 'preact/hooks';
import type { Family, Measure, Overview } from '../api';
import { addsUp, mainMeasure, shortLabel, usualLines } from '../family';
import { figure } from '../figure';
import { margin } from '../format';
import type { Navigation } from '../state';
import { useTimes } from '../times';
import { looks, type Line } from '../trend-chart';
import { scaleOf } from '../trend-scales';
import { buckets, drawable, drawn, type Bucket } from '../trend-data';
import { Icon } from './icon';
import { Actions, Panel } from './panel';
import { TrendPlot } from './trend-plot';

interface Props {
  data: Overview;
  family: Family;
  stem: string;
  navigation: Navigation;
  class?: string;
}

const names: Record<string, string> = { '1m': 'minute', '1h': 'hour' };
const parts: Record<string, string> = { m: 'minutes', h: 'hours', d: 'days', w: 'weeks' };

/** What a bucket is called: hour, 5 minutes, day. */
function bucketName(bucket: string): string {
  const [, number, unit] = /^(\d+)([mhdw])$/.exec(bucket) ?? [];
  return names[bucket] ?? (unit ? `${number} ${parts[unit]}` : bucket);
}

function lineOf(measure: Measure, column: number, index: number, main: Measure | null): Line {
  const look = measure === main ? 0 : 1 + (index % (looks - 1));
  return { measure, column, look, filled: measure === main && addsUp(measure) };
}

/** All that can be drawn, the main measure first. */
function linesOf(data: Overview, family: Family): Line[] {
  const main = mainMeasure(family);
  const all = drawn(data, family);
  const first = all.filter(({ measure }) => measure === main);
  const rest = all.filter(({ measure }) => measure !== main);
  return [
    ...first.map(({ measure, column }) => lineOf(measure, column, 0, main)),
    ...rest.map(({ measure, column }, index) => lineOf(measure, column, index, main)),
  ];
}

function Rows({ all, lines, zoom }: { all: Bucket[]; lines: Line[]; zoom: Navigation['zoom'] }) {
  const { dayAndTime } = useTimes();
  return (
    <div class="scroll rows" tabIndex={0} role="region" aria-label="Trend as a table">
      <table data-testid="trend-table">
        <caption class="visually-hidden">
          {lines.map(({ measure }) => measure.label).join(', ')} by bucket, newest first
        </caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map(({ measure }) => (
              <th key={measure.name} scope="col">
                {shortLabel(measure)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...all].reverse().map(({ start, end, values }) => (
            <tr key={start}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  title="Show this time only"
                  data-testid="trend-time"
                  data-start={start}
                  onClick={() => zoom(start, end)}
                >
                  {dayAndTime(start)}
                </button>
              </th>
              {lines.map(({ measure, column }) => (
                <td key={measure.name}>{figure(values[column] ?? null, measure)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface LegendProps {
  lines: Line[];
  shown: Line[];
  compared: boolean;
  toggle: (name: string) => void;
}

function Legend({ lines, shown, compared, toggle }: LegendProps) {
  const left = shown[0] && scaleOf(shown[0].measure);
  return (
    <div class="legend" role="group" aria-label="Series shown">
      {lines.map(({ measure, look, filled }) => {
        const on = shown.some((line) => line.measure === measure);
        return (
          <button
            key={measure.name}
            type="button"
            aria-pressed={on}
            title={measure.description ?? undefined}
            data-testid={`legend-${measure.name}`}
            onClick={() => toggle(measure.name)}
          >
            {on ? (
              <i class={`sample look-${look}${filled ? ' filled' : ''}`} />
            ) : (
              <i class="off" aria-hidden="true">
                +
              </i>
            )}{' '}
            {shortLabel(measure)}
            {on && scaleOf(measure) !== left && <span class="muted"> (right axis)</span>}
          </button>
        );
      })}
      {compared && shown[0] && (
        <span class="compared" data-testid="legend-before">
          <i class="sample before" /> {shortLabel(shown[0].measure)}, compared
        </span>
      )}
      <span class="muted tip">Drag over the chart to zoom in.</span>
    </div>
  );
}

function precision(data: Overview, shown: Line[]): string | null {
  const errors = shown.map(({ measure, column }) => ({ measure, error: data.trend.errors[column] ?? 0 }));
  const estimated = errors.filter(({ error }) => error > 0);
  if (estimated.length === 0) return null;
  const most = Math.max(...estimated.map(({ error }) => error));
  return `${estimated.map(({ measure }) => shortLabel(measure).toLowerCase()).join(' and ')} ${margin(most)}`;
}

export function Trend({ data, family, stem, navigation, class: more = '' }: Props) {
  const [table, showTable] = useState(false);
  const { before, go, zoom, state } = navigation;
  const all = useMemo(() => buckets(data, family), [data, family]);
  const lines = useMemo(() => linesOf(data, family), [data, family]);
  const usual = usualLines(family);
  const wanted = state.lines ?? usual;
  const shown = lines.filter(({ measure }) => wanted.includes(measure.name));
  const main = lines[0];
  const toggle = (name: string) => {
    const on = shown.some(({ measure }) => measure.name === name);
    const next = lines
      .map(({ measure }) => measure.name)
      .filter((each) => (each === name ? !on : wanted.includes(each)));
    go({ lines: next.join('\n') === usual.join('\n') ? null : next });
  };
  const { columns, rows, sql } = data.trend;
  const sheet = () => ({
    name: `${stem}_trend`,
    header: ['time', ...columns, ...(data.compare ? ['time_before', ...columns.map((each) => `${each}_before`)] : [])],
    rows: rows.map((row) => [
      row.time,
      ...row.values,
      ...(data.compare ? [row.before_time, ...columns.map((_, index) => row.before?.[index] ?? null)] : []),
    ]),
  });
  const off = precision(data, shown);
  const sum = main ? rows.reduce((total, row) => total + (drawable(row.values[main.column]) ?? 0), 0) : 0;
  return (
    <Panel
      name="trend"
      title="Trend"
      class={`trend ${more}`}
      subtitle={
        <>
          per {bucketName(data.bucket)}
          {off !== null && <span title="Two standard errors: 95 % of the estimates lie within"> · {off}</span>}
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
          <Actions name="trend" title="Trend" sql={sql} sheet={sheet} />
        </>
      }
    >
      <div class="figures" data-testid="trend-sums" data-rows={rows.length} data-sum={sum}>
        {table ? (
          <Rows all={all} lines={lines} zoom={zoom} />
        ) : (
          <TrendPlot data={data} all={all} shown={shown} main={main} zoom={zoom} />
        )}
      </div>
      {!table && <Legend lines={lines} shown={shown} compared={data.compare !== null} toggle={toggle} />}
    </Panel>
  );
}
