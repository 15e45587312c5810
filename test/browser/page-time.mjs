// Checks periods, comparisons, buckets and time zones: figures are those of SQL, and days begin at midnight of the zone.
import assert from 'node:assert/strict';
import { loaded } from './browser.mjs';
import { quote, rows, run } from './database.mjs';
import { agree, shown, trendTable } from './figures.mjs';
import { parameter } from './page-navigation.mjs';

/** Waits for an answer with this in the overview's attribute. */
const answered = (page, attribute, value) =>
  page.locator(`[data-testid=overview][aria-busy=false][data-${attribute}=${JSON.stringify(value)}]`).waitFor();

/** The unit of a period, and how many of it lie between it and now. */
const units = {
  today: ['day', 0],
  yesterday: ['day', 1],
  week: ['week', 0],
  'last-week': ['week', 1],
  month: ['month', 0],
  'last-month': ['month', 1],
  year: ['year', 0],
};

/** Where a period starts by PostgreSQL's calendar. */
async function startOf(span, zone) {
  const [unit, back] = units[span];
  const local = `date_trunc('${unit}', now() AT TIME ZONE ${quote(zone)}) - interval '${back} ${unit}'`;
  return Number(await run(`SELECT extract(epoch FROM (${local}) AT TIME ZONE ${quote(zone)})`)) * 1000;
}

async function periods(page) {
  await loaded(page);
  for (const span of Object.keys(units)) {
    await page.getByTestId('span-more').click();
    await page.getByTestId(`span-${span}`).click();
    await page.waitForURL((address) => address.searchParams.get('span') === span);
    await loaded(page);
    const figures = await shown(page);
    assert.equal(Date.parse(figures.from), await startOf(span, figures.zone), span);
    assert.ok(Date.parse(figures.to) <= Date.now() + 1000, `${span} ends in the future`);
    await agree(figures);
  }
}

async function compared(page) {
  const hour = 3_600_000;
  await loaded(page);
  const usual = await shown(page);
  const length = Date.parse(usual.to) - Date.parse(usual.from);
  const shift = ({ from, compare }) => Date.parse(from) - Date.parse(compare.from);
  assert.ok(Math.abs(shift(usual) - length) <= 600_000, 'the span before');
  const notes = [await agree(usual)];
  await page.getByTestId('legend-before').waitFor();

  await page.getByTestId('compare').selectOption('week');
  await page.locator('[data-testid=compared]', { hasText: 'a week before' }).waitFor();
  const week = await shown(page);
  assert.equal(shift(week), 7 * 24 * hour);
  notes.push(await agree(week));

  await page.getByTestId('compare').selectOption('custom');
  await page.getByTestId('compare-start').waitFor();
  const start = Math.floor((Date.now() - 10 * hour) / 60_000) * 60_000;
  await page.getByTestId('compare-start').fill(new Date(start).toISOString().slice(0, 16));
  await page.locator('[data-testid=compared]', { hasText: 'the chosen period' }).waitFor();
  await page.locator(`[data-testid=overview][aria-busy=false]`).waitFor();
  const chosen = await shown(page);
  assert.ok(Math.abs(Date.parse(chosen.compare.from) - start) <= 300_000, 'the chosen period');
  notes.push(await agree(chosen));

  await page.getByTestId('compare').selectOption('none');
  await page.waitForFunction(() => document.querySelector('[data-testid=compared]').dataset.from === '');
  const none = await shown(page);
  assert.equal(none.compare, null);
  await agree(none);
  assert.equal(await page.getByTestId('legend-before').count(), 0);
  return notes.join(', ');
}

/** The instants at which days begin that have events, by PostgreSQL. */
const days = ({ from, to, zone }) =>
  rows(`SELECT extract(epoch FROM date_trunc('day', event_time, ${quote(zone)})) * 1000 AS start, count(*) AS events FROM events
        WHERE event_time >= ${quote(from)} AND event_time < ${quote(to)} GROUP BY 1 ORDER BY 1 DESC`);

async function zoned(page) {
  await loaded(page);
  assert.equal((await shown(page)).zone, 'UTC', "the browser's zone");
  for (const zone of ['Asia/Kathmandu', 'America/New_York']) {
    await page.getByTestId('zone-input').click();
    await page.keyboard.type(zone.split('/')[1].replace('_', ' '));
    await page.locator(`[data-testid=zone-option][data-value="${zone}"]`).click();
    await answered(page, 'zone', zone);
    assert.equal(parameter(page, 'zone'), zone);
    assert.equal(await page.getByTestId('shown-zone').textContent(), zone);
    const figures = await shown(page);
    await agree(figures);
    const listed = await trendTable(page);
    const counted = await days(figures);
    assert.deepEqual(
      listed.slice(0, -1).map(({ start, events }) => [start, events]),
      counted.slice(0, -1).map(({ start, events }) => [Number(start), events]),
      zone,
    );
    // The text says midnight of that zone.
    for (const { text } of listed.slice(0, -1)) assert.match(text, /12:00\sAM/, `${zone}: ${text}`);
  }
}

async function ownTimes(page) {
  await loaded(page);
  await page.getByTestId('span-custom').click();
  const at = (utc) => new Date(utc + 345 * 60_000).toISOString().slice(0, 16);
  const end = Math.floor(Date.now() / 300_000) * 300_000;
  await page.getByTestId('custom-from').fill(at(end - 1_800_000));
  await page.getByTestId('custom-to').fill(at(end));
  await page.getByTestId('custom-apply').click();
  await page.waitForURL(/from=.*to=/);
  await loaded(page);
  const figures = await shown(page);
  assert.equal(Date.parse(figures.from), end - 1_800_000);
  assert.equal(Date.parse(figures.to), end);
  return agree(figures);
}

async function bucketed(page) {
  await loaded(page);
  for (const bucket of ['1h', 'day']) {
    await page.getByTestId('bucket').selectOption(bucket);
    await answered(page, 'bucket', bucket);
    await agree(await shown(page));
  }
  // Another span may need others.
  await page.getByTestId('span-1h').click();
  await loaded(page);
  assert.equal(parameter(page, 'bucket'), null);
}

/** Days of 23 and 25 hours: the page's own calendar, which fills in days without events. */
async function clockChange(page) {
  await loaded(page);
  await page.getByTestId('trend-as-table').click();
  const starts = await page
    .getByTestId('trend-time')
    .evaluateAll((all) => all.map((button) => Number(button.dataset.start)).reverse());
  const [from, to] = ['2026-03-27', '2026-03-31'];
  const expected = await rows(
    `SELECT extract(epoch FROM day AT TIME ZONE 'Europe/Berlin') * 1000 AS start FROM generate_series(timestamp '${from}', '${to}', '1 day') day`,
  );
  assert.deepEqual(starts, expected.map(({ start }) => Number(start)).slice(0, starts.length));
  assert.equal(starts.length, 4);
  assert.equal(starts[3] - starts[2], 23 * 3_600_000);
}

export async function timeTests({ pageCheck }) {
  const utc = { timezoneId: 'UTC', locale: 'en-US' };
  await pageCheck('calendar days, weeks, months and the year', '/', periods, utc);
  await pageCheck('compared with the span before, a week before, any time, and nothing', '/?span=1h', compared, utc);
  await pageCheck('days begin at midnight of the zone', '/?span=2d&bucket=day', zoned, utc);
  await pageCheck('own times are by the clock of the zone', '/?zone=Asia/Kathmandu', ownTimes, utc);
  await pageCheck('buckets can be chosen', '/?span=2d', bucketed, utc);
  await pageCheck(
    'days without events, over a change of clocks',
    '/?from=2026-03-26T23:00:00Z&to=2026-03-30T22:00:00Z&bucket=day&zone=Europe/Berlin',
    clockChange,
    utc,
  );
}
