// The trend's chart, by uPlot: events as bars on the left axis, devices and sessions as lines on the
// right one. It is made once and given new data; colours are read from the style sheet whenever it is
// drawn, so that it follows the theme.
import uPlot from 'uplot';
import { clock, compact, day } from './format';
import { columns, type Bucket } from './trend-data';

export interface Hovered {
  bucket: Bucket;
  /** Pixels from the left of the chart. */
  left: number;
}

export interface Content {
  all: Bucket[];
  /** Seconds since 1970. */
  from: number;
  to: number;
  step: number;
}

interface Handlers {
  hover: (hovered: Hovered | null) => void;
  /** Milliseconds since 1970, at buckets' borders. */
  zoom: (from: number, to: number) => void;
}

export interface TrendChart {
  update: (content: Content) => void;
  show: (series: number, shown: boolean) => void;
  destroy: () => void;
}

/** Up to this many bars can be told apart; more become an area. */
const mostBars = 400;
/** Up to this many points of a line can be told apart. */
const mostPoints = 60;
const daySeconds = 86_400;

/** The colour of a custom property, resolved for the theme that the element is in. */
function colour(element: HTMLElement, property: string): string {
  element.style.color = `var(${property})`;
  return getComputedStyle(element).color;
}

const bars = uPlot.paths.bars?.({ size: [0.75, 80], radius: 0.12 });
const area = uPlot.paths.linear?.();

const eventsPath: uPlot.Series.PathBuilder = (chart, series, first, last) =>
  (last - first < mostBars ? bars : area)?.(chart, series, first, last) ?? null;

function timeLabels(_: uPlot, splits: number[], __: number, ___: number, increment: number): string[] {
  return splits.map((split) => {
    const date = new Date(split * 1000);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0;
    return increment >= daySeconds || midnight ? day(split * 1000) : clock(split * 1000);
  });
}

/** Whole numbers only: there are no half events. */
const increments = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();

const fromZero: uPlot.Range.Function = (_, __, most) => [0, most > 0 ? most * 1.08 : 1];

/** The size that there is room for; never 0, which uPlot cannot draw. */
function size(place: HTMLElement): { width: number; height: number } {
  return { width: Math.max(100, place.clientWidth), height: Math.max(100, place.clientHeight) };
}

export function makeTrendChart(place: HTMLElement, handlers: Handlers): TrendChart {
  // Colours are resolved on a hidden element of its own.
  const probe = place.appendChild(document.createElement('span'));
  probe.hidden = true;
  const use = (property: string) => () => colour(probe, property);
  let content: Content = { all: [], from: 0, to: 1, step: 300 };

  const font = `12px ${getComputedStyle(place).fontFamily}`;
  const axis = { stroke: use('--muted'), font, ticks: { show: false }, gap: 6 };
  const number = {
    ...axis,
    incrs: increments,
    size: 48,
    values: (_: uPlot, splits: number[]) => splits.map(compact),
  };
  const line = {
    scale: 'distinct',
    width: 1.75,
    points: {
      size: 5,
      show: (_: uPlot, __: number, first: number, last: number) => last - first < mostPoints,
    },
  };

  const chart = new uPlot(
    {
      ...size(place),
      padding: [12, 4, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: true, range: () => [content.from, content.to] },
        events: { range: fromZero },
        distinct: { range: fromZero },
      },
      axes: [
        { ...axis, grid: { show: false }, values: timeLabels, space: 64, size: 30 },
        { ...number, scale: 'events', grid: { stroke: use('--line'), width: 1 } },
        { ...number, scale: 'distinct', side: 1, grid: { show: false } },
      ],
      series: [
        {},
        { scale: 'events', paths: eventsPath, fill: use('--events-fill'), width: 0, points: { show: false } },
        { ...line, stroke: use('--devices') },
        { ...line, stroke: use('--sessions'), dash: [6, 4] },
      ],
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
            const right = u.valToPos(Math.min(open.end / 1000, content.to), 'x', true);
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
            const { step } = content;
            const from = Math.floor(u.posToVal(left, 'x') / step) * step;
            const to = Math.ceil(u.posToVal(left + width, 'x') / step) * step;
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            handlers.zoom(from * 1000, to * 1000);
          },
        ],
      },
    },
    [[], [], [], []],
    place,
  );

  const resized = new ResizeObserver(() => {
    chart.setSize(size(place));
  });
  resized.observe(place);

  // The theme: by the system, or by the switch.
  const redraw = () => chart.redraw(false);
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', redraw);
  const chosen = new MutationObserver(redraw);
  chosen.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });

  return {
    update: (next) => {
      content = next;
      chart.setData(columns(next.all));
    },
    show: (series, shown) => chart.setSeries(series, { show: shown }),
    destroy: () => {
      resized.disconnect();
      system.removeEventListener('change', redraw);
      chosen.disconnect();
      chart.destroy();
      probe.remove();
    },
  };
}
