// Checks how the page looks and that everybody can use it: themes, axe-core, narrow windows, keyboard, the operations view.
import assert from 'node:assert/strict';
import axe from 'axe-core';
import { loaded } from './browser.mjs';

/** Is what lies behind the page's text dark? */
const isDark = (page) =>
  page.evaluate(() => {
    const [red, green, blue] = getComputedStyle(document.body)
      .backgroundColor.match(/[\d.]+/g)
      .map(Number);
    return red + green + blue < 3 * 128;
  });

/**
 * axe-core's serious and critical findings, which there must not be. The figures are dimmed while new ones are loading, which
 * may be while axe-core looks at them: only what it finds each of three times is the page's.
 */
export async function accessible(page, what) {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  // What was opened just now is there after it.
  await page.waitForTimeout(300);
  await page.evaluate(axe.source);
  let told = [];
  for (let round = 0; round < 3; round += 1) {
    await page.waitForFunction(() => document.querySelector('[aria-busy=true]') === null);
    const { violations } = await page.evaluate(() =>
      globalThis.axe.run(document, { resultTypes: ['violations'] }),
    );
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    told = serious.map(
      ({ id, nodes }) => `${what}: ${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`,
    );
    if (told.length === 0) return;
  }
  assert.equal(told.join('\n'), '');
}

/** The page itself does not scroll sideways. */
export async function fits(page, what) {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= view, `${what}: ${content} pixels wide in ${view}`);
}

const phone = { viewport: { width: 360, height: 740 } };

export async function lookTests({ tenants, pageCheck }) {
  await pageCheck('dark and light, by the system and by the switch', '/', async (page) => {
    await loaded(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.equal(await isDark(page), true, 'the system is dark');
    const choose = (label) => page.getByTestId('theme').locator('label').filter({ hasText: label }).click();
    await choose('Light');
    assert.equal(await isDark(page), false, 'switched to light');
    await page.reload();
    await loaded(page);
    assert.equal(await isDark(page), false, 'remembered');
    await page.getByTestId('theme-system').focus();
    await page.keyboard.press('ArrowRight');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await isDark(page), true, 'switched to dark, by the keyboard');
    await choose('As the system');
    assert.equal(await isDark(page), false, 'the system is light');
  });

  for (const colorScheme of ['light', 'dark']) {
    await pageCheck(
      `axe-core finds nothing serious, ${colorScheme}`,
      '/',
      async (page) => {
        await loaded(page);
        await accessible(page, 'overview');
        await page.getByTestId('tenant-input').click();
        await page.getByTestId('tenant-option').nth(1).waitFor();
        await accessible(page, 'picker');
        await page.keyboard.press('Escape');
        for (const menu of ['filter-add', 'columns', 'views', 'span-more']) {
          await page.getByTestId(menu).click();
          await accessible(page, menu);
          await page.keyboard.press('Escape');
        }
        await page.goto(`${page.url().split('?')[0]}?is.country=DE&not.browser=Chrome&null.browser=not`);
        await loaded(page);
        await page.getByTestId('by-country-search').click();
        await accessible(page, 'filters and search');
        await page.keyboard.press('Escape');
        await page.getByTestId('trend-as-table').click();
        await page.getByTestId('span-custom').click();
        await accessible(page, 'table and own times');
        await page.getByTestId('trend-sql').click();
        await accessible(page, 'dialog');
        await page.keyboard.press('Escape');
        await page.getByTestId('sql-dialog').waitFor({ state: 'detached' });
        await page.getByTestId('view-operations').click();
        await loaded(page, 'operations');
        for (const button of await page.getByTestId('table-unfold').all()) await button.click();
        await accessible(page, 'operations');
      },
      { colorScheme },
    );
  }

  await pageCheck(
    '360 pixels are wide enough',
    '/',
    async (page) => {
      await loaded(page);
      await fits(page, 'overview');
      await page.getByTestId('span-custom').click();
      await fits(page, 'own times');
      await page.getByTestId('by-country-sql').click();
      await page.getByTestId('sql-dialog').waitFor();
      await fits(page, 'dialog');
      await page.keyboard.press('Escape');
      await page.getByTestId('sql-dialog').waitFor({ state: 'detached' });
      await page.getByTestId('tenant-input').click();
      await page.keyboard.type(tenants.one);
      await page.keyboard.press('Enter');
      await page.locator(`[data-testid=overview][data-tenant="${tenants.one}"]`).waitFor();
      await fits(page, 'one tenant');
      await page.getByTestId('view-operations').click();
      await loaded(page, 'operations');
      for (const button of await page.getByTestId('table-unfold').all()) await button.click();
      await fits(page, 'operations');
    },
    phone,
  );

  await pageCheck('by the keyboard alone', '/', async (page) => {
    await loaded(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Skip to the figures');
    const wanted = new Set([
      'tenant-input',
      'span-24h',
      'summary-sql',
      'trend-csv',
      'zone-input',
      'by-country-sql',
      'value-only',
      'value-not',
      'by-event_type-csv',
    ]);
    for (let presses = 0; wanted.size > 0 && presses < 200; presses += 1) {
      await page.keyboard.press('Tab');
      const [id, visible] = await page.evaluate(() => {
        const { dataset } = document.activeElement;
        return [dataset.testid, getComputedStyle(document.activeElement).outlineStyle !== 'none'];
      });
      if (wanted.delete(id)) assert.ok(visible, `the focus is not to be seen on ${id}`);
    }
    assert.deepEqual([...wanted], [], 'not reached');
  });

  await pageCheck('operations: rollups, tables, partitions', '/?view=operations', async (page) => {
    await loaded(page, 'operations');
    const answer = await page.evaluate(() => fetch('api/operations').then((got) => got.json()));
    const names = (id) => page.getByTestId(id).evaluateAll((all) => all.map((each) => each.dataset.name));
    assert.deepEqual(
      await names('rollup'),
      answer.rollups.map(({ rollup }) => rollup),
    );
    assert.deepEqual(
      await names('table'),
      answer.tables.map(({ table }) => table),
    );
    const states = await page.getByTestId('rollup').getByTestId('health').allTextContents();
    assert.deepEqual(
      states.map((state) => state.trim()),
      answer.rollups.map(({ state }) => state),
    );
    assert.equal(await page.getByTestId('job').count(), answer.jobs.length);
    assert.equal(await page.getByTestId('worker').count(), answer.workers.length);
    const warnings = await page.getByTestId('warnings').locator('li').allTextContents();
    const told = answer.warnings.filter(({ severity }) => severity !== 'information');
    assert.equal(warnings.length, told.length);
    const [table] = answer.tables;
    if (table) {
      await page.getByTestId('table-unfold').first().click();
      assert.equal(await page.getByTestId('partition').count(), table.partition_list.length);
    }
    return `${answer.rollups.length} rollups, ${answer.warnings.length} warnings`;
  });
}
