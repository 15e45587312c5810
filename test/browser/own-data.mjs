// Compares the page with its database for three sets of events of other shapes than the workshop's (test/cli/init_data.py), whose
// tables and rollups `millrace init` has made. `own_data` runs it. The events are those of twenty days from 5 January 2026.
//
//   node own-data.mjs [TABLE...]    only some of them: web iot zahlungen
import assert from 'node:assert/strict';
import { launch, loaded, required } from './browser.mjs';
import { quote, rows, run } from './database.mjs';
import { agreeWith, shown, trendTable } from './figures.mjs';
import { checksOf } from './page-check.mjs';
import { filtered, is, not, row } from './page-filters.mjs';
import { accessible, fits } from './page-look.mjs';
import { parameter } from './page-navigation.mjs';
import { finish } from './report.mjs';

const url = required('MILLRACE_URL');

const sets = [
  {
    table: 'web',
    time: 'event_time',
    zone: 'Asia/Kathmandu',
    tenant: 'site',
    dimensions: ['site', 'referrer', 'campaign', 'order_'],
    measures: {
      event_count: 'count(*)',
      revenue_sum: 'sum(revenue)',
      duration_ms: 'avg(duration_ms)',
      duration_ms_min: 'min(duration_ms)',
      duration_ms_max: 'max(duration_ms)',
    },
    distinct: { device_distinct_count: 'device_id', session_distinct_count: 'session_id' },
    tops: { top_device: 'device_id', top_page: 'page' },
  },
  {
    table: 'iot',
    time: 'ts',
    zone: 'America/New_York',
    tenant: null,
    dimensions: ['kind', 'firmware'],
    measures: {
      event_count: 'count(*)',
      value: 'avg(value)',
      value_min: 'min(value)',
      value_max: 'max(value)',
      battery: 'avg(battery)',
      battery_min: 'min(battery)',
      battery_max: 'max(battery)',
    },
    distinct: { sensor_distinct_count: 'sensor_id' },
    tops: { top_sensor: 'sensor_id' },
  },
  {
    table: 'zahlungen',
    time: 'zeitpunkt',
    zone: 'Europe/Berlin',
    tenant: null,
    dimensions: ['zahlart', 'währung'],
    measures: { event_count: 'count(*)', betrag_sum: 'sum(betrag)' },
    distinct: { kundennummer_distinct_count: 'kundennummer' },
    tops: { top_kundennummer: 'kundennummer' },
  },
];

/** An instant by PostgreSQL's clock of a zone, as the address has it. */
const instant = async (local, zone) =>
  new Date(Number(await run(`SELECT extract(epoch FROM ${quote(local)}::timestamp AT TIME ZONE ${quote(zone)})`)) * 1000)
    .toISOString()
    .replace('.000Z', 'Z');

/** Four days of a set by the clock of a zone, with all figures as columns. Before them, and a week before, there are events too. */
async function pathOf(set, zone = set.zone, more = {}) {
  const query = new URLSearchParams({
    rollup: `${set.table}_5min`,
    from: await instant('2026-01-14', zone),
    to: await instant('2026-01-18', zone),
    zone,
    ...more,
  });
  for (const name of [...Object.keys(set.measures), ...Object.keys(set.distinct)]) query.append('column', name);
  return `/?${query}`;
}

/** By hand, from the page as it opens: the rollup, the zone of the browser, a start and an end. */
async function byHand(page, set) {
  await loaded(page);
  const titles = await page.getByTestId('family').locator('option').allTextContents();
  assert.equal(titles.length, sets.length, `rollups to choose from: ${titles}`);
  const option = page.getByTestId('family').locator(`option[value$="${set.table}_5min"]`);
  await page.getByTestId('family').selectOption(await option.getAttribute('value'));
  await page.locator(`[data-testid=overview][data-rollup$=${set.table}_5min][aria-busy=false]`).waitFor();
  await page.getByTestId('span-custom').click();
  await page.getByTestId('custom-from').fill('2026-01-10T08:00');
  await page.getByTestId('custom-to').fill('2026-01-12T09:05');
  await page.getByTestId('custom-apply').click();
  await page.waitForURL(/from=2026-01-10T08:00:00Z&to=2026-01-12T09:05:00Z/);
  const names = [...Object.keys(set.measures), ...Object.keys(set.distinct)];
  await page.getByTestId('columns').click();
  for (const name of names.slice(1)) await page.getByTestId(`column-${name}`).check();
  await page.keyboard.press('Escape');
  // A column that is added does not sort.
  assert.equal(parameter(page, 'sort'), null);
  await page.locator(`[data-testid=by-${set.dimensions[0]}] [data-measure=${names.at(-1)}]`).waitFor();
  return agreeWith(await filtered(page, []), set);
}

/** Days of several zones, and what is compared. */
async function zones(page, set) {
  const notes = [];
  for (const zone of ['UTC', 'Asia/Kathmandu', 'America/New_York', 'Europe/Berlin']) {
    await page.goto(url + (await pathOf(set, zone, { bucket: 'day' })));
    const figures = await shown(page);
    assert.equal(figures.zone, zone);
    notes.push(await agreeWith(figures, set));
    const listed = await trendTable(page);
    const counted = await rows(
      `SELECT extract(epoch FROM date_trunc('day', ${set.time}, ${quote(zone)})) * 1000 AS start, count(*) AS events FROM ${set.table}
       WHERE ${set.time} >= ${quote(figures.from)} AND ${set.time} < ${quote(figures.to)} GROUP BY 1 ORDER BY 1 DESC`,
    );
    assert.equal(counted.length, 4);
    assert.deepEqual(
      listed.map(({ start, events }) => [start, events]),
      counted.map(({ start, events }) => [Number(start), events]),
      zone,
    );
    for (const { text } of listed) assert.match(text, /12:00\sAM/, `${zone}: ${text}`);
  }
  return notes.join(', ');
}

/** With the four days before, with a week before, with a time of choice, and with nothing. */
async function compared(page, set) {
  const said = (words) => page.locator('[data-testid=compared]', { hasText: words }).waitFor();
  const checked = async (kind, from, to) => {
    const figures = await filtered(page, []);
    assert.equal(Date.parse(figures.compare.from), Date.parse(from), kind);
    assert.equal(Date.parse(figures.compare.to), Date.parse(to), kind);
    assert.ok(figures.tiles.event_count.before > 0, `${kind}: events to compare with`);
    return `${kind}: ${await agreeWith(figures, set)}`;
  };
  const at = (local) => instant(local, set.zone);
  await loaded(page);
  const notes = [await checked('before', await at('2026-01-10'), await at('2026-01-14'))];
  await page.getByTestId('compare').selectOption('week');
  await said('a week before');
  notes.push(await checked('week', await at('2026-01-07'), await at('2026-01-11')));
  await page.getByTestId('compare').selectOption('custom');
  await page.getByTestId('compare-start').fill('2026-01-06T07:15');
  await page.waitForURL(async (address) => address.searchParams.get('compare') === (await at('2026-01-06 07:15')));
  await said('the chosen period');
  notes.push(await checked('custom', await at('2026-01-06 07:15'), await at('2026-01-10 07:15')));
  await page.getByTestId('compare').selectOption('none');
  await page.waitForFunction(() => document.querySelector('[data-testid=compared]').dataset.from === '');
  await agreeWith(await filtered(page, []), set);
  return notes.join(', ');
}

/** One value of a dimension, all but one, and those without a value, by click; with what is compared. */
async function oneFilter(page, set, dimension, path) {
  const [{ one, last, none }] = await rows(
    `SELECT min(${dimension}::text) AS one, max(${dimension}::text) AS last, bool_or(${dimension} IS NULL) AS none FROM ${set.table}`,
  );
  const steps = [
    ['value-only', is(dimension, one)],
    ['value-not', not(dimension, last)],
    ...(none ? [['value-only', is(dimension, null)], ['value-not', not(dimension, null)]] : []),
  ];
  const notes = [];
  for (const [button, filter] of steps) {
    await page.goto(url + path);
    await filtered(page, []);
    const [value] = filter.values;
    await row(page, dimension, value).hover();
    await row(page, dimension, value).getByTestId(button).click();
    const figures = await filtered(page, [filter]);
    const { event_count: events } = figures.tiles;
    assert.ok(events.value > 0 && events.before > 0);
    notes.push(`${filter.not ? 'not ' : ''}${value}: ${await agreeWith(figures, set)}`);
    if (value !== one) continue;
    // Turned around by its chip, and opened again by its address.
    const other = [{ ...filter, not: true }];
    await page.getByTestId('filter-negate').click();
    await agreeWith(await filtered(page, other), set);
    await page.reload();
    await filtered(page, other);
  }
  return notes.join(', ');
}

/** A filter of each dimension at once, with the week before. */
async function allFilters(page, set) {
  const filters = [];
  await page.getByTestId('compare').selectOption('week');
  await page.locator('[data-testid=compared]', { hasText: 'a week before' }).waitFor();
  for (const [index, dimension] of set.dimensions.entries()) {
    const figures = await filtered(page, filters);
    const { value } = figures.groups[dimension].at(-1);
    await row(page, dimension, value).hover();
    await row(page, dimension, value).getByTestId(index % 2 === 0 ? 'value-not' : 'value-only').click();
    filters.push((index % 2 === 0 ? not : is)(dimension, value));
  }
  const figures = await filtered(page, filters);
  assert.ok(figures.tiles.event_count.value > 0);
  return agreeWith(figures, set);
}

/** By the picker at the top, and by a click; the name is in the address, and the other tenants are out of the page. */
async function tenants(page, set, path) {
  const found = await rows(`SELECT DISTINCT ${set.tenant} AS tenant FROM ${set.table} ORDER BY 1`);
  for (const { tenant } of found) {
    await page.goto(url + path);
    await filtered(page, []);
    await page.getByTestId('tenant-input').click();
    await page.keyboard.type(tenant.slice(0, -1).toUpperCase());
    await page.locator(`[data-testid=tenant-option][data-value="${tenant}"]`).waitFor();
    await page.keyboard.press('Enter');
    const figures = await filtered(page, [is(set.tenant, tenant)]);
    assert.equal(parameter(page, 'tenant'), tenant);
    assert.match(await page.getByTestId('subject').textContent(), new RegExp(tenant));
    await agreeWith(figures, set);
  }
  return `${found.length} tenants`;
}

async function looks(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await filtered(page, []);
  await accessible(page, colorScheme);
  await page.getByTestId('trend-as-table').click();
  await accessible(page, `${colorScheme}, the trend as a table`);
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page, '360 pixels');
  await accessible(page, `${colorScheme}, 360 pixels`);
}

const browser = await launch();
const pageCheck = checksOf(browser, url);
const english = { timezoneId: 'UTC', locale: 'en-US' };
const wanted = process.argv.slice(2);
try {
  for (const set of sets) {
    if (wanted.length > 0 && !wanted.includes(set.table)) continue;
    const test = (name, path, body) => pageCheck(`${set.table}: ${name}`, path, body, english);
    const path = await pathOf(set);
    await test('chosen by hand, with the figures of SQL', '/', (page) => byHand(page, set));
    await test('days of four zones', path, (page) => zones(page, set));
    await test('compared', path, (page) => compared(page, set));
    for (const dimension of set.dimensions) {
      await test(`filters of ${dimension}`, path, (page) => oneFilter(page, set, dimension, path));
    }
    await test('filters of all dimensions', path, (page) => allFilters(page, set));
    if (set.tenant === null) {
      await test('no tenant is asked for', path, async (page) => {
        await loaded(page);
        assert.equal(await page.getByTestId('tenant-input').count(), 0);
      });
    } else await test('tenants that are texts', path, (page) => tenants(page, set, path));
    for (const scheme of ['light', 'dark']) {
      await test(`axe-core finds nothing serious, ${scheme}`, path, (page) => looks(page, scheme));
    }
  }
} finally {
  await browser.close();
}
finish();
