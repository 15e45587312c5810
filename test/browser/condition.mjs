// Checks what a dashboard says about the state of its rollups: in the API, in /metrics, and on the page in words and colour.
//
//   node condition.mjs NAME URL KIND STATE [OPTION=VALUE...]
//
// KIND and STATE are as in `Condition` of the API's document; KIND `unreachable` is a database that cannot be reached, and
// `silent` a server that is stopped (pid=NUMBER). Waits until the API says so. Options, all of them regular expressions: message=,
// not=, warning=, metric= (a line of /metrics), warned= (a line of the operations view's warnings).
import assert from 'node:assert/strict';
import { launch, open } from './browser.mjs';
import { accessible } from './page-look.mjs';
import { check, finish } from './report.mjs';
import { faultsOf } from './schema.mjs';

const [name, given, kind, state, ...rest] = process.argv.slice(2);
const url = given.replace(/\/$/, '');
const options = Object.fromEntries(rest.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]));
const patience = 60_000;

const colours = { ok: '--ok', warning: '--warning', bad: '--bad' };
const words = {
  live: 'Live',
  standby: 'Standby',
  unknown: 'Connected',
  failing: 'Failing',
  no_worker: 'Not refreshed',
  paused: 'Paused',
  behind: 'Behind',
  replay_paused: 'Replay paused',
  disconnected: 'Cut off',
  differing: 'Wrong figures',
  set_aside: 'Incomplete',
};

async function get(path) {
  const answer = await fetch(url + path, { signal: AbortSignal.timeout(30_000) });
  return { status: answer.status, text: await answer.text() };
}

/** Until `wanted` has nothing against the answer. */
async function until(path, wanted) {
  const end = Date.now() + patience;
  for (;;) {
    const { status, text } = await get(path);
    const objection = wanted(status, text);
    if (objection === null) return text;
    if (Date.now() > end) throw new Error(`${path}: ${objection}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const isKind = (status, text) => {
  if (status !== 200) return `${status} ${text.slice(0, 200)}`;
  const { condition } = JSON.parse(text);
  return condition.kind === kind ? null : `is ${JSON.stringify(condition)}`;
};

/** The colour of an element against one of the page's own. */
const hasColour = (locator, property, variable) =>
  locator.evaluate(
    (element, [of, custom]) => {
      const probe = document.createElement('i');
      probe.style.color = `var(${custom})`;
      document.body.append(probe);
      const wanted = getComputedStyle(probe).color;
      probe.remove();
      return getComputedStyle(element)[of] === wanted;
    },
    [property, variable],
  );

async function indicator(page, wantedState, word, colour) {
  await page.locator(`[data-testid=live][data-state=${wantedState}]`).waitFor({ timeout: patience });
  const live = page.getByTestId('live');
  const text = await live.locator('.words').textContent();
  assert.ok(text.startsWith(word), `it says ${text}`);
  if (colour) {
    // Colours change slowly.
    await page.waitForTimeout(300);
    assert.ok(await hasColour(live.locator('.dot'), 'backgroundColor', colour), `the dot is not ${colour}`);
  }
}

const browser = await launch();
const withPage = async (run) => {
  const page = await open(browser, `${url}/`);
  try {
    await run(page);
  } finally {
    await page.context().close();
  }
};

try {
  if (kind === 'unreachable') {
    await check(`${name}: the API`, async () => {
      await until('/api/overview', (status, text) => (status === 503 ? null : `${status} ${text.slice(0, 100)}`));
      const { status, text } = await get('/api/operations');
      assert.equal(status, 503);
      assert.equal(faultsOf('Error', JSON.parse(text)), null);
      const metrics = await get('/metrics');
      assert.equal(metrics.status, 200);
      assert.match(metrics.text, /^millrace_up 0$/m);
    });
    await check(`${name}: the page`, () => withPage((page) => indicator(page, 'error', 'Not live', '--bad')));
  } else if (kind === 'silent') {
    await check(`${name}: the page`, () =>
      withPage(async (page) => {
        await indicator(page, 'live', 'Live', '--ok');
        process.kill(Number(options.pid), 'SIGSTOP');
        try {
          await indicator(page, 'error', 'Not live', '--bad');
        } finally {
          process.kill(Number(options.pid), 'SIGCONT');
        }
        await indicator(page, 'live', 'Live', '--ok');
      }),
    );
  } else {
    await check(`${name}: the API`, async () => {
      const overview = JSON.parse(await until('/api/overview', isKind));
      const operations = JSON.parse(await until('/api/operations', isKind));
      assert.equal(faultsOf('Overview', overview), null);
      assert.equal(faultsOf('Operations', operations), null);
      for (const { condition } of [overview, operations]) {
        assert.equal(condition.state, state);
        assert.match(condition.message, new RegExp(options.message ?? (state === 'ok' ? '^$' : '.')));
        if (options.not) assert.doesNotMatch(JSON.stringify([overview, operations]), new RegExp(options.not));
        if (options.since) assert.match(condition.since ?? 'null', new RegExp(options.since));
      }
      if (options.warning) assert.match(overview.warnings.join('\n'), new RegExp(options.warning));
      if (options.warned) assert.match(operations.warnings.map(({ message }) => message).join('\n'), new RegExp(options.warned));
      if (options.through) {
        const now = Date.parse(overview.generated_at) - Date.parse(overview.complete_through);
        assert.ok(options.through === 'now' ? now < 1 : now > 0, `complete through ${overview.complete_through} at ${overview.generated_at}`);
      }
      if (options.live) assert.equal(String(overview.live), options.live);
    });
    if (options.metric) {
      await check(`${name}: /metrics`, async () => {
        await until('/metrics', (status, text) =>
          status === 200 && new RegExp(`^${options.metric}$`, 'm').test(text)
            ? null
            : text.split('\n').filter((line) => line.startsWith('millrace_rollup_') || line.startsWith('millrace_standby')).join('\n'),
        );
      });
    }
    await check(`${name}: the page`, () =>
      withPage(async (page) => {
        await indicator(page, kind, words[kind], kind === 'unknown' ? '--muted' : colours[state]);
        const panel = page.getByTestId('condition');
        if (state === 'ok') {
          assert.equal(await panel.count(), options.warning ? 1 : 0);
        } else {
          await panel.waitFor();
          assert.match(await page.getByTestId('condition-message').textContent(), new RegExp(options.message ?? '.'));
          assert.ok(await hasColour(panel.locator('h2'), 'color', colours[state]), 'the panel has its colour');
          await accessible(page, kind);
        }
        await page.getByTestId('view-operations').click();
        await page.getByTestId('operations').waitFor();
        await indicator(page, kind, words[kind], kind === 'unknown' ? '--muted' : colours[state]);
        if (state !== 'ok') assert.equal(await page.getByTestId('no-warnings').count(), 0, 'nothing to worry about?');
        assert.deepEqual(page.complaints, []);
      }),
    );
  }
} finally {
  await browser.close();
}
finish();
