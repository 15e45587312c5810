// Checks the files and statements that the panels' buttons give, and that odd values are shown as text.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { loaded } from './browser.mjs';
import { asCsv, parseCsv, quote, rows } from './database.mjs';
import { ofOneSpan, shown, within, workshop } from './figures.mjs';

async function download(page, button) {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId(button).click()]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

/** As a field of the page's files: text that looks like a formula is guarded. */
const guarded = (text) => (text === null ? '' : /^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

async function fileTests(page, figures) {
  const span = within(figures);
  const total = figures.tiles[workshop.events].value;

  for (const column of ['country', 'browser', 'event_type']) {
    const { name, text } = await download(page, `by-${column}-csv`);
    assert.match(name, /^millrace_[\w.-]+\.csv$/);
    assert.ok(text.endsWith('\r\n'), 'lines end as RFC 4180 has it');
    const [header, ...lines] = parseCsv(text);
    assert.deepEqual(header.slice(0, 2), [column, workshop.events]);
    assert.ok(header.includes(workshop.devices), 'all measures are in the file');
    const share = header.indexOf('share');
    const counted = await rows(
      `SELECT ${column} AS value, count(*) AS events FROM events WHERE ${span} GROUP BY 1`,
    );
    const expected = counted.map(({ value, events }) => [guarded(value), String(events)].join('\n'));
    assert.deepEqual(lines.map((line) => line.slice(0, 2).join('\n')).sort(), expected.sort(), column);
    for (const line of lines) {
      assert.ok(Math.abs(Number(line[share]) - Number(line[1]) / total) < 1e-9, 'shares');
    }
  }

  const [header, ...lines] = parseCsv((await download(page, 'trend-csv')).text);
  assert.deepEqual(header.slice(0, 2), ['time', workshop.events]);
  const before = header.indexOf(`${workshop.events}_before`);
  assert.ok(before > 0, 'the period before is in the file');
  const buckets = await rows(
    `SELECT extract(epoch FROM date_bin('5 minutes', event_time, 'epoch')) AS time, count(*) AS events
     FROM events WHERE ${span} GROUP BY 1 ORDER BY 1`,
  );
  assert.deepEqual(
    lines.map(([time, events]) => [Date.parse(time) / 1000, Number(events)]).filter(([, events]) => events > 0),
    buckets.map(({ time, events }) => [Number(time), events]),
    'the trend, bucket by bucket',
  );

  const [summary, ...tiles] = parseCsv((await download(page, 'summary-csv')).text);
  assert.deepEqual(summary, ['figure', 'value', 'before', 'relative_standard_error']);
  assert.equal(tiles.find(([figure]) => figure === workshop.events)?.[1], String(total));

  const [, ...top] = parseCsv((await download(page, `top-${workshop.top}-csv`)).text);
  assert.deepEqual(
    top.map(([, item, count]) => ({ item, count: Number(count) })),
    figures.tops[workshop.top].rows,
  );
}

/** The statement of a panel, read from its dialog, which Escape closes. */
async function statement(page, panel) {
  const button = page.getByTestId(`${panel}-sql`);
  await button.click();
  const dialog = page.getByTestId('sql-dialog');
  await dialog.waitFor();
  const sql = await page.getByTestId('sql-text').textContent();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.ok(
    await button.evaluate((element) => element === document.activeElement),
    'the focus is where it was',
  );
  return sql;
}

/** Each row that is shown is one of the statement's, which has no others. */
function contains(answer, expected, panel) {
  const [, ...lines] = answer;
  // The statement asks for one row more than are shown, to know whether there are more.
  assert.equal(Math.min(lines.length, 50), expected.length, `${panel}: rows`);
  for (const fields of expected) {
    const found = lines.some((line) => fields.every((field) => line.includes(field)));
    assert.ok(found, `${panel}: psql gives no row with ${fields.join(', ')}`);
  }
}

async function statementTests(page, figures) {
  for (const [dimension, listed] of Object.entries(figures.groups)) {
    const expected = listed.map((row) => [row.value ?? '\u2400', String(row.figures[workshop.events])]);
    contains(await asCsv(await statement(page, `by-${dimension}`)), expected, dimension);
  }
  const top = figures.tops[workshop.top].rows.map(({ item, count }) => [item, String(count)]);
  contains(await asCsv(await statement(page, `top-${workshop.top}`)), top, workshop.top);
  const trend = await asCsv(await statement(page, 'trend'));
  const place = trend[0].indexOf(workshop.events);
  // A bucket may have events in the period before only.
  const sum = trend.slice(1).reduce((all, row) => all + (row[place] === '\u2400' ? 0 : Number(row[place])), 0);
  assert.equal(sum, figures.trend.sum, 'trend: events');
  const summary = await asCsv(await statement(page, 'summary'));
  assert.ok(summary.flat().includes(String(figures.tiles[workshop.events].value)), 'summary: events');
}

export async function panelTests({ tenants, odd, pageCheck }) {
  const compared = (compare) => (page) => ofOneSpan(page, (figures) => compare(page, figures));
  await pageCheck('CSV files have the rows of SQL, formulas guarded', `/?tenant=${tenants.one}`, compared(fileTests));

  for (const path of ['/?span=15m', `/?tenant=${tenants.one}`]) {
    await pageCheck(`statements run in psql give the rows shown, ${path}`, path, compared(statementTests));
  }

  await pageCheck('the statement can be copied', '/', async (page) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await loaded(page);
    await page.getByTestId('by-country-sql').click();
    await page.getByTestId('sql-dialog').getByTestId('copy').click();
    await page.getByText('Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, await page.getByTestId('sql-text').textContent());
  });

  await pageCheck('odd values are text', `/?tenant=${tenants.one}`, async (page) => {
    const figures = await shown(page);
    const labels = (panel, value) =>
      figures.groups[panel].filter((row) => row.value === value).map((row) => row.label);
    for (const value of odd.event_type) assert.deepEqual(labels('event_type', value), [value]);
    for (const value of odd.country.filter(Boolean)) assert.deepEqual(labels('country', value), [value]);
    assert.deepEqual(labels('country', 'DE'), ['Germany DE']);
    assert.deepEqual(labels('country', 'XQ'), ['XQ']);
    // An unknown value must not look like a value.
    const styles = await page.evaluate(() =>
      [...document.querySelectorAll('[data-testid=by-country-row]')]
        .map((row) => [row, row.querySelector('th .text, th .unknown')])
        .filter(([, text]) => text.textContent === '(unknown)')
        .map(([row, text]) => [row.hasAttribute('data-value'), getComputedStyle(text).fontStyle]),
    );
    assert.deepEqual(styles.sort(), [
      [false, 'italic'],
      [true, 'normal'],
    ]);
    assert.equal(await page.locator('main img, main script').count(), 0);
    await page.getByTestId('by-country-sql').click();
    await page.getByTestId('sql-dialog').waitFor();
    await page.waitForTimeout(500);
  });

  await pageCheck('the trend as a table', `/?tenant=${tenants.one}&span=15m`, async (page) => {
    await loaded(page);
    await page.getByTestId('trend-as-table').click();
    const { sum, from, to } = await page.evaluate(() => {
      const cells = [...document.querySelectorAll('[data-testid=trend-table] tbody td:nth-of-type(1)')];
      const { from: start, to: end } = document.querySelector('[data-testid=overview]').dataset;
      return {
        sum: cells.reduce((all, cell) => all + Number(cell.textContent.replace(/\D/g, '')), 0),
        from: start,
        to: end,
      };
    });
    const [{ count }] = await rows(
      `SELECT count(*) FROM events WHERE customer_id = ${tenants.one}
       AND event_time >= ${quote(from)} AND event_time < ${quote(to)}`,
    );
    assert.equal(sum, count);
  });

  await pageCheck('the legend hides and shows series', '/', async (page) => {
    await loaded(page);
    const button = page.getByTestId(`legend-${workshop.devices}`);
    await button.click();
    await page.locator(`[data-testid="legend-${workshop.devices}"][aria-pressed=false]`).waitFor();
    assert.deepEqual(new URL(page.url()).searchParams.getAll('line'), [workshop.events, workshop.sessions]);
    await button.click();
    await page.locator(`[data-testid="legend-${workshop.devices}"][aria-pressed=true]`).waitFor();
    assert.deepEqual(new URL(page.url()).searchParams.getAll('line'), []);
    // A table has no lines to hide, and cannot be dragged over.
    await page.getByTestId('trend-as-table').click();
    assert.equal(await button.count(), 0);
    assert.equal(await page.getByText('Drag over the chart').count(), 0);
  });
}
