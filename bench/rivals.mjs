// Measures one rival for bench/rivals, which calls it: node rivals.mjs ENGINE PACKAGES FOLDER CSV EXPECTED [TYPE]. Prints a line for each
// cell of its column. Status 3: an answer is not what EXPECTED says.
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

const [engine, packages, folder, csv, expected, type] = process.argv.slice(2);
const rounds = Number(process.env.MILLRACE_BENCH_ROUNDS ?? 3);
const require = createRequire(`${packages}/`);
const file = `'${csv.replaceAll("'", "''")}'`;
const columns = (time, integer, text) =>
  Object.entries({ event_time: time, customer_id: integer, event_type: text, country: text, browser: text, device_id: integer, session_id: integer });

// What differs: `ask` gives the first row of an answer. `empty` makes the table anew, `settle` brings it into the form that stays on disk.
const engines = {
  async duckdb() {
    const { DuckDBInstance } = require('@duckdb/node-api');
    const connection = await (await DuckDBInstance.create(`${folder}/events.db`, { threads: '1' })).connect();
    const input = columns('TIMESTAMPTZ', 'BIGINT', 'VARCHAR');
    return {
      ask: async (statement) => (await connection.runAndReadAll(statement)).getRowsJson()[0],
      name: (version) => `DuckDB ${version.replace('v', '')}`,
      empty: ['DROP TABLE IF EXISTS events', 'CHECKPOINT', `CREATE TABLE events (event_id BIGINT, ${input.map((each) => each.join(' '))})`],
      load: `INSERT INTO events SELECT row_number() OVER (), * FROM read_csv(${file}, header = false, auto_detect = false, columns = {${input.map(([name, of]) => `${name}: '${of}'`)}})`,
      settle: 'CHECKPOINT',
      bytes: 'SELECT used_blocks * block_size FROM pragma_database_size()',
      bucket: "time_bucket(INTERVAL '5 minutes', event_time)",
      distinct: 'approx_count_distinct',
    };
  },
  async clickhouse() {
    const { Session } = require('chdb');
    const session = new Session(folder);
    const input = columns("DateTime64(6, 'UTC')", 'Int64', type).map((each) => each.join(' '));
    // The last one would let a question that is asked again skip what it did not need the first time.
    for (const setting of ['max_threads = 1', 'max_insert_threads = 1', 'input_format_parallel_parsing = 0', 'use_query_condition_cache = 0'])
      session.query(`SET ${setting}`);
    session.query('CREATE DATABASE bench');
    session.query('USE bench');
    return {
      ask: (statement) => JSON.parse(session.query(statement, 'JSONCompactEachRow') || '[]'),
      name: (version) => `ClickHouse ${version}, ${type}`,
      empty: ['DROP TABLE IF EXISTS events SYNC', `CREATE TABLE events (event_id Int64, ${input}) ENGINE = MergeTree ORDER BY event_time`],
      load: `INSERT INTO events SELECT rowNumberInAllBlocks() + 1, * FROM file(${file}, CSV, '${`${input}`.replaceAll("'", "''")}') SETTINGS date_time_input_format = 'best_effort'`,
      settle: 'OPTIMIZE TABLE events FINAL',
      bytes: "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench' AND table = 'events'",
      bucket: 'toStartOfFiveMinutes(event_time)',
      distinct: 'uniq',
    };
  },
};

const rival = await engines[engine]();
const [events] = expected.split(' ');
/** Milliseconds of the statement, the median. */
async function time(statement, before = []) {
  const taken = [];
  for (let round = 0; round < rounds; ++round) {
    for (const each of before) await rival.ask(each);
    const start = performance.now();
    await rival.ask(statement);
    taken.push(performance.now() - start);
  }
  return taken.sort((a, b) => a - b)[(rounds - 1) >> 1];
}
const perEvent = (ms) => `${((ms * 1e6) / events).toFixed(1)} ns`;

const five = `SELECT customer_id, event_type, country, browser, ${rival.bucket} AS bucket, count(*) AS n, ${rival.distinct}(device_id) AS devices, ${rival.distinct}(session_id) AS sessions FROM events GROUP BY 1, 2, 3, 4, 5`;
const tenant = 'SELECT count(*), sum(device_id) FROM events WHERE customer_id = 77';
console.log(rival.name((await rival.ask('SELECT version()'))[0]));
console.log('---');
console.log(`${Math.floor((events / (await time(rival.load, rival.empty))) * 1e3)} events/s`);
await rival.ask(rival.settle);
console.log(((await rival.ask(rival.bytes))[0] / events).toFixed(1));
// The groups are counted, not sent. What is not read outside is not computed inside, so the distinct counts are.
console.log(perEvent(await time(`SELECT count(*), sum(n), sum(devices), sum(sessions) FROM (${five}) AS x`)));
console.log(perEvent(await time(`SELECT count(*), sum(n) FROM (${five}) AS x`)));
console.log(perEvent(await time(tenant)));

const [groups, counted] = await rival.ask(`SELECT count(*), sum(n) FROM (${five}) AS x`);
const answer = [counted, groups, ...(await rival.ask(tenant))].map((each) => each ?? 0).join(' ');
if (answer !== expected) {
  console.error(`${engine} ${type}: events, groups, events of the tenant and their sum are ${answer}, and in the file ${expected}`);
  process.exit(3);
}
