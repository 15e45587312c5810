// What happens while the page is open: new events, errors, and the very first event.
import assert from 'node:assert/strict';
import { loaded } from './browser.mjs';
import { copyEvents, run } from './database.mjs';
import { agree, shown, workshop } from './figures.mjs';
import { accessible, fits } from './page-look.mjs';

const rounds = 3;
const batch = 200;
/** Milliseconds from a commit to its figures. */
const wanted = 2000;
const most = 5000;

const eventsShown = (page) => page.getByTestId(`tile-${workshop.events}-value`).getAttribute('data-value').then(Number);

async function newEvents(page, tenant) {
  await loaded(page);
  // A reload would remove this.
  await page.evaluate(() => {
    globalThis.stillHere = true;
  });
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await eventsShown(page);
    const changed = page
      .waitForFunction(
        ([name, value]) => Number(document.querySelector(`[data-testid=tile-${name}-value]`).dataset.value) === value,
        [workshop.events, before + batch],
        { polling: 50, timeout: 30_000 },
      )
      .then(() => Date.now());
    const event = { seconds: 0, customer_id: tenant, event_type: 'click', country: 'DE', browser: 'Firefox' };
    const events = Array.from({ length: batch }, (_, i) => ({ ...event, device_id: i, session_id: i }));
    const committed = await copyEvents(events);
    times.push((await changed) - committed);
  }
  assert.equal(await page.evaluate(() => globalThis.stillHere), true, 'the page was loaded anew');
  await agree(await shown(page));
  const slowest = Math.max(...times);
  assert.ok(slowest < most, `${slowest} ms from the commit to the figure`);
  const verdict = slowest < wanted ? '' : `, MORE THAN ${wanted} ms`;
  return `${times.map((time) => `${Math.max(0, time)} ms`).join(', ')} after the commit${verdict}`;
}

const refusal = {
  error: { code: 'unavailable', message: 'The database <b>cannot</b> be reached.', hint: 'Is it running?' },
};

async function refused(page) {
  await page.route('**/api/**', (route) => route.fulfill({ status: 503, json: refusal }));
  await page.reload();
  await page.getByTestId('problem').waitFor();
  assert.equal(await page.getByTestId('problem-message').textContent(), refusal.error.message);
  assert.equal(await page.getByTestId('problem-hint').textContent(), refusal.error.hint);
  assert.equal(await page.getByTestId('live').getAttribute('data-state'), 'error');
  await accessible(page, 'problem');
  await page.unroute('**/api/**');
  await loaded(page);
  await page.locator('[data-testid=live][data-state=live]').waitFor();
}

export async function liveTests({ emptyUrl, tenants, pageCheck }) {
  await pageCheck('new events are shown by themselves', `/?tenant=${tenants.two}&span=1h`, (page) =>
    newEvents(page, tenants.two),
  );

  await pageCheck('what the server refuses is said, and tried again', '/', refused, { mayComplain: true });

  await pageCheck(
    'what makes no sense is said',
    '/?tenant=nobody',
    async (page) => {
      await page.getByTestId('problem').waitFor();
      assert.equal(await page.getByTestId('problem').getAttribute('data-code'), 'bad_request');
      await page.getByText('Start over').click();
      await loaded(page);
    },
    { mayComplain: true },
  );

  if (!emptyUrl) {
    console.log('not tested: the page before the first event, as MILLRACE_EMPTY_URL is not set');
    return;
  }
  for (const colorScheme of ['light', 'dark']) {
    await pageCheck(
      `before the first event, ${colorScheme}`,
      '/',
      async (page) => {
        await page.getByTestId('empty').waitFor();
        await accessible(page, 'empty');
        await page.setViewportSize({ width: 360, height: 740 });
        await fits(page, 'empty');
      },
      { base: emptyUrl, colorScheme },
    );
  }

  await pageCheck(
    'the first event turns it into the overview',
    '/',
    async (page) => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.getByTestId('empty').waitFor();
      const copied = [];
      for (const button of await page.getByTestId('copy').all()) {
        await button.click();
        await page.getByText('Copied').waitFor();
        copied.push(await page.evaluate(() => navigator.clipboard.readText()));
        await page.getByText('Copied').waitFor({ state: 'detached' });
      }
      const [generate, load, insert] = copied;
      assert.equal(generate, 'millrace generate --rows 100000 --into-database');
      assert.equal(load, 'millrace load clicks.csv');
      const conninfo = process.env.MILLRACE_EMPTY_CONNINFO;
      if (!conninfo) return 'MILLRACE_EMPTY_CONNINFO is not set: no event was sent';
      await run(insert, { conninfo });
      await loaded(page);
      assert.equal(await eventsShown(page), 1);
    },
    { base: emptyUrl },
  );
}
