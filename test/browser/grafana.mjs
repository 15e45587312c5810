// Checks the Grafana dashboard docs/grafana/millrace.json: its structure, and every statement in it, sent to
// the database as Grafana would send it. Only reads; needs no Grafana and no `millrace serve`.
//
//   PGHOST=... PGDATABASE=citus node grafana.mjs
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rows, run } from './database.mjs';
import { check, finish } from './report.mjs';

const file = new URL('../../docs/grafana/millrace.json', import.meta.url);
const dashboard = JSON.parse(readFileSync(file, 'utf8'));

const hour = 3_600_000;
const variables = dashboard.templating.list;
const tenantVariable = variables.find(({ name }) => name === 'tenant');
/** With those in collapsed rows. */
const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const charts = panels.filter(({ type }) => type !== 'row');

/** A time as Go formats it by time.RFC3339Nano, in UTC: no zeros at the end of a fraction. */
const rfc3339 = (time) => new Date(time).toISOString().replace(/\.?0+Z$/, 'Z');

/**
 * Variables as Grafana's pages replace them: "All" by its custom value as it stands, whatever the format;
 * others by the format. Only what the dashboard uses is known.
 */
function withVariables(sql, tenant) {
  return sql.replace(/\$\{(\w+)(?::(\w+))?\}|\$(?!__)(\w+)/g, (found, braced, format, plain) => {
    const name = braced ?? plain;
    assert.equal(name, 'tenant', `no variable: ${found}`);
    if (tenant === null) return tenantVariable.allValue;
    assert.equal(format, 'sqlstring', `${found}: without this format its quotes depend on the data source`);
    return `'${tenant.replaceAll("'", "''")}'`;
  });
}

/** Macros as Grafana's PostgreSQL data source replaces them: a name, and arguments up to the first ")". */
function withMacros(sql, { from, to }) {
  return sql.replace(/\$([_a-zA-Z0-9]+)\(([^)]*)\)/g, (found, name, list) => {
    const [first] = list.split(',').map((argument) => argument.replace(/^ +| +$/g, ''));
    switch (name) {
      case '__timeFilter':
        return `${first} BETWEEN '${rfc3339(from)}' AND '${rfc3339(to)}'`;
      case '__timeFrom':
        return `'${rfc3339(from)}'`;
      case '__timeTo':
        return `'${rfc3339(to)}'`;
      default:
        throw new Error(`no macro: ${found}`);
    }
  });
}

function statement(sql, range, tenant) {
  const ready = withMacros(withVariables(sql, tenant), range);
  assert.doesNotMatch(ready, /\$/, 'something is not replaced');
  return ready;
}

const panelOf = (title, type) => charts.find((panel) => panel.title === title && panel.type === type);
const sqlOf = (title, type) => panelOf(title, type).targets[0].rawSql;

// --- Structure.

await check('title, refresh, range, time zone', () => {
  assert.equal(dashboard.title, 'Millrace');
  assert.equal(dashboard.id, null, 'an id would be another dashboard');
  assert.equal(dashboard.refresh, '5s');
  assert.deepEqual(dashboard.time, { from: 'now-1h', to: 'now' });
  assert.equal(dashboard.timezone, 'browser');
  assert.ok(dashboard.schemaVersion >= 38 && dashboard.schemaVersion <= 41, 'of Grafana 10 or 11');
});

await check('variables', () => {
  assert.deepEqual(
    variables.map(({ name, type }) => [name, type]),
    [
      ['datasource', 'datasource'],
      ['tenant', 'query'],
    ],
  );
  assert.match(variables[0].query, /^(grafana-postgresql-datasource|postgres)$/);
  assert.equal(tenantVariable.includeAll, true);
  assert.equal(tenantVariable.multi, false);
  assert.equal(tenantVariable.allValue, 'NULL');
});

await check('ids of panels', () => {
  const ids = panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, 'twice');
  assert.ok(ids.every((id) => Number.isInteger(id) && id > 0));
});

await check('every panel reads the data source that is chosen', () => {
  const source = { type: variables[0].query, uid: '${datasource}' };
  assert.deepEqual(tenantVariable.datasource, source);
  for (const { title, datasource, targets } of charts) {
    assert.deepEqual(datasource, source, title);
    assert.ok(targets.length > 0, title);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const target of targets) {
      assert.deepEqual(target.datasource, source, title);
      assert.equal(target.rawQuery, true, title);
      assert.ok(target.rawSql.trim() !== '', title);
      assert.ok(['table', 'time_series'].includes(target.format), title);
    }
  }
});

await check('every panel has a title and says what it shows', () => {
  for (const { title, description } of charts) {
    assert.ok(title !== '' && description.length > 40 && description.endsWith('.'), `${title}: ${description}`);
  }
});

await check('panels lie in the grid and not over one another', () => {
  for (const { title, gridPos } of panels) {
    const { x, y, w, h } = gridPos;
    assert.ok([x, y, w, h].every(Number.isInteger) && x >= 0 && y >= 0 && w > 0 && h > 0, title);
    assert.ok(x + w <= 24, title);
  }
  panels.forEach((a, i) => {
    for (const b of panels.slice(i + 1)) {
      const [p, q] = [a.gridPos, b.gridPos];
      const apart = p.x + p.w <= q.x || q.x + q.w <= p.x || p.y + p.h <= q.y || q.y + q.h <= p.y;
      assert.ok(apart, `${a.title} and ${b.title}`);
    }
  });
});

await check('columns that panels name are there', async () => {
  const range = { from: Date.now() - hour, to: Date.now() };
  for (const { title, targets, fieldConfig, options } of charts) {
    const named = fieldConfig.overrides.map(({ matcher }) => matcher.options);
    const [, only] = /^\/\^(.*)\$\/$/.exec(options.reduceOptions?.fields ?? '') ?? [];
    if (only) named.push(only);
    if (named.length === 0) continue;
    const sql = statement(targets[0].rawSql, range, null);
    // One row of nulls if the statement returns no row.
    const [row] = await rows(`SELECT q.* FROM (SELECT) one LEFT JOIN LATERAL (${sql}) q ON true LIMIT 1`);
    assert.deepEqual(
      named.filter((name) => !(name in row)),
      [],
      title,
    );
  }
});

// --- Statements.

await check('variable tenant', async () => {
  const tenants = await rows(statement(tenantVariable.query, { from: 0, to: 1 }, null));
  const expected = await run('SELECT count(DISTINCT customer_id) FROM declared_1hr');
  assert.equal(tenants.length, Math.min(Number(expected), 10_000));
  assert.ok(tenants.every((row) => Object.keys(row).length === 1 && typeof row.tenant === 'string'));
  return `${tenants.length} tenants`;
});

const now = Date.now();
const ranges = {
  'last 15 minutes': { from: now - hour / 4, to: now },
  'last hour': { from: now - hour, to: now },
  'last 12 hours': { from: now - 12 * hour, to: now },
  'just over 12 hours': { from: now - 12 * hour - 1, to: now },
  'last 7 days': { from: now - 7 * 24 * hour, to: now },
  'an hour in whole buckets': {
    from: Math.floor(now / hour) * hour - 2 * hour,
    to: Math.floor(now / hour) * hour - hour,
  },
  'until tomorrow': { from: now - 2 * hour, to: now + 24 * hour },
  'long ago': { from: 0, to: hour },
};
const busiest = await run('SELECT customer_id FROM declared_1hr_by_customer_id ORDER BY event_count DESC LIMIT 1');
assert.notEqual(busiest, '', 'the database has no events');
const scopes = { 'all tenants': null, [`tenant ${busiest}`]: busiest, 'a tenant that is none': '-9223372036854775808' };

/** To a role that may not read the events it is unknown how many there are. */
const known = await run('SELECT count(events_behind) FROM millrace.rollups');
const mayBeUnknown = new Set(known === '0' ? ['Events behind', 'Seconds behind'] : []);

for (const [rangeName, range] of Object.entries(ranges)) {
  for (const [scopeName, tenant] of Object.entries(scopes)) {
    const ready = (title, type) => statement(sqlOf(title, type), range, tenant);

    await check(`every panel: ${rangeName}, ${scopeName}`, async () => {
      const started = Date.now();
      let slowest = { took: 0 };
      for (const { title, type, targets } of charts) {
        for (const { rawSql, format } of targets) {
          const begun = Date.now();
          const answer = await rows(statement(rawSql, range, tenant)).catch((error) => {
            throw new Error(`${title}: ${error.message}`);
          });
          const took = Date.now() - begun;
          if (took > slowest.took) slowest = { title, took };
          if (type === 'stat') {
            assert.equal(answer.length, 1, title);
            const [value, ...others] = Object.values(answer[0]);
            assert.deepEqual(others, [], title);
            const unknown = value === null && mayBeUnknown.has(title);
            assert.ok(unknown || typeof value === 'number', `${title}: ${value}`);
          }
          if (format === 'time_series') {
            const times = answer.map(({ time }) => Date.parse(time));
            assert.ok(
              times.every((time) => time >= range.from && time <= range.to),
              `${title}: within the range`,
            );
            assert.ok(
              times.every((time, i) => i === 0 || time > times[i - 1]),
              `${title}: ascending`,
            );
          }
        }
      }
      return `${Date.now() - started} ms, slowest ${slowest.title}: ${slowest.took} ms`;
    });

    await check(`sums: ${rangeName}, ${scopeName}`, async () => {
      // One statement, so that everything in it is of the same moment.
      const minutes = range.to - range.from <= 12 * hour;
      const [table, bucket] = minutes ? ['declared_5min_live', 'minute'] : ['declared_1hr_live', 'hour'];
      const [sums] = await rows(`
        SELECT (SELECT events FROM (${ready('Events', 'stat')}) q) AS tile,
               (SELECT coalesce(sum(events), 0) FROM (${ready('Events', 'timeseries')}) q) AS series,
               (SELECT coalesce(sum(events), 0) FROM (${ready('Event types', 'table')}) q) AS types,
               (SELECT events_per_second FROM (${ready('Events per second', 'stat')}) q) AS rate,
               (SELECT coalesce(sum(event_count), 0) FROM ${table}
                WHERE ${bucket} >= '${rfc3339(range.from)}' AND ${bucket} < '${rfc3339(range.to)}'
                  ${tenant === null ? '' : `AND customer_id = ${tenant}`}) AS expected`);
      assert.equal(sums.tile, sums.expected, 'the tile against the rollup');
      assert.equal(sums.series, sums.tile, 'the series against the tile');
      assert.equal(sums.types, sums.tile, 'the event types against the tile');
      assert.equal(sums.rate > 0, sums.tile > 0);
      if (rangeName === 'an hour in whole buckets') {
        assert.ok(Math.abs(sums.rate * 3600 - sums.tile) <= 1e-6 * sums.tile, 'the rate is of an hour');
      }
      return `${sums.tile} events`;
    });
  }
}

finish();
