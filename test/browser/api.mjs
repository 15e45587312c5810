// Checks the API's answers against its document: every GET endpoint with several parameters, the first
// events of the streams, and errors.
//
//   MILLRACE_URL=http://127.0.0.1:8080 node api.mjs
import assert from 'node:assert/strict';
import { required } from './browser.mjs';
import { check, finish } from './report.mjs';
import { document, faultsOf } from './schema.mjs';

const url = required('MILLRACE_URL');

async function get(path) {
  const answer = await fetch(url + path, { signal: AbortSignal.timeout(30_000), redirect: 'manual' });
  const type = answer.headers.get('content-type') ?? '';
  return { status: answer.status, headers: answer.headers, type, text: await answer.text() };
}

async function getJson(path, schema, status = 200) {
  const answer = await get(path);
  assert.equal(answer.status, status, `${path}: ${answer.text.slice(0, 200)}`);
  assert.match(answer.type, /^application\/json\b/);
  const body = JSON.parse(answer.text);
  assert.equal(faultsOf(schema, body), null);
  return body;
}

/** The first event of a stream, and that the connection stays open after it. */
async function firstEvent(path) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 20_000);
  try {
    const answer = await fetch(url + path, { signal: stop.signal });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream\b/);
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of answer.body) {
      text += decoder.decode(chunk, { stream: true });
      for (const block of text.split(/\r?\n\r?\n/).slice(0, -1)) {
        const lines = block.split(/\r?\n/);
        const data = lines
          .filter((line) => line.startsWith('data:'))
          .map((line) => line.slice(5).trimStart());
        if (data.length === 0) continue;
        const name =
          lines
            .find((line) => line.startsWith('event:'))
            ?.slice(6)
            .trim() ?? 'message';
        return { name, data: JSON.parse(data.join('\n')) };
      }
    }
    throw new Error('the stream ended without an event');
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

const hour = 3_600_000;
const ago = (hours) => new Date(Date.now() - hours * hour).toISOString();
const query = (parameters) => new URLSearchParams(parameters).toString();

const first = JSON.parse((await get('/api/values?limit=1')).text);
const tenant = first.values?.[0]?.value ?? '1';

const lengths = { '15m': 0.25, '1h': 1, '24h': 24, '48h': 48, '2d': 48, '7d': 168 };
const good = [
  {},
  ...Object.keys(lengths).map((span) => ({ span })),
  { tenant },
  { tenant, span: '24h' },
  { tenant: '-1' },
  { tenant: '9223372036854775807', span: '7d' },
  { from: ago(3), to: ago(1) },
  { from: ago(24 * 30), to: ago(0), tenant },
  { from: '2001-01-01T00:00:00Z', to: '2001-01-01T00:05:00Z' },
  { from: '2001-01-01T01:30:00+01:30', to: '2001-01-01T02:35:00+01:30' },
  { span: '24h', compare: 'none' },
  { span: '24h', compare: 'week', zone: 'America/St_Johns' },
  { span: '1h', compare: '2026-01-01T00:00:00Z' },
  { span: '24h', bucket: '15m' },
  { span: '30d', zone: 'Australia/Lord_Howe' },
  ...['today', 'yesterday', 'week', 'last-week', 'month', 'last-month', 'year', 'last-year'].map((span) => ({
    span,
    zone: 'Asia/Kathmandu',
  })),
  { span: '24h', 'is.country': 'DE', 'not.browser': "O'Neil\\" },
  { span: '24h', column: 'session_distinct_count' },
  { span: '24h', 'null.country': 'not', sort: 'session_distinct_count' },
];

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);

for (const parameters of good) {
  await check(`overview ${query(parameters)}`, async () => {
    const answer = await getJson(`/api/overview?${query(parameters)}`, 'Overview');
    const [from, to] = [Date.parse(answer.from), Date.parse(answer.to)];
    const step = answer.bucket_seconds * 1000;
    const filters = answer.filters.filter(({ dimension }) => dimension === answer.family.tenant);
    assert.deepEqual(
      filters.flatMap(({ values }) => values),
      parameters.tenant === undefined ? [] : [parameters.tenant],
    );
    const ranked = answer.breakdowns.some(({ dimension }) => dimension === answer.family.tenant);
    assert.equal(ranked, parameters.tenant === undefined, 'tenants are ranked unless one is asked for');
    assert.ok(from <= to && from % 300_000 === 0, 'from a whole bucket');
    assert.ok(to <= Date.parse(answer.generated_at) + 1000 || parameters.to, 'not in the future');
    if (parameters.from) {
      assert.ok(
        from <= Date.parse(parameters.from) && to >= Date.parse(parameters.to),
        'widened, not narrowed',
      );
    } else if (lengths[parameters.span ?? '1h'] && !parameters.zone) {
      const asked = lengths[parameters.span ?? '1h'] * hour;
      assert.ok(to - from <= asked && to - from > asked - 2 * step, `a span of ${(to - from) / hour} h`);
    }
    const times = answer.trend.rows.map((row) => Date.parse(row.time));
    assert.ok(
      times.every((time, i) => i === 0 || time > times[i - 1]),
      'the trend ascends',
    );
    assert.ok(
      answer.trend.rows.every((row) => Date.parse(row.end) > from && Date.parse(row.time) <= to),
      'at buckets of the span',
    );
    const place = answer.trend.columns.indexOf('event_count');
    const tile = answer.tiles.rows.find(({ measure }) => measure === 'event_count');
    assert.equal(sumOf(answer.trend.rows.map(({ values }) => values[place])), tile.value, 'the trend adds up');
    if (answer.compare && answer.bucket !== 'month') {
      assert.equal(
        sumOf(answer.trend.rows.map(({ before }) => before[place])),
        tile.before,
        'so does that of the other period',
      );
    }
    for (const { dimension, columns, rows } of answer.breakdowns) {
      const sort = columns.indexOf(parameters.sort ?? 'event_count');
      assert.ok(
        rows.every(({ values }, i) => i === 0 || values[sort] <= rows[i - 1].values[sort]),
        `${dimension}: most first`,
      );
      assert.ok(rows.length <= 50, `${dimension}: not too many`);
    }
    for (const { rows } of answer.tops) assert.ok(rows.length <= 10);
  });
}

for (const parameters of [
  {},
  { search: '' },
  { search: '1' },
  { search: '-' },
  { limit: '1' },
  { search: tenant, limit: '200' },
  { dimension: 'country' },
  { dimension: 'browser', search: 'FIRE' },
]) {
  await check(`values ${query(parameters)}`, async () => {
    const answer = await getJson(`/api/values?${query(parameters)}`, 'Values');
    const search = (parameters.search ?? '').toLowerCase();
    assert.ok(answer.values.length <= Number(parameters.limit ?? 50));
    assert.ok(answer.values.every(({ value }) => value.toLowerCase().includes(search)));
    if (parameters.search === tenant) assert.ok(answer.values.some(({ value }) => value === tenant));
    if (parameters.search === 'FIRE') assert.ok(answer.values.length > 0);
  });
}

await check('operations', async () => {
  await getJson('/api/operations', 'Operations');
});

await check('openapi.json is the document', async () => {
  assert.deepEqual(JSON.parse((await get('/api/openapi.json')).text), document);
});

await check('metrics', async () => {
  const { status, type, text } = await get('/metrics');
  assert.equal(status, 200);
  assert.match(type, /^text\/plain\b/);
  const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? (-?[0-9.eE+-]+|NaN|[+-]Inf)( [0-9]+)?$/;
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(lines.length > 0, 'no metric');
  for (const line of lines) assert.match(line, sample);
});

await check('stream overview', async () => {
  const { name, data } = await firstEvent(`/api/stream/overview?tenant=${tenant}&span=24h`);
  assert.equal(name, 'overview');
  assert.equal(faultsOf('Overview', data), null);
  assert.deepEqual(data.filters[0].values, [tenant]);
});

await check('stream operations', async () => {
  const { name, data } = await firstEvent('/api/stream/operations');
  assert.equal(name, 'operations');
  assert.equal(faultsOf('Operations', data), null);
});

const bad = [
  { tenant: 'abc' },
  { tenant: '1;DROP TABLE events' },
  { tenant: '9223372036854775808' },
  { span: '3x' },
  { span: '0h' },
  { span: '-1h' },
  { span: '' },
  { span: '99999999d' },
  { span: '90d', bucket: '5m' },
  { bucket: '7m' },
  { zone: 'Nowhere/Land' },
  { zone: "'" },
  { compare: 'ever' },
  { sort: 'nothing' },
  { sort: 'top_devices_1000' },
  { column: 'nothing' },
  { 'is.nothing': '1' },
  { 'null.country': 'maybe' },
  { 'is.customer_id': 'x' },
  { from: 'yesterday', to: ago(0) },
  { from: ago(1) },
  { to: ago(1) },
  { from: ago(1), to: ago(2) },
  { from: ago(24 * 1200), to: ago(0) },
];
for (const parameters of bad) {
  for (const path of ['/api/overview', '/api/stream/overview']) {
    await check(`400: ${path} ${query(parameters)}`, async () => {
      const { error } = await getJson(`${path}?${query(parameters)}`, 'Error', 400);
      assert.equal(error.code, 'bad_request');
      assert.notEqual(error.message, '');
    });
  }
}
for (const parameters of [{ dimension: 'nothing' }, { limit: '0' }, { limit: '201' }, { limit: 'x' }]) {
  await check(`400: values ${query(parameters)}`, async () => {
    const { error } = await getJson(`/api/values?${query(parameters)}`, 'Error', 400);
    assert.equal(error.code, 'bad_request');
  });
}

for (const path of ['/api/nothing', '/api/', '/nothing', '/app.js/', '/etc/passwd']) {
  await check(`404: ${path}`, async () => {
    const { error } = await getJson(path, 'Error', 404);
    assert.equal(error.code, 'not_found');
  });
}

await check('the page may load nothing from elsewhere and nothing inline', async () => {
  const { status, headers, text } = await get('/');
  assert.equal(status, 200);
  const policy = headers.get('content-security-policy') ?? '';
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
  ]) {
    assert.ok(policy.includes(part), `${part} is not in: ${policy}`);
  }
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.doesNotMatch(text, /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|https?:/i);
});

finish();
