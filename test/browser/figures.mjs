// What the page shows, read from it at one moment, and the same computed by plain SQL over the events.
import assert from 'node:assert/strict';
import { loaded } from './browser.mjs';
import { quote, rows } from './database.mjs';

const groups = [
  { panel: 'countries', column: 'country' },
  { panel: 'browsers', column: 'browser' },
  { panel: 'event-types', column: 'event_type' },
  { panel: 'tenants', column: 'customer_id::text' },
];

/** All figures of one answer: they are read without a pause, so that no other comes between. */
export async function shown(page) {
  await loaded(page);
  const more = page.locator('button.more[aria-expanded=false]');
  while ((await more.count()) > 0) await more.first().click();
  return page.evaluate(
    (panels) => {
      const by = (id) => document.querySelector(`[data-testid="${id}"]`);
      const all = (id) => [...document.querySelectorAll(`[data-testid="${id}"]`)];
      const figure = (element, name) => Number(element.getAttribute(`data-${name}`));
      const tile = (name) => ({
        value: figure(by(`tile-${name}-value`), 'value'),
        text: by(`tile-${name}-value`).textContent,
        before: figure(by(`tile-${name}-change`), 'before'),
        exactness: by(`tile-${name}`).querySelector('.exactness').textContent,
      });
      const overview = by('overview');
      return {
        from: overview.getAttribute('data-from'),
        to: overview.getAttribute('data-to'),
        tenant: overview.getAttribute('data-tenant') || null,
        tiles: {
          events: tile('events'),
          devices: tile('devices'),
          sessions: tile('sessions'),
          rate: tile('rate'),
        },
        trend: { rows: figure(by('trend-sums'), 'rows'), events: figure(by('trend-sums'), 'events') },
        top: {
          error: figure(by('top-devices-error'), 'error'),
          rows: all('top-devices-row').map((row) => ({
            device: row.getAttribute('data-device'),
            events: figure(row, 'events'),
          })),
        },
        groups: Object.fromEntries(
          panels.map((panel) => [
            panel,
            by(panel) &&
              all(`${panel}-row`).map((row) => ({
                value: row.getAttribute('data-value'),
                events: figure(row, 'events'),
                devices: figure(row, 'devices'),
                label: row.querySelector('th').textContent,
              })),
          ]),
        ),
      };
    },
    groups.map(({ panel }) => panel),
  );
}

/**
 * Compares figures with what is read from the page after them. The span that is shown goes on with the clock, a bucket at a
 * time: a comparison in the middle of which it did says nothing, and is made once more. Any other that fails has failed.
 */
export async function ofOneSpan(page, compare) {
  const figures = await shown(page);
  try {
    await compare(figures);
  } catch (problem) {
    const later = await shown(page);
    if (later.to === figures.to) throw problem;
    await compare(later);
  }
}

/** The condition for the events of a span, for one tenant or all. */
export function within({ from, to, tenant }) {
  const one = tenant === null ? '' : ` AND customer_id = ${tenant}`;
  return `event_time >= ${quote(from)} AND event_time < ${quote(to)}${one}`;
}

const distinct = (column) => `coalesce(hll_cardinality(hll_add_agg(hll_hash_bigint(${column}))), 0)`;

function same(page, sql, what) {
  assert.ok(
    Math.abs(page - sql) <= 1e-9 * Math.abs(sql) + 1e-6,
    `${what}: the page says ${page}, SQL says ${sql}`,
  );
}

/** Fails unless the page's figures are what the events say. Gives a note on how many there were. */
export async function agree(figures) {
  const span = within(figures);
  const length = Date.parse(figures.to) - Date.parse(figures.from);
  const start = new Date(Date.parse(figures.from) - length).toISOString();
  const totals = (condition) =>
    `SELECT count(*) AS events, count(DISTINCT device_id) AS exact_devices, ${distinct('device_id')} AS devices,
            ${distinct('session_id')} AS sessions FROM events WHERE ${condition}`;
  const [now] = await rows(totals(span));
  const [before] = await rows(totals(within({ ...figures, from: start, to: figures.from })));

  const { events, devices, sessions, rate } = figures.tiles;
  same(events.value, now.events, 'events');
  same(events.before, before.events, 'events before');
  same(devices.value, now.devices, 'devices');
  same(devices.before, before.devices, 'devices before');
  same(sessions.value, now.sessions, 'sessions');
  same(sessions.before, before.sessions, 'sessions before');
  assert.equal(events.exactness, 'exact');
  for (const [name, tile] of Object.entries({ events, devices, sessions })) {
    assert.equal(tile.text.replace(/\D/g, ''), String(Math.round(tile.value)), `the text of ${name}`);
  }
  assert.ok(rate.value > 0 === now.events > 0, 'events per second');
  const margin = Number(/±([\d.]+)/.exec(devices.exactness)?.[1] ?? 0) / 100;
  const off = Math.abs(devices.value - now.exact_devices);
  assert.ok(
    off <= 2.5 * margin * now.exact_devices + 1,
    `devices: ${devices.value} for ${now.exact_devices}`,
  );

  assert.equal(figures.trend.events, now.events, 'the trend adds up');

  for (const { panel, column } of groups) {
    const listed = figures.groups[panel];
    if (panel === 'tenants')
      assert.equal(listed === null, figures.tenant !== null, 'tenants are ranked for all only');
    if (listed === null) continue;
    const counted = await rows(
      `SELECT ${column} AS value, count(*) AS events, ${distinct('device_id')} AS devices
       FROM events WHERE ${span} GROUP BY 1 ORDER BY 2 DESC`,
    );
    assert.equal(listed.length, Math.min(50, counted.length), `${panel}: rows`);
    assert.deepEqual(
      listed.map((row) => row.events),
      counted.slice(0, 50).map((row) => row.events),
      `${panel}: counts, most first`,
    );
    for (const row of listed) {
      const match = counted.find(({ value }) => value === row.value);
      assert.ok(match, `${panel}: there is no ${row.value}`);
      same(row.events, match.events, `${panel}: events of ${row.value}`);
      same(row.devices, match.devices, `${panel}: devices of ${row.value}`);
    }
  }

  const { rows: top, error } = figures.top;
  const counts = await rows(
    `SELECT device_id::text AS device, count(*) AS events FROM events
     WHERE ${span} AND device_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC`,
  );
  const truth = new Map(counts.map((row) => [row.device, row.events]));
  assert.equal(top.length, Math.min(10, counts.length), 'top devices: rows');
  for (const { device, events: count } of top) {
    const real = truth.get(device) ?? 0;
    assert.ok(
      real <= count && count <= real + error,
      `device ${device}: ${count} for ${real}, error ${error}`,
    );
  }
  if (top.length > 0) {
    const tenth = counts[top.length - 1].events;
    assert.ok(top[top.length - 1].events >= tenth, 'top devices: one with more events is missing');
  }
  return `${now.events} events`;
}
