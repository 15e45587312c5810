// Checks views that are saved under a name, the page in a frame, and the page on paper.
import assert from 'node:assert/strict';
import { execFile as execFileThen } from 'node:child_process';
import { promisify } from 'node:util';
import { loaded, open } from './browser.mjs';
import { agree, shown, workshop } from './figures.mjs';
import { fits } from './page-look.mjs';
import { parameter } from './page-navigation.mjs';

const execFile = promisify(execFileThen);

const view = (page, name) => page.getByTestId('view').and(page.locator(`[data-name=${JSON.stringify(name)}]`));

async function saved(page, browser, url) {
  const name = `Test <b>view</b> ${Date.now()}`;
  await loaded(page);
  const figures = await shown(page);
  await page.getByTestId('views').click();
  await page.getByTestId('view-save').click();
  await page.getByText('A name is needed.').waitFor();
  await page.getByTestId('view-name').fill(name);
  await page.keyboard.press('Enter');
  await view(page, name).waitFor();

  const other = await open(browser, `${url}/`, { timezoneId: 'UTC' });
  try {
    await loaded(other);
    await other.getByTestId('views').click();
    await view(other, name).getByTestId('view-open').click();
    await other.waitForURL(/is\.country=DE/);
    await loaded(other);
    assert.deepEqual((await shown(other)).filters, figures.filters);
    assert.equal(parameter(other, 'span'), '24h');
    assert.equal(parameter(other, 'compare'), 'week');
    await other.getByTestId('views').click();
    await view(other, name).getByTestId('view-delete').click();
    await view(other, name).waitFor({ state: 'detached' });
    assert.deepEqual(other.complaints, []);
  } finally {
    await other.context().close();
  }
}

/** The names of the panels that are there. */
const panels = (page) =>
  page
    .locator('[data-testid=overview] > [data-testid]')
    .evaluateAll((all) => all.map((each) => each.dataset.testid));

async function embedded(page, url) {
  await loaded(page);
  assert.equal(await page.locator('header.top').count(), 0);
  assert.equal(await page.locator('.toolbar').count(), 0);
  const whole = await panels(page);
  assert.ok(whole.includes('summary') && whole.includes('by-country'), whole.join());
  const alone = ['tiles', 'trend', 'by-country', `top-${workshop.top}`];
  for (const panel of alone) {
    await page.goto(`${url}/?embed=1&panel=${panel}&span=24h`);
    await loaded(page);
    assert.deepEqual(await panels(page), [panel === 'tiles' ? 'summary' : panel], panel);
    await page.setViewportSize({ width: 360, height: 300 });
    await fits(page, panel);
  }
  // What is chosen in a frame stays in it.
  await page.goto(`${url}/?embed=1&span=24h`);
  await loaded(page);
  await page.locator('[data-testid=by-country-row][data-value=DE] [data-testid=value-only]').click();
  await page.waitForURL(/is\.country=DE/);
  assert.equal(parameter(page, 'embed'), '1');
  await page.getByTestId('filter').waitFor();
}

/** With a link: its tenant and nothing of others; the token goes with every request, and stays in the address. */
async function limited(page, tenants) {
  const { stdout } = await execFile(process.env.MILLRACE_PROGRAM ?? 'millrace', [
    ...['link', '--conninfo', process.env.MILLRACE_CONNINFO, '--tenant', tenants.one],
    ...['--link-key-file', process.env.MILLRACE_LINK_KEY, '--address', new URL(page.url()).origin],
  ]);
  const link = new URL(stdout.trim());
  link.searchParams.set('span', '24h');
  const token = link.searchParams.get('link');
  // What the page asked for without the link must have ended.
  await page.goto('about:blank');
  const asked = [];
  page.on('request', (request) => request.url().includes('/api/') && asked.push(new URL(request.url())));
  await page.goto(String(link));
  await page.getByTestId('subject').getByText(`Tenant ${tenants.one}`).waitFor();
  assert.equal((await shown(page)).tenant, tenants.one);
  for (const id of ['tenant-input', 'views', 'view-operations', 'by-customer_id']) {
    assert.equal(await page.getByTestId(id).count(), 0, id);
  }
  await page.locator('[data-testid=by-country-row][data-value=DE] [data-testid=value-only]').click();
  await page.getByTestId('filter').waitFor();
  await loaded(page);
  assert.equal(parameter(page, 'link'), token);
  await page.getByTestId('by-country-search').click();
  await page.getByTestId('by-country-find-option').first().waitFor();
  assert.ok(asked.some(({ pathname }) => pathname.endsWith('/values')));
  for (const address of asked) assert.equal(address.searchParams.get('link'), token, String(address));
  return agree(await shown(page));
}

/** A4 at 96 pixels per inch, without margins of 12 mm. */
const paper = { width: 703, height: 1032 };

async function printed(page) {
  await loaded(page);
  await page.setViewportSize(paper);
  await page.emulateMedia({ media: 'print' });
  await page.waitForTimeout(500);
  await fits(page, 'on paper');
  const seen = await page.evaluate(() => {
    const visible = (element) => element.getClientRects().length > 0;
    const inside = (selector) => [...document.querySelectorAll(selector)].filter(visible).length;
    return {
      toolbar: inside('.toolbar'),
      header: inside('header.top'),
      actions: inside('.actions button'),
      tall: [...document.querySelectorAll('.panel')].map((each) => each.getBoundingClientRect().height),
    };
  });
  assert.deepEqual([seen.toolbar, seen.header, seen.actions], [0, 0, 0], 'nothing to press');
  assert.ok(Math.max(...seen.tall) < paper.height, 'each panel fits a page');
  const broken = await page
    .locator('.panel')
    .evaluateAll((all) => all.filter((each) => getComputedStyle(each).breakInside !== 'avoid').length);
  assert.equal(broken, 0, 'no panel is cut');
  const pdf = await page.pdf({ preferCSSPageSize: true });
  return `${pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0} pages`;
}

export async function viewTests({ browser, url, tenants, pageCheck }) {
  await pageCheck('a view is saved, opened by others and deleted', '/?span=24h&is.country=DE&compare=week', (page) =>
    saved(page, browser, url),
  );
  await pageCheck('in a frame: the whole, and single panels', '/?embed=1&span=24h', (page) => embedded(page, url));
  if (process.env.MILLRACE_LINK_KEY) {
    await pageCheck('a link shows its tenant, and nothing else can be chosen', '/', (page) => limited(page, tenants));
  } else {
    console.log('not tested: a link for one tenant, as MILLRACE_LINK_KEY is not set');
  }
  await pageCheck('on paper', '/?span=24h&is.country=DE', printed, { colorScheme: 'dark' });
  const columns = `column=${workshop.devices}&column=${workshop.sessions}`;
  await pageCheck('on paper, with more columns', `/?span=24h&${columns}`, printed);
}
