// Access to the page's database through psql. PG* variables say which database, or a connection string
// in MILLRACE_CONNINFO.
import { spawn } from 'node:child_process';

/** Runs psql and gives what it prints. `input` is its standard input. */
function psql(options, { input = '', conninfo = process.env.MILLRACE_CONNINFO } = {}) {
  const where = conninfo ? ['-d', conninfo] : [];
  return new Promise((resolve, reject) => {
    const child = spawn('psql', ['-X', '-v', 'ON_ERROR_STOP=1', ...where, ...options]);
    let [out, errors, first] = ['', '', 0];
    child.stdout.on('data', (data) => {
      first ||= Date.now();
      out += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve({ out, first });
      else reject(new Error(`psql: ${errors.trim()}`));
    });
    // A psql that has all its statements may have ended by now.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Runs statements and gives what they print, unaligned. */
export async function run(sql, options = {}) {
  return (await psql(['-Atq', '-c', sql], options)).out.trim();
}

/** The rows of a SELECT as objects. */
export async function rows(select) {
  return JSON.parse(await run(`SELECT coalesce(json_agg(r), '[]') FROM (${select}) r`));
}

/** What statements print as CSV: a header and rows, all as text, null as the character NULL's sign. */
export async function asCsv(sql) {
  return parseCsv((await psql(['-q', '--csv', '-P', 'null=\u2400', '-c', sql])).out);
}

export const quote = (text) => `'${text.replaceAll("'", "''")}'`;

function csvField(value) {
  return value === null ? '' : `"${String(value).replaceAll('"', '""')}"`;
}

/**
 * Events into the table by one COPY. Resolves to when its commit was reported. `seconds` is how long
 * ago an event was.
 */
export async function copyEvents(events) {
  const columns = [
    'event_time',
    'customer_id',
    'event_type',
    'country',
    'browser',
    'device_id',
    'session_id',
  ];
  const now = Date.now();
  const lines = events.map(({ seconds, ...event }) => {
    const timed = { ...event, event_time: new Date(now - seconds * 1000).toISOString() };
    return columns.map((column) => csvField(timed[column])).join(',');
  });
  const copy = `COPY events (${columns.join(', ')}) FROM STDIN (FORMAT csv)`;
  return (await psql(['-At', '-c', copy], { input: `${lines.join('\n')}\n` })).first;
}

/** RFC 4180, as a reader of such files would take it. */
export function parseCsv(text) {
  const all = [];
  let row = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') {
        field += '"';
        i += 1;
      } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') {
      row.push(field);
      field = '';
    } else if (c === '\n') {
      all.push([...row, field.replace(/\r$/, '')]);
      row = [];
      field = '';
    } else field += c;
  }
  return all;
}
