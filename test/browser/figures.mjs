// What the page shows, read from it at one moment, and the same computed by plain SQL over the events.
import assert from 'node:assert/strict';
import { loaded } from './browser.mjs';
import { quote, rows } from './database.mjs';

/** The workshop's measures, by the columns of its rollups. */
export const workshop = {
  events: 'event_count',
  devices: 'device_distinct_count',
  sessions: 'session_distinct_count',
  top: 'top_devices_1000',
  dimensions: ['customer_id', 'country', 'browser', 'event_type'],
};

/** All figures of one answer: they are read without a pause, so that no other comes between. */
export async function shown(page) {
  await loaded(page);
  const more = page.locator('button.more[aria-expanded=false]');
  while ((await more.count()) > 0) await more.first().click();
  return page.evaluate(() => {
    const overview = document.querySelector('[data-testid=overview]');
    const all = (selector) => [...overview.querySelectorAll(selector)];
    const data = (element, name) => element?.getAttribute(`data-${name}`) ?? null;
    const number = (text) => (text === null || text === '' ? null : Number(text));
    const between = (element, start, end) => data(element, 'testid').slice(start.length, -end.length);
    const compared = overview.querySelector('[data-testid=compared]');
    return {
      from: data(overview, 'from'),
      to: data(overview, 'to'),
      zone: data(overview, 'zone'),
      bucket: data(overview, 'bucket'),
      rollup: data(overview, 'rollup'),
      tenant: data(overview, 'tenant') || null,
      filters: JSON.parse(data(overview, 'filters')),
      compare: data(compared, 'from') ? { from: data(compared, 'from'), to: data(compared, 'to') } : null,
      tiles: Object.fromEntries(
        all('[data-testid^=tile-][data-testid$=-value]').map((value) => {
          const tile = value.closest('.tile');
          return [
            between(value, 'tile-', '-value'),
            {
              value: number(data(value, 'value')),
              text: value.textContent,
              label: tile.querySelector('dt').textContent,
              before: number(data(tile.querySelector('[data-before]'), 'before')),
              exactness: tile.querySelector('.exactness')?.textContent ?? null,
            },
          ];
        }),
      ),
      trend: {
        rows: number(data(overview.querySelector('[data-testid=trend-sums]'), 'rows')),
        sum: number(data(overview.querySelector('[data-testid=trend-sums]'), 'sum')),
      },
      tops: Object.fromEntries(
        all('[data-testid^=top-][data-testid$=-error]').map((error) => [
          between(error, 'top-', '-error'),
          {
            error: number(data(error, 'error')),
            certain: data(error, 'certain') === 'true',
            text: error.textContent,
            rows: [...error.closest('section').querySelectorAll('tr[data-item]')].map((row) => ({
              item: data(row, 'item'),
              count: number(data(row, 'count')),
            })),
          },
        ]),
      ),
      groups: Object.fromEntries(
        all('section[data-testid^=by-]').map((panel) => [
          data(panel, 'testid').slice('by-'.length),
          [...panel.querySelectorAll('tr[data-figures]')].map((row) => ({
            value: data(row, 'value'),
            figures: JSON.parse(data(row, 'figures')),
            label: row.querySelector('th .text, th .unknown').textContent,
          })),
        ]),
      ),
    };
  });
}

/**
 * Compares figures with what is read from the page after them. The span that is shown goes on with the clock, a bucket at a
 * time: a comparison in the middle of which it did says nothing, and is made once more. Any other that fails has failed.
 */
export async function ofOneSpan(page, compare) {
  const figures = await shown(page);
  try {
    await compare(figures);
  } catch (problem) {
    const later = await shown(page);
    if (later.to === figures.to) throw problem;
    await compare(later);
  }
}

/** The condition of one filter. A value that is not wanted leaves the events without a value. */
function condition({ dimension, values, not }) {
  const texts = values.filter((value) => value !== null).map(quote);
  const some = [
    ...(texts.length > 0 ? [`coalesce(${dimension}::text IN (${texts.join(', ')}), false)`] : []),
    ...(values.includes(null) ? [`${dimension} IS NULL`] : []),
  ].join(' OR ');
  return not ? `NOT (${some})` : `(${some})`;
}

/**
 * The condition for the events of a span, and of the filters that hold. `time` is their column. A span that goes on ends with
 * the answer's clock, and counts what has come into its last 5 minutes since.
 */
export function within({ from, to, filters }, time = 'event_time') {
  const end = new Date(Math.ceil(Date.parse(to) / 300_000) * 300_000).toISOString();
  return [`${time} >= ${quote(from)}`, `${time} < ${quote(end)}`, ...filters.map(condition)].join(' AND ');
}

const distinct = (column) => `coalesce(hll_cardinality(hll_add_agg(hll_hash_bigint(${column}))), 0)`;

export function same(page, sql, what) {
  assert.ok(
    Math.abs(page - sql) <= 1e-9 * Math.abs(sql) + 1e-6,
    `${what}: the page says ${page}, SQL says ${sql}`,
  );
}

/** The rows of a panel against those of SQL, which are all there are, with the figures of `names`, the first of which sorts. */
export function sameRows(listed, counted, names, what) {
  assert.equal(listed.length, Math.min(50, counted.length), `${what}: rows`);
  const [first] = names;
  const most = counted.map((row) => Number(row[first])).sort((one, other) => other - one);
  assert.deepEqual(
    listed.map((row) => row.figures[first]),
    most.slice(0, 50),
    `${what}: ${first}, most first`,
  );
  for (const row of listed) {
    const match = counted.find(({ value }) => value === row.value);
    assert.ok(match, `${what}: there is no ${row.value}`);
    for (const name of names) same(row.figures[name], match[name], `${what}: ${name} of ${row.value}`);
  }
}

async function sameTop({ rows: top, error }, span) {
  const counts = await rows(
    `SELECT device_id::text AS device, count(*) AS events FROM events
     WHERE ${span} AND device_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC`,
  );
  const truth = new Map(counts.map((row) => [row.device, row.events]));
  assert.equal(top.length, Math.min(10, counts.length), 'top devices: rows');
  for (const { item, count } of top) {
    const real = truth.get(item) ?? 0;
    assert.ok(real <= count && count <= real + error, `device ${item}: ${count} for ${real}, error ${error}`);
  }
  if (top.length === 0) return;
  const tenth = counts[top.length - 1].events;
  assert.ok(top[top.length - 1].count >= tenth, 'top devices: one with more events is missing');
}

/** Fails unless the page's figures are what the events say. Gives a note on how many there were. */
export async function agree(figures) {
  const span = within(figures);
  const totals = (where) =>
    `SELECT count(*) AS events, count(DISTINCT device_id) AS exact_devices, ${distinct('device_id')} AS devices,
            ${distinct('session_id')} AS sessions FROM events WHERE ${where}`;
  const [now] = await rows(totals(span));
  const tile = (name) => figures.tiles[workshop[name]];
  const counted = { events: tile('events'), devices: tile('devices'), sessions: tile('sessions') };
  for (const [name, { value, text }] of Object.entries(counted)) {
    same(value, now[name], name);
    assert.equal(text.replace(/\D/g, ''), String(Math.round(value)), `the text of ${name}`);
  }
  if (figures.compare) {
    const [before] = await rows(totals(within({ ...figures, ...figures.compare })));
    for (const [name, { before: shownBefore }] of Object.entries(counted)) {
      same(shownBefore, before[name], `${name} before`);
    }
  } else {
    for (const { before } of Object.values(counted)) assert.equal(before, null, 'nothing is compared');
  }
  const { events, devices } = counted;
  assert.equal(events.exactness, 'exact');
  const rate = Object.values(figures.tiles).find(({ label }) => label === 'Events per second');
  assert.ok(rate.value > 0 === now.events > 0, 'events per second');
  const margin = Number(/±([\d.]+)/.exec(devices.exactness)?.[1] ?? 0) / 100;
  const off = Math.abs(devices.value - now.exact_devices);
  assert.ok(
    off <= 2.5 * margin * now.exact_devices + 1,
    `devices: ${devices.value} for ${now.exact_devices}`,
  );
  assert.equal(figures.trend.sum, now.events, 'the sum of the trend');

  for (const dimension of workshop.dimensions) {
    const listed = figures.groups[dimension];
    const one = dimension === 'customer_id' && figures.tenant !== null;
    assert.equal(listed === undefined, one, `${dimension}: tenants are ranked where there are several`);
    if (listed === undefined) continue;
    const groups = await rows(
      `SELECT ${dimension}::text AS value, count(*) AS ${workshop.events}, ${distinct('device_id')} AS ${workshop.devices}
       FROM events WHERE ${span} GROUP BY ${dimension}`,
    );
    sameRows(listed, groups, [workshop.events, workshop.devices], dimension);
  }
  await sameTop(figures.tops[workshop.top], span);
  return `${now.events} events`;
}
