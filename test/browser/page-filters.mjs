// Checks filters: by click, Alt and the keyboard, as chips, by search, in the address, with the figures of SQL each time; and the
// order and columns of the tables.
import assert from 'node:assert/strict';
import { loaded, open } from './browser.mjs';
import { rows } from './database.mjs';
import { agree, shown, within, workshop } from './figures.mjs';
import { parameter } from './page-navigation.mjs';

export const row = (page, dimension, value) =>
  page
    .locator(`[data-testid=by-${dimension}-row]`)
    .and(page.locator(value === null ? ':not([data-value])' : `[data-value=${JSON.stringify(value)}]`));

/** Waits until the figures that are shown are those of these filters. */
export async function filtered(page, filters) {
  const wanted = filters.map((each) => JSON.stringify(each)).sort();
  await page
    .waitForFunction((texts) => {
      const overview = document.querySelector('[data-testid=overview][aria-busy=false]');
      if (!overview) return false;
      const got = JSON.parse(overview.dataset.filters).map((each) => JSON.stringify(each));
      return got.sort().join() === texts.join();
    }, wanted)
    .catch(async () => {
      const got = JSON.parse(await page.getByTestId('overview').getAttribute('data-filters'));
      assert.deepEqual(got.map((each) => JSON.stringify(each)).sort(), wanted);
    });
  return shown(page);
}

export const is = (dimension, ...values) => ({ dimension, values, not: false });
export const not = (dimension, ...values) => ({ dimension, values, not: true });

async function byClick(page) {
  await loaded(page);
  await row(page, 'country', 'DE').getByTestId('value-only').click();
  const one = await filtered(page, [is('country', 'DE')]);
  assert.equal(parameter(page, 'is.country'), 'DE');
  assert.deepEqual(one.groups.country.map(({ value }) => value), ['DE']);
  const notes = [await agree(one)];

  await row(page, 'browser', 'Chrome').getByTestId('value-only').click({ modifiers: ['Alt'] });
  const two = await filtered(page, [is('country', 'DE'), not('browser', 'Chrome')]);
  assert.ok(!two.groups.browser.some(({ value }) => value === 'Chrome'));
  assert.ok(two.groups.browser.some(({ value }) => value === null), 'events without a browser stay');
  notes.push(await agree(two));

  await row(page, 'browser', null).hover();
  await row(page, 'browser', null).getByTestId('value-not').click();
  const three = await filtered(page, [is('country', 'DE'), not('browser', 'Chrome', null)]);
  notes.push(await agree(three));

  // Back takes the last one away; a second click on the only value all of its dimension.
  await page.goBack();
  await filtered(page, [is('country', 'DE'), not('browser', 'Chrome')]);
  await row(page, 'country', 'DE').getByTestId('value-only').click();
  notes.push(await agree(await filtered(page, [not('browser', 'Chrome')])));
  return notes.join(', ');
}

async function byChip(page) {
  await filtered(page, [is('country', 'DE', 'US'), not('event_type', 'click')]);
  const chip = (dimension) => page.locator(`[data-testid=filter][data-dimension=${dimension}]`);
  assert.equal(await chip('country').textContent(), 'CountryisGermanyor United States');
  const notes = [await agree(await shown(page))];
  await chip('country').getByTestId('filter-negate').click();
  notes.push(await agree(await filtered(page, [not('country', 'DE', 'US'), not('event_type', 'click')])));
  await chip('event_type').getByTestId('filter-negate').click();
  notes.push(await agree(await filtered(page, [not('country', 'DE', 'US'), is('event_type', 'click')])));
  await chip('country').getByTestId('filter-remove-value').first().click();
  await filtered(page, [not('country', 'US'), is('event_type', 'click')]);
  await chip('event_type').getByTestId('filter-remove').click();
  notes.push(await agree(await filtered(page, [not('country', 'US')])));
  await chip('country').getByTestId('filter-remove').click();
  await filtered(page, []);
  assert.equal(new URL(page.url()).search.includes('country'), false);
  return notes.join(', ');
}

async function bySearch(page, odd) {
  await loaded(page);
  // In a panel: any part of the text, in any case.
  await page.getByTestId('by-event_type-search').click();
  await page.keyboard.type('SCRIPT');
  const [script] = odd.event_type;
  await page.getByTestId('by-event_type-find-option').and(page.locator(`[data-value=${JSON.stringify(script)}]`)).waitFor();
  await page.keyboard.press('Enter');
  await filtered(page, [is('event_type', script)]);
  assert.equal(parameter(page, 'is.event_type'), script);
  assert.equal(await page.getByTestId('by-event_type-find-input').count(), 0);

  // By the menu, of any dimension, and the other way around.
  await page.getByTestId('filter-add').click();
  await page.getByTestId('filter-dimension').selectOption('country');
  await page.getByTestId('filter-how').selectOption('not');
  await page.getByTestId('filter-value-input').click();
  await page.keyboard.type('xq');
  await page.locator('[data-testid=filter-value-option][data-value=XQ]').click();
  return agree(await filtered(page, [is('event_type', script), not('country', 'XQ')]));
}

async function byKeyboard(page) {
  await loaded(page);
  await row(page, 'country', 'US').getByTestId('value-only').focus();
  await page.keyboard.press('Enter');
  await filtered(page, [is('country', 'US')]);
  await row(page, 'browser', 'Safari').getByTestId('value-only').focus();
  await page.keyboard.press('Tab');
  const visible = await page.evaluate(() => getComputedStyle(document.activeElement).opacity);
  assert.equal(visible, '1', 'the second button is seen when it has the focus');
  await page.keyboard.press('Space');
  return agree(await filtered(page, [is('country', 'US'), not('browser', 'Safari')]));
}

/** Every value of each dimension, one at a time, as a filter and the other way around. */
async function everyValue(page, url, tenant) {
  let number = 0;
  for (const dimension of ['country', 'browser', 'event_type']) {
    await page.goto(`${url}/?tenant=${tenant}`);
    const { groups } = await shown(page);
    for (const { value } of groups[dimension]) {
      for (const how of ['is', 'not']) {
        const query = new URLSearchParams({ tenant });
        if (value === null) query.set(`null.${dimension}`, how);
        else query.set(`${how}.${dimension}`, value);
        await page.goto(`${url}/?${query}`);
        const figures = await shown(page);
        const [{ events }] = await rows(`SELECT count(*) AS events FROM events WHERE ${within(figures)}`);
        assert.ok(
          figures.filters.some((each) => each.dimension === dimension && each.values[0] === value && each.not === (how === 'not')),
          `${query}: ${JSON.stringify(figures.filters)}`,
        );
        assert.equal(figures.tiles[workshop.events].value, events, `${query}`);
        number += 1;
      }
    }
  }
  return `${number} filters`;
}

async function order(page) {
  await loaded(page);
  await page.locator(`[data-testid=by-country] [data-testid=sort][data-measure=${workshop.events}]`).click();
  assert.equal(parameter(page, 'sort'), workshop.events);
  await page.getByTestId('columns').click();
  await page.getByTestId(`column-${workshop.sessions}`).check();
  await page.keyboard.press('Escape');
  assert.deepEqual(new URL(page.url()).searchParams.getAll('column'), [workshop.devices, workshop.sessions]);
  await page.locator(`[data-testid=by-event_type] [data-testid=sort][data-measure=${workshop.sessions}]`).click();
  await page.locator('[data-testid=by-event_type] th[aria-sort=descending]', { hasText: 'Sessions' }).waitFor();
  await loaded(page);
  const { groups } = await shown(page);
  const sessions = groups.event_type.map(({ figures }) => figures[workshop.sessions]);
  assert.deepEqual(sessions, [...sessions].sort((one, other) => other - one));
  assert.equal(
    await page.locator('[data-testid=by-event_type] th[aria-sort=descending]').textContent(),
    'Sessions ↓',
  );
}

export async function filterTests({ browser, url, tenants, odd, pageCheck }) {
  const one = `/?tenant=${tenants.one}`;
  await pageCheck('a click on a value filters, with Alt the other way around', '/?span=15m', byClick);
  await pageCheck('chips are turned around and removed', '/?span=1h&is.country=DE&is.country=US&not.event_type=click', byChip);
  await pageCheck('values are found by any part of them', '/?span=15m', (page) => bySearch(page, odd));
  await pageCheck('filters by the keyboard alone', '/?span=15m', byKeyboard);
  await pageCheck('every value of every dimension, wanted and unwanted', one, (page) => everyValue(page, url, tenants.one));
  await pageCheck('tables are sorted by any column, which can be chosen', '/?span=1h', order);
  await pageCheck('filters are in the address, for others to open', '/?span=15m&not.country=DE&null.browser=is', async (page) => {
    const figures = await shown(page);
    await filtered(page, [not('country', 'DE'), is('browser', null)]);
    const other = await open(browser, page.url());
    try {
      assert.deepEqual((await shown(other)).filters, figures.filters);
    } finally {
      await other.context().close();
    }
    return agree(figures);
  });
}
