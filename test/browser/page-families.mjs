// Checks another family of rollups (visits.sql) than the workshop's: text tenants, money, a goal and its rate, missing and blank
// values. The names of its rate and of what the server adds are asked of the API.
import assert from 'node:assert/strict';
import { loaded } from './browser.mjs';
import { rows } from './database.mjs';
import { same, sameRows, shown, within } from './figures.mjs';
import { parameter } from './page-navigation.mjs';

const rollup = 'visits_5min';
const totals = `count(*) AS visits, sum(revenue)::float8 AS revenue, count(*) FILTER (WHERE revenue > 0) AS purchases,
  coalesce(hll_cardinality(hll_add_agg(hll_hash_any(visitor))), 0) AS visitors`;

async function agreeVisits(figures) {
  const span = within(figures, 'at');
  const [now] = await rows(`SELECT ${totals} FROM visits WHERE ${span}`);
  for (const [name, value] of Object.entries(now)) same(figures.tiles[name].value, value ?? 0, name);
  for (const [dimension, listed] of Object.entries(figures.groups)) {
    const counted = await rows(`SELECT ${dimension}::text AS value, ${totals} FROM visits WHERE ${span} GROUP BY ${dimension}`);
    sameRows(listed, counted, ['visits', 'revenue', 'purchases', 'visitors'], dimension);
  }
  return `${now.visits} visits`;
}

const answered = (page, filters) =>
  page
    .locator(`[data-testid=overview][data-rollup$=${rollup}][aria-busy=false]`)
    .and(page.locator(`[data-filters=${JSON.stringify(JSON.stringify(filters))}]`))
    .waitFor();

async function choose(page) {
  await loaded(page);
  const option = page.locator('[data-testid=family] option').filter({ hasText: /visits/i });
  await page.getByTestId('family').selectOption({ label: await option.textContent() });
  await page.waitForURL(/rollup=/);
  await page.getByTestId('span-30d').click();
  await answered(page, []);
  assert.match(await page.getByTestId('answered-by').getAttribute('data-names'), /^visits_5min/);
  return agreeVisits(await shown(page));
}

async function tenantsByText(page, address) {
  await page.goto(address);
  const all = await rows('SELECT DISTINCT shop FROM visits ORDER BY 1');
  for (const { shop } of all) {
    await page.goto(address);
    await answered(page, []);
    await page
      .getByTestId('by-shop-row')
      .and(page.locator(`[data-value=${JSON.stringify(shop)}]`))
      .getByTestId('value-only')
      .click();
    await answered(page, [{ dimension: 'shop', values: [shop], not: false }]);
    // An empty text cannot be told from none by the short name.
    assert.equal(parameter(page, shop === '' ? 'is.shop' : 'tenant'), shop);
    const figures = await shown(page);
    await agreeVisits(figures);
    await page.reload();
    await answered(page, [{ dimension: 'shop', values: [shop], not: false }]);
  }
  await page.goto(address);
  await answered(page, []);
  await page.getByTestId('tenant-input').click();
  await page.keyboard.type('C&D');
  await page.keyboard.press('Enter');
  await answered(page, [{ dimension: 'shop', values: ['a=b;c&d'], not: false }]);
  assert.match(await page.getByTestId('subject').textContent(), /a=b;c&d/);
  // By its name, which SQL gives it.
  await page.goto(address);
  await answered(page, []);
  await page.getByTestId('tenant-input').click();
  await page.keyboard.type('& sons');
  await page.getByTestId('tenant-option').first().getByText('Alpha & Sons').waitFor();
  await page.keyboard.press('Enter');
  await answered(page, [{ dimension: 'shop', values: ['alpha'], not: false }]);
  await page.getByTestId('subject').getByText('Alpha & Sons').waitFor();
  return `${all.length} tenants`;
}

async function goal(page, family) {
  await answered(page, []);
  const rate = family.measures.find((measure) => measure.kind === 'ratio' && measure.goal === 'purchases');
  assert.ok(rate, 'there is a rate of the goal');
  const figures = await shown(page);
  const value = figures.tiles.purchases.value / figures.tiles.visits.value;
  same(figures.tiles[rate.name].value, value, 'the rate');
  const percent = (value * 100).toFixed(1);
  assert.equal(figures.tiles[rate.name].text.replace(/\s/g, ''), `${percent}%`);
  for (const row of figures.groups.campaign) {
    same(row.figures[rate.name], row.figures.purchases / row.figures.visits, `the rate of ${row.value}`);
  }
  // Each breakdown has its column without being asked.
  await page.locator(`[data-testid=by-campaign] [data-measure=${JSON.stringify(rate.name)}]`).waitFor();
}

async function values(page) {
  await answered(page, []);
  await page.getByText('Show the first 50').waitFor();
  const { groups } = await shown(page);
  const labels = Object.fromEntries(groups.campaign.map(({ value, label }) => [value, label]));
  assert.equal(labels[null], '(unknown)');
  assert.equal(labels[''], '(blank)');
  assert.equal(labels['<b>x</b>'], '<b>x</b>');
  assert.equal(groups.country_code.find(({ value }) => value === 'DE').label, 'Germany DE');
  // A blank value can be seen, and chosen.
  const blank = page.locator('[data-testid=by-campaign-row][data-value=""] [data-testid=value-only]');
  assert.ok((await blank.boundingBox()).width > 20);
  await blank.click();
  await answered(page, [{ dimension: 'campaign', values: [''], not: false }]);
  await agreeVisits(await shown(page));
  await page.getByTestId('filter-negate').click();
  await answered(page, [{ dimension: 'campaign', values: [''], not: true }]);
  await agreeVisits(await shown(page));
  await page.getByTestId('filter-remove').click();
  await answered(page, []);

  // More than are listed: found by search. All that are listed have been unfolded above.
  await page.getByText('There are more: the search finds them.').waitFor();
  await page.getByTestId('by-campaign-search').click();
  await page.keyboard.type('C69');
  await page.keyboard.press('Enter');
  await answered(page, [{ dimension: 'campaign', values: ['c69'], not: false }]);
  await agreeVisits(await shown(page));
}

async function money(page) {
  await answered(page, []);
  const { tiles } = await shown(page);
  assert.match(tiles.revenue.text, /^€[\d,]+/);
  const on = page.getByTestId('legend-revenue');
  if ((await on.getAttribute('aria-pressed')) === 'false') await on.click();
  await page.locator('[data-testid=legend-revenue][aria-pressed=true]').waitFor();
  await page.waitForTimeout(300);
  await page.getByTestId('trend-chart').scrollIntoViewIfNeeded();
  const area = await page.locator('[data-testid=trend-chart] .u-over').boundingBox();
  await page.mouse.move(area.x + area.width * 0.7, area.y + area.height / 2);
  assert.match(await page.getByTestId('trend-tooltip').textContent(), /Revenue/i);
}

export async function familyTests({ url, pageCheck }) {
  const { families } = await (await fetch(`${url}/api/overview`)).json();
  const found = families.find((each) => each.rollup.split('.').pop() === rollup);
  if (!found) {
    console.log(`not tested: another family than the workshop's, as there is no rollup ${rollup} (visits.sql)`);
    return;
  }
  const path = `/?rollup=${encodeURIComponent(found.rollup)}&span=30d`;
  const { family } = await (await fetch(`${url}/api/overview${path.slice(1)}`)).json();
  await pageCheck('another family is chosen, with the figures of SQL', '/', choose);
  await pageCheck('tenants that are texts', path, (page) => tenantsByText(page, url + path));
  await pageCheck('a goal has its rate, by every dimension', path, (page) => goal(page, family));
  await pageCheck('missing, blank and odd values are shown, filtered and found', path, values);
  await pageCheck('money in the trend', path, money);
}
