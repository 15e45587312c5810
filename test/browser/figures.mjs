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

/** The trend's table, as far as it has events: when each bucket starts, its first figure, and how its time is written. */
export async function trendTable(page) {
  await page.getByTestId('trend-as-table').click();
  const listed = await page.locator('[data-testid=trend-table] tbody tr').evaluateAll((all) =>
    all
      .map((row) => ({
        start: Number(row.querySelector('button').dataset.start),
        events: Number(row.querySelector('td').textContent.replace(/\D/g, '')),
        text: row.querySelector('th').textContent,
      }))
      .filter(({ events }) => events > 0),
  );
  await page.getByTestId('trend-as-table').click();
  return listed;
}

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
        all('[data-value][data-testid^=tile-][data-testid$=-value]').map((value) => {
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

/** The same where there may be no figure, such as the average of no events. */
function sameOrNone(page, sql, what) {
  if (page === null || sql === null) assert.equal(page, sql, `${what}: the page says ${page}, SQL says ${sql}`);
  else same(page, sql, what);
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
    // `key`, where a figure is called value.
    const match = counted.find(({ value, key = value }) => key === row.value);
    assert.ok(match, `${what}: there is no ${row.value}`);
    for (const name of names) sameOrNone(row.figures[name], match[name], `${what}: ${name} of ${row.value}`);
  }
}

async function sameTop({ rows: top, error }, { table, column, span }) {
  const counts = await rows(
    `SELECT ${column}::text AS item, count(*) AS events FROM ${table}
     WHERE ${span} AND ${column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC`,
  );
  const truth = new Map(counts.map((row) => [row.item, row.events]));
  assert.equal(top.length, Math.min(10, counts.length), `most frequent ${column}: rows`);
  for (const { item, count } of top) {
    const real = truth.get(item) ?? 0;
    assert.ok(real <= count && count <= real + error, `${column} ${item}: ${count} for ${real}, error ${error}`);
  }
  if (top.length === 0) return;
  const tenth = counts[top.length - 1].events;
  assert.ok(top[top.length - 1].count >= tenth, `most frequent ${column}: one with more events is missing`);
}

function sameDistinct({ value, exactness }, exact, what) {
  const margin = Number(/±([\d.]+)/.exec(exactness)?.[1] ?? 0) / 100;
  assert.ok(Math.abs(value - exact) <= 2.5 * margin * exact + 1, `${what}: ${value} for ${exact}`);
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
  sameDistinct(devices, now.exact_devices, 'devices');
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
  await sameTop(figures.tops[workshop.top], { table: 'events', column: 'device_id', span });
  return `${now.events} events`;
}

/**
 * The same for events of any shape, of a span that is over. `measures` has the SQL over the events for each figure, by the name
 * that it has on the page, the count of all events first; `distinct` and `tops` have the column for each distinct count and
 * ranking. Each breakdown must have all figures as columns.
 */
export async function agreeWith(figures, { table, time, tenant, dimensions, measures, distinct, tops }) {
  const span = within(figures, time);
  const list = [
    ...Object.entries(measures),
    ...Object.entries(distinct).map(([name, column]) => [name, `coalesce(hll_cardinality(hll_add_agg(hll_hash_any(${column}))), 0)`]),
  ];
  const names = list.map(([name]) => name);
  const columns = list.map(([name, sql]) => `${sql} AS "${name}"`).join(', ');
  const totals = async (where) => (await rows(`SELECT ${columns} FROM ${table} WHERE ${where}`))[0];
  const now = await totals(span);
  const before = figures.compare ? await totals(within({ ...figures, ...figures.compare }, time)) : null;
  const seconds = (Date.parse(figures.to) - Date.parse(figures.from)) / 1000;
  const [main] = names;
  now[`${main}_per_second`] = now[main] / seconds;
  assert.deepEqual(Object.keys(figures.tiles).sort(), Object.keys(now).sort(), 'the figures that there are');
  for (const name of Object.keys(now)) sameOrNone(figures.tiles[name].value, now[name], name);
  for (const name of names) sameOrNone(figures.tiles[name].before, before?.[name] ?? null, `${name} before`);
  for (const [name, column] of Object.entries(distinct)) {
    const [{ exact }] = await rows(`SELECT count(DISTINCT ${column}) AS exact FROM ${table} WHERE ${span}`);
    sameDistinct(figures.tiles[name], exact, name);
  }
  assert.equal(figures.trend.sum, now[main], 'the sum of the trend');
  const listed = dimensions.filter((dimension) => dimension !== tenant || figures.tenant === null);
  assert.deepEqual(Object.keys(figures.groups).sort(), [...listed].sort(), 'the dimensions that there are');
  for (const dimension of listed) {
    const counted = await rows(`SELECT ${dimension}::text AS key, ${columns} FROM ${table} WHERE ${span} GROUP BY ${dimension}`);
    sameRows(figures.groups[dimension], counted, names, dimension);
  }
  assert.deepEqual(Object.keys(figures.tops).sort(), Object.keys(tops).sort(), 'the rankings that there are');
  for (const [name, column] of Object.entries(tops)) await sameTop(figures.tops[name], { table, column, span });
  return `${now[main]} events${before ? ` against ${before[main]}` : ''}`;
}
