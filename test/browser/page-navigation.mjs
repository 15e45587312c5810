// Checks the figures for every span and tenant, and that the address contains the whole state: picker, spans, own times, Back.
import assert from 'node:assert/strict';
import { loaded, open } from './browser.mjs';
import { agree, shown, workshop } from './figures.mjs';

const spans = ['15m', '1h', '24h', '2d', '7d', '30d'];

/** Local time, as a datetime-local input takes it. */
export const local = (date) =>
  new Date(date - new Date(date).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

export const parameter = (page, name) => new URL(page.url()).searchParams.get(name);

export async function navigationTests({ browser, url, tenants, pageCheck }) {
  for (const tenant of [null, tenants.one, tenants.two]) {
    await pageCheck(
      `figures of ${tenant ?? 'all tenants'} are those of SQL, every span`,
      '/',
      async (page) => {
        if (tenant !== null) await page.goto(`${url}/?tenant=${tenant}`);
        const notes = [];
        for (const span of spans) {
          await page.getByTestId(`span-${span}`).click();
          await loaded(page);
          assert.equal(parameter(page, 'span') ?? '1h', span);
          const figures = await shown(page);
          assert.equal(figures.tenant, tenant);
          notes.push(`${span}: ${await agree(figures)}`);
        }
        return notes.join(', ');
      },
    );
  }

  await pageCheck('a tenant nobody knows has no events', '/?tenant=-42', async (page) => {
    const figures = await shown(page);
    assert.equal(figures.tiles[workshop.events].value, 0);
    await agree(figures);
  });

  await pageCheck('the picker finds a tenant by typing, and Enter takes it', '/', async (page) => {
    await loaded(page);
    const input = page.getByTestId('tenant-input');
    await input.click();
    assert.equal(await input.getAttribute('aria-expanded'), 'true');
    assert.equal(await page.getByTestId('tenant-option').first().textContent(), 'All tenants');
    await page.keyboard.type(tenants.two.slice(0, -1));
    await page.locator(`[data-testid=tenant-option][data-value="${tenants.two}"]`).waitFor();
    await page.keyboard.type(tenants.two.slice(-1));
    await page.waitForFunction((id) => {
      const box = document.querySelector('[data-testid=tenant-input]');
      return document.getElementById(box.getAttribute('aria-activedescendant'))?.dataset.value === id;
    }, tenants.two);
    await page.keyboard.press('Enter');
    await page.locator(`[data-testid=overview][data-tenant="${tenants.two}"]`).waitFor();
    assert.equal(await page.getByTestId('subject').textContent(), `Tenant ${tenants.two}`);
    await loaded(page);
    assert.equal(parameter(page, 'tenant'), tenants.two);
    assert.equal(await input.getAttribute('aria-expanded'), 'false');
    const figures = await shown(page);
    assert.equal(figures.tenant, tenants.two);
    await agree(figures);

    // Escape keeps the tenant that was chosen; the first entry of the list is all tenants.
    await page.keyboard.press('ArrowDown');
    await page.keyboard.type('1');
    await page.keyboard.press('Escape');
    assert.equal(await input.inputValue(), `Tenant ${tenants.two}`);
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => document.querySelectorAll('[data-testid=tenant-option]').length > 1);
    await page.getByTestId('tenant-option').first().click();
    await page.locator('[data-testid=overview][data-tenant=""]').waitFor();
    assert.equal(parameter(page, 'tenant'), null);
  });

  await pageCheck('a tenant can be chosen from the ranking', '/?span=15m', async (page) => {
    await shown(page);
    await page
      .locator(`[data-testid=by-customer_id-row][data-value="${tenants.one}"] [data-testid=value-only]`)
      .click();
    await page.locator(`[data-testid=overview][data-tenant="${tenants.one}"]`).waitFor();
    assert.equal(parameter(page, 'tenant'), tenants.one);
    assert.equal(parameter(page, 'span'), '15m');
  });

  await pageCheck(
    'own times; the address opened anew shows the same',
    `/?tenant=${tenants.one}`,
    async (page) => {
      await loaded(page);
      await page.getByTestId('span-custom').click();
      // A span in the past: the rate of one that is not over changes all the time.
      const end = Math.floor(Date.now() / 300_000) * 300_000;
      await page.getByTestId('custom-from').fill(local(end));
      await page.getByTestId('custom-to').fill(local(end - 600_000));
      await page.getByTestId('custom-apply').click();
      await page.getByText('The first time must lie before the second.').waitFor();
      await page.getByTestId('custom-from').fill(local(end - 900_000));
      await page.getByTestId('custom-to').fill(local(end));
      await page.getByTestId('custom-apply').click();
      await page.waitForURL(/from=.*to=/);
      await loaded(page);
      const figures = await shown(page);
      assert.equal(Date.parse(figures.from), end - 900_000);
      assert.equal(Date.parse(figures.to), end);
      await agree(figures);
      const other = await open(browser, page.url());
      try {
        assert.deepEqual(await shown(other), figures);
        assert.deepEqual(other.complaints, []);
      } finally {
        await other.context().close();
      }
    },
  );

  await pageCheck('Back and Forward', '/?span=15m', async (page) => {
    await loaded(page);
    await page.getByTestId('span-24h').click();
    await loaded(page);
    await page.goto(`${url}/?tenant=${tenants.one}&span=24h`);
    await loaded(page);
    await page.getByTestId('view-operations').click();
    await loaded(page, 'operations');
    assert.equal(parameter(page, 'view'), 'operations');
    await page.goBack();
    await loaded(page);
    assert.equal((await shown(page)).tenant, tenants.one);
    await page.goBack();
    await page.goBack();
    await page.locator('[data-testid=span-15m][aria-pressed=true]').waitFor();
    await agree(await shown(page));
    await page.goForward();
    await page.locator('[data-testid=span-24h][aria-pressed=true]').waitFor();
    await agree(await shown(page));
  });

  await pageCheck('dragging over the chart zooms, and there is a way back', '/?span=1h', async (page) => {
    await loaded(page);
    await page.getByTestId('trend-chart').scrollIntoViewIfNeeded();
    const area = await page.locator('[data-testid=trend-chart] .u-over').boundingBox();
    const y = area.y + area.height / 2;
    await page.mouse.move(area.x + area.width * 0.6, y);
    await page.getByTestId('trend-tooltip').waitFor();
    await page.mouse.down();
    await page.mouse.move(area.x + area.width - 2, y, { steps: 8 });
    await page.mouse.up();
    await page.waitForURL(/from=.*to=/);
    await loaded(page);
    const figures = await shown(page);
    assert.ok(Date.parse(figures.to) - Date.parse(figures.from) < 3_600_000);
    await agree(figures);
    await page.getByTestId('zoom-reset').click();
    await page.locator('[data-testid=span-1h][aria-pressed=true]').waitFor();
    assert.equal(parameter(page, 'from'), null);
    await loaded(page);
  });
}
