// The trend's chart, by uPlot: the main measure as bars or an area, the others as lines, and the period that it is compared
// with as a lighter line. It is made anew when other measures are shown, and otherwise given new data; colours are read
// from the style sheet whenever it is drawn, so that it follows the theme.
import uPlot from 'uplot';
import type { Measure } from './api';
import { tick } from './figure';
import type { Times } from './times';
import { drawable, type Bucket } from './trend-data';
import { fit, scaleOf, ticks, timeLabel, timeTicks, type Scale } from './trend-scales';

export interface Hovered {
  bucket: Bucket;
  /** Pixels from the left of the chart. */
  left: number;
}

export interface Line {
  measure: Measure;
  /** Its place among a bucket's values. */
  column: number;
  /** Its place in the legend, which gives its colour and dashes. */
  look: number;
  /** Bars or an area. */
  filled: boolean;
}

export interface Setup {
  lines: Line[];
  /** The line whose values before are drawn too; null: none. */
  compared: Line | null;
  times: Times;
}

export interface Content {
  all: Bucket[];
  /** Milliseconds since 1970; around all buckets, also the one that is still open. */
  from: number;
  to: number;
}

interface Handlers {
  hover: (hovered: Hovered | null) => void;
  /** Milliseconds since 1970, at buckets' borders. */
  zoom: (from: number, to: number) => void;
}

export interface TrendChart {
  update: (content: Content) => void;
  destroy: () => void;
}

/** Up to this many bars can be told apart; more become an area. */
const mostBars = 400;
/** Up to this many points of a line can be told apart. */
const mostPoints = 60;
/** Pixels between the margins of A4, inside a panel. */
const paperWidth = 670;
/** Between the lines of the grid. */
const steps = 5;
/** So many looks there are in the style sheet. */
export const looks = 8;
const dashes = [[], [], [6, 4], [2, 3], [10, 4], [], [6, 4], [2, 3]];

/** The colour of a custom property, resolved for the theme that the element is in. */
function colour(element: HTMLElement, property: string): string {
  element.style.color = `var(${property})`;
  return getComputedStyle(element).color;
}

const bars = uPlot.paths.bars?.({ size: [0.75, 80], radius: 0.12 });
const area = uPlot.paths.linear?.();

const filledPath: uPlot.Series.PathBuilder = (chart, series, first, last) =>
  (last - first < mostBars ? bars : area)?.(chart, series, first, last) ?? null;

/** The size that there is room for; never 0, which uPlot cannot draw. */
function size(place: HTMLElement): { width: number; height: number } {
  return { width: Math.max(100, place.clientWidth), height: Math.max(100, place.clientHeight) };
}

interface Axis {
  scale: string;
  measure: Measure;
}

/** The scales that are needed, the first of which is on the left. */
function axesOf(lines: Line[]): Axis[] {
  const axes: Axis[] = [];
  for (const { measure } of lines) {
    const scale = scaleOf(measure);
    if (!axes.some((axis) => axis.scale === scale)) axes.push({ scale, measure });
  }
  return axes;
}

/** Times (the middles of the buckets, in seconds), each line's values, and those before of the compared one. */
function columns({ all }: Content, { lines, compared }: Setup): uPlot.AlignedData {
  const middle = ({ start, end }: Bucket) => (start + end) / 2000;
  const before = compared ? [all.map((bucket) => drawable(bucket.before?.[compared.column]))] : [];
  const values = lines.map(({ column }) => all.map((bucket) => drawable(bucket.values[column])));
  return [all.map(middle), ...values, ...before];
}

export function makeTrendChart(place: HTMLElement, setup: Setup, handlers: Handlers): TrendChart {
  // Colours are resolved on a hidden element of its own.
  const probe = place.appendChild(document.createElement('span'));
  probe.hidden = true;
  const use = (property: string) => () => colour(probe, property);
  const { lines, compared, times } = setup;
  let content: Content = { all: [], from: 0, to: 1 };
  const fitted = new Map<string, Scale>();

  const font = `12px ${getComputedStyle(place).fontFamily}`;
  const axis = { stroke: use('--muted'), font, ticks: { show: false }, gap: 6 };
  const axes = axesOf(lines);

  const scales = axes.map(({ scale, measure }): [string, uPlot.Scale] => {
    const whole = measure.unit === null && (measure.kind === 'count' || measure.kind === 'distinct');
    const range: uPlot.Range.Function = (_, least, most) => {
      const made = fit(least ?? 0, most ?? 0, steps, whole);
      fitted.set(scale, made);
      return [made.min, made.max];
    };
    return [scale, { range }];
  });

  const numbers = axes.map(({ scale, measure }, index): uPlot.Axis => ({
    ...axis,
    scale,
    side: index === 0 ? 3 : 1,
    size: (_, labels) => Math.max(40, ...(labels ?? []).map((label) => label.length * 7 + 14)),
    grid: index === 0 ? { stroke: use('--line'), width: 1 } : { show: false },
    splits: () => ticks(fitted.get(scale) ?? { min: 0, max: steps, step: 1 }, steps),
    values: (_, splits) => splits.map((split) => tick(split, measure)),
  }));

  const series = lines.map(({ measure, look, filled }): uPlot.Series => {
    const scale = scaleOf(measure);
    if (filled)
      return { scale, paths: filledPath, fill: use('--series-0-fill'), width: 0, points: { show: false } };
    return {
      scale,
      width: 1.75,
      spanGaps: true,
      stroke: use(`--series-${look % looks}`),
      dash: dashes[look % looks] ?? [],
      points: { size: 5, show: (_, __, first, last) => last - first < mostPoints },
    };
  });
  const before = compared && {
    scale: scaleOf(compared.measure),
    width: 1.25,
    spanGaps: true,
    stroke: use('--before'),
    dash: [3, 3],
    points: { show: false },
  };

  const chart = new uPlot(
    {
      ...size(place),
      padding: [12, axes.length > 1 ? 4 : 16, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: true, range: () => [content.from / 1000, content.to / 1000] },
        ...Object.fromEntries(scales),
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 30,
          splits: (u) => {
            const most = Math.max(2, u.bbox.width / devicePixelRatio / 72);
            return timeTicks(times, content.from, content.to, most).map((time) => time / 1000);
          },
          values: (_, splits) =>
            splits.map((split) => timeLabel(times, split * 1000, content.to - content.from)),
        },
        ...numbers,
      ],
      series: [{}, ...series, ...(before ? [before] : [])],
      cursor: {
        y: false,
        points: { size: 9 },
        drag: { x: true, y: false, setScale: false, dist: 6 },
      },
      hooks: {
        drawClear: [
          (u) => {
            // The bucket that is still open: its figures will grow.
            const open = content.all.find((bucket) => bucket.open);
            if (!open) return;
            const left = u.valToPos(open.start / 1000, 'x', true);
            const right = u.valToPos(open.end / 1000, 'x', true);
            u.ctx.fillStyle = colour(probe, '--open');
            u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
          },
        ],
        setCursor: [
          (u) => {
            const bucket = u.cursor.idx == null ? undefined : content.all[u.cursor.idx];
            if (!bucket || (u.cursor.left ?? -1) < 0) {
              handlers.hover(null);
              return;
            }
            const middle = u.valToPos((bucket.start + bucket.end) / 2000, 'x');
            handlers.hover({ bucket, left: middle + u.bbox.left / devicePixelRatio });
          },
        ],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width <= 0) return;
            const [start, end] = [left, left + width].map((at) => u.posToVal(at, 'x') * 1000);
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            const touched = content.all.filter((each) => each.end > (start ?? 0) && each.start < (end ?? 0));
            const [first, last] = [touched[0], touched[touched.length - 1]];
            if (first && last) handlers.zoom(first.start, last.end);
          },
        ],
      },
    },
    [[], ...series.map(() => []), ...(before ? [[]] : [])] as unknown as uPlot.AlignedData,
    place,
  );

  const resized = new ResizeObserver(() => chart.setSize(size(place)));
  resized.observe(place);

  // Paper is narrower than most windows, and no observer runs before it is printed.
  const shrink = () => {
    const { width, height } = size(place);
    chart.setSize({ width: Math.min(width, paperWidth), height });
  };
  const grow = () => chart.setSize(size(place));
  addEventListener('beforeprint', shrink);
  addEventListener('afterprint', grow);

  // The theme: by the system, or by the switch.
  const redraw = () => chart.redraw(false);
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', redraw);
  const switched = new MutationObserver(redraw);
  switched.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });

  return {
    update: (next) => {
      content = next;
      chart.setData(columns(next, setup));
    },
    destroy: () => {
      resized.disconnect();
      removeEventListener('beforeprint', shrink);
      removeEventListener('afterprint', grow);
      system.removeEventListener('change', redraw);
      switched.disconnect();
      chart.destroy();
      probe.remove();
    },
  };
}
