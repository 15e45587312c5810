// Tests the HTTP server with clients that are wrong, slow, many or hostile.
//
//   MILLRACE_URL=http://127.0.0.1:8080 node http.mjs
import assert from 'node:assert/strict';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, finish } from './report.mjs';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";
const CRLF = '\r\n';
const KB = 1024;

function addressOf(name) {
  const url = new URL(process.env[name]);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

if (!process.env.MILLRACE_URL) {
  console.error('MILLRACE_URL is not set; see README.md');
  process.exit(2);
}
const server = addressOf('MILLRACE_URL');

/** A connection that remembers what came and when it ended, and never throws. */
class Client {
  constructor(to = server) {
    this.chunks = [];
    this.size = 0;
    this.answers = null;
    this.started = Date.now();
    this.socket = net.connect({ ...to, noDelay: true });
    this.connected = new Promise((done) => {
      this.socket.once('connect', () => done(true));
      this.socket.once('error', () => done(false));
    });
    this.closed = false;
    this.ended = new Promise((done) => {
      this.socket.once('close', () => {
        this.closed = true;
        this.lasted = Date.now() - this.started;
        done();
      });
    });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => {
      this.chunks.push(chunk);
      this.size += chunk.length;
    });
  }
  send(bytes) {
    if (!this.closed && this.socket.writable) this.socket.write(bytes);
  }
  get bytes() {
    return Buffer.concat(this.chunks);
  }
  /** Until the server closes, `enough` is true, or the time is over; then the client hangs up. */
  async finish(time = 5000, enough = () => false) {
    const until = Date.now() + time;
    let seen = -1;
    while (!this.closed && Date.now() < until) {
      if (this.size !== seen) {
        seen = this.size;
        if (enough(this.bytes)) break;
      }
      await Promise.race([this.ended, sleep(5)]);
    }
    this.closedByServer = this.closed;
    this.destroy();
    return this;
  }
  destroy() {
    this.socket.destroy();
  }
}

/** The answers in what came: status, headers in lower case (of two values an array), body. */
function parse(bytes, heads = false) {
  const answers = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end < 0) break;
    const [line, ...fields] = bytes.subarray(at, end).toString('latin1').split(CRLF);
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(line);
    assert.ok(match, `not a status line: ${JSON.stringify(line.slice(0, 100))}`);
    const headers = {};
    for (const field of fields) {
      const colon = field.indexOf(':');
      assert.ok(colon > 0, `not a header: ${field}`);
      const name = field.slice(0, colon).toLowerCase();
      const value = field.slice(colon + 1).trim();
      headers[name] = name in headers ? [headers[name], value].flat() : value;
    }
    at = end + 4;
    const answer = { status: Number(match[1]), headers, complete: true };
    const length = Number(headers['content-length'] ?? 0);
    if (heads || answer.status === 100) {
      answer.body = '';
    } else if (headers['transfer-encoding'] === 'chunked') {
      answer.body = bytes.subarray(at).toString();
      answer.complete = false;
      at = bytes.length;
    } else {
      answer.complete = at + length <= bytes.length;
      answer.body = bytes.subarray(at, at + length).toString();
      at += length;
    }
    answers.push(answer);
  }
  return answers;
}

const whole = (count, heads) => (bytes) => {
  try {
    const answers = parse(bytes, heads);
    return answers.length >= count && (answers[count - 1].complete || answers[count - 1].body.includes('\n\n'));
  } catch {
    return true;
  }
};

const host = `${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`;

/** A request's text. `fields`: lines of headers; Host is put before them unless it is false. */
function request(path = '/', fields = [], { method = 'GET', withHost = true } = {}) {
  const lines = [`${method} ${path} HTTP/1.1`, ...(withHost ? [`Host: ${host}`] : []), ...fields];
  return lines.join(CRLF) + CRLF + CRLF;
}

/** Sends bytes on a connection of their own; the answers. */
async function talk(bytes, { time = 5000, count = 1, to = server, heads = false } = {}) {
  const client = new Client(to);
  client.send(bytes);
  await client.finish(time, whole(count, heads));
  return { answers: parse(client.bytes, heads), closed: client.closedByServer, client };
}

async function get(path, fields = [], options = {}) {
  const bytes = request(path, fields, options);
  const { answers } = await talk(bytes, { ...options, heads: options.method === 'HEAD' });
  assert.ok(answers.length > 0, `${path}: no answer`);
  return answers[0];
}

/** That the server is well: a page and an answer from the database, within two seconds. */
async function alive(to = server, fields = []) {
  const start = Date.now();
  for (const path of ['/', '/api/overview']) {
    const { status, body } = await get(path, fields, { to, time: 2000 });
    assert.equal(status, 200, `${path} afterwards: ${status === 200 ? '' : body.slice(0, 200)}`);
  }
  const took = Date.now() - start;
  assert.ok(took < 2000, `an ordinary request took ${took} ms`);
  return took;
}

function assertHeaders({ headers, status }, what) {
  const say = (text) => `${what} (${status}): ${text}`;
  assert.equal(headers['content-security-policy'], POLICY, say('Content-Security-Policy'));
  assert.equal(headers['x-content-type-options'], 'nosniff', say('X-Content-Type-Options'));
  assert.equal(headers['x-frame-options'], 'DENY', say('X-Frame-Options'));
  assert.equal(headers['referrer-policy'], 'no-referrer', say('Referrer-Policy'));
  for (const name of ['server', 'x-powered-by', 'exception_what']) {
    assert.equal(headers[name], undefined, say(`has ${name}`));
  }
  assert.equal(headers['access-control-allow-origin'], undefined, say('is for other sites'));
  for (const [name, value] of Object.entries(headers)) {
    assert.ok(!Array.isArray(value), say(`two of ${name}`));
  }
  if (/^application\/json/.test(headers['content-type'] ?? '')) {
    assert.equal(headers['cache-control'], 'no-store', say('Cache-Control of JSON'));
  }
}

/** An error: its headers, and a body as the document has it. */
function assertError(answer, statuses, what) {
  assert.ok([statuses].flat().includes(answer.status), `${what}: answered ${answer.status}, not ${statuses}`);
  assertHeaders(answer, what);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json\b/, `${what}: type`);
  if (!answer.complete || answer.body === '') return;
  const { error } = JSON.parse(answer.body);
  assert.equal(typeof error.code, 'string', `${what}: code`);
  assert.equal(typeof error.message, 'string', `${what}: message`);
}

/** An error, or a hang-up without one. */
function assertRefused({ answers, closed }, what) {
  if (answers.length === 0) {
    assert.ok(closed, `${what}: neither answered nor closed`);
    return 'closed';
  }
  assert.ok(answers[0].status >= 400 && answers[0].status < 500, `${what}: answered ${answers[0].status}`);
  assertHeaders(answers[0], what);
  return String(answers[0].status);
}

const some = async (count, make) => Promise.all(Array.from({ length: count }, (_, i) => make(i)));

await check('the server is there', () => alive().then((ms) => `${ms} ms`));

// ---- Host and Origin

for (const path of ['/', '/app.js', '/api/overview', '/api/stream/overview', '/metrics', '/nowhere']) {
  await check(`Host and Origin, ${path}`, async () => {
    const good = path === '/nowhere' ? 404 : 200;
    const ask = async (...fields) => get(path, fields, { withHost: false });
    assertError(await ask(), 403, 'no Host');
    for (const name of [
      'evil.example',
      `evil.example:${server.port}`,
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'evil.example:127.0.0.1',
      '127.0.0.2',
      '0.0.0.0',
      '[::2]',
      'localhost, evil.example',
      'user@localhost',
      'localhost..',
      'localhost:x',
      'localhost:99999',
      'local host',
      '[::1',
      '[::1]x',
      '[localhost]',
      '::1',
      '',
    ]) {
      assertError(await ask(`Host: ${name}`), [403, 400], `Host: ${name}`);
    }
    assertError(await ask(`Host: ${host}`, 'Host: evil.example'), 403, 'right and wrong Host');
    assertError(await ask('Host: evil.example', `Host: ${host}`), 403, 'wrong and right Host');
    assertError(await ask(`Host: ${host}`, `Host: ${host}`), 403, 'Host twice');
    // Names are compared as DNS names and addresses are: case, a dot at the end and zeros do not matter.
    const sameNames = ['LOCALHOST', 'LocalHost', 'localhost.', 'LOCALHOST.', '127.0.0.1.'];
    const sameAddresses = ['[0:0:0:0:0:0:0:1]', '[::0001]', '[0000:0000:0000:0000:0000:0000:0000:0001]'];
    for (const name of ['localhost', '127.0.0.1', '[::1]', ...sameNames, ...sameAddresses]) {
      for (const port of ['', ':', `:${server.port}`]) {
        assert.equal((await ask(`Host: ${name}${port}`)).status, good, `Host: ${name}${port}`);
      }
    }
    const from = async (origin) => get(path, [`Origin: ${origin}`]);
    for (const origin of [
      'http://evil.example',
      'https://evil.example',
      'null',
      `http://${host}.evil.example`,
      `http://evil.example/${host}`,
      `http://${server.host}:1`,
      'file://',
      host,
    ]) {
      assertError(await from(origin), 403, `Origin: ${origin}`);
    }
    assert.equal((await from(`http://${host}`)).status, good, 'own Origin');
    assert.equal((await from(`https://${host}`)).status, good, 'own Origin behind TLS');
    for (const [name, origin] of [
      ['LOCALHOST:8080', 'http://localhost:8080'],
      ['localhost:8080', 'HTTP://LocalHost:8080'],
      ['localhost.', 'http://localhost'],
      ['localhost', 'http://localhost:80'],
      ['localhost:443', 'https://localhost'],
      ['[::1]:8080', 'http://[0:0:0:0:0:0:0:1]:8080'],
    ]) {
      assert.equal((await ask(`Host: ${name}`, `Origin: ${origin}`)).status, good, `${origin} of ${name}`);
    }
    for (const [name, origin] of [
      ['localhost:8080', 'http://localhost'],
      ['localhost', 'https://localhost:80'],
      ['localhost', 'http://localhost/'],
      ['localhost', 'http://127.0.0.1'],
      ['localhost', 'ftp://localhost'],
      ['localhost', 'http://user@localhost'],
    ]) {
      assertError(await ask(`Host: ${name}`, `Origin: ${origin}`), 403, `${origin} of ${name}`);
    }
    assertError(await ask(`Host: ${host}`, `Origin: http://${host}`, 'Origin: http://evil.example'), 403, 'two of Origin');
  });
}

// ---- Methods and paths

await check('other methods', async () => {
  for (const method of ['POST', 'DELETE']) {
    assertError(await get('/api/views?name=x&query=y', [], { method }), 403, `${method} without the header`);
    assertError(await get('/api/views?name=x&query=y', ['X-Millrace: 1', 'Origin: http://evil.example'], { method }), 403, `${method} of another site`);
  }
  assertError(await get('/api/views', ['X-Millrace: 1'], { method: 'PUT' }), 405, 'PUT');
  for (const path of ['/', '/api/overview', '/api/stream/overview', '/metrics']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT', 'PRI']) {
      const answer = await get(path, [], { method });
      assertError(answer, [405, 400], `${method} ${path}`);
      assert.ok(!answer.body.includes('TRACE'), 'the request is not in the answer');
    }
    for (const method of ['get', 'GETS', 'FOO', 'G\0T', 'PROPFIND', 'A'.repeat(5000), '\xff\xfe']) {
      assertRefused(await talk(request(path, [], { method })), `${JSON.stringify(method.slice(0, 20))} ${path}`);
    }
  }
  for (const override of ['X-HTTP-Method-Override: DELETE', 'X-HTTP-Method: PUT']) {
    assert.equal((await get('/api/overview', [override])).status, 200, 'a method in a header means nothing');
  }
});

await check('HEAD', async () => {
  for (const path of ['/', '/app.js', '/api/overview', '/metrics', '/nowhere', '/api/stream/overview']) {
    const client = new Client();
    client.send(request(path, ['Connection: close'], { method: 'HEAD' }));
    await client.finish(3000);
    assert.ok(client.closedByServer, `${path}: not closed`);
    const end = client.bytes.indexOf('\r\n\r\n');
    assert.equal(end + 4, client.size, `${path}: has a body`);
    const [answer] = parse(client.bytes, true);
    assert.equal(answer.status, path === '/nowhere' ? 404 : 200, path);
    assertHeaders(answer, path);
  }
});

await check('paths that are not ours', async () => {
  for (const path of [
    '/../etc/passwd',
    '/%2e%2e/etc/passwd',
    '/..%2fetc%2fpasswd',
    '/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '/..\\..\\etc\\passwd',
    '//etc/passwd',
    '///app.js',
    '/app.js%00',
    '/app.js%00.html',
    '/app.js/',
    '/app.js/..',
    '/./app.js',
    '/api/../app.js',
    '/app.js.map',
    '/.git/config',
    '/index.html/..',
    '/appXjs',
    '/APP.JS',
    '/api/overview/',
    '/api/overview%0a',
    '/api/overview%20',
    '/%',
    '/%zz',
    '/%ff%fe',
    '/%u0041',
    '/%c0%ae%c0%ae/etc/passwd',
    '/;/',
    '/*',
    '*',
    'http://evil.example/',
    'etc/passwd',
    '/api/stream/../../etc/passwd',
  ]) {
    assertError(await get(path), [404, 400], path);
  }
  assert.equal((await get('/app%2ejs')).status, 200, 'escapes are what they stand for');
});

await check('long paths, and NUL bytes', async () => {
  for (const length of [8200, 20 * KB, 60 * KB, 200 * KB, 2000 * KB]) {
    const long = 'a'.repeat(length);
    for (const path of [`/${long}`, `/?x=${long}`, `/api/overview?${long}`, `/${'%41'.repeat(length / 3)}`]) {
      assertRefused(await talk(request(path)), `a path of ${path.length} bytes`);
    }
  }
  assertError(await get(`/${'a/'.repeat(3900)}`), 404, 'a path of many folders');
  for (const bytes of [
    request('/\0'),
    request('/app.js\0.html'),
    request('/', ['X-Nul: a\0b', 'Origin: http://evil.example']),
    `${'\0'.repeat(1000)}\r\n\r\n`,
    `\0${request('/')}`,
    'GET / HTTP/1.1\r\n\0\r\n\r\n',
  ]) {
    assertRefused(await talk(bytes), JSON.stringify(bytes.slice(0, 60)));
  }
});

await check('parameters', async () => {
  for (const parameters of [
    'span=1h&span=24h',
    'zone=UTC&zone=GMT',
    'is.customer_id=x',
    'is.=1',
    'null.country=1',
    'nonsense=1',
    'Tenant=1',
    '%ff=1',
    '%ff%fe%00=%80',
    'tenant=%ff',
    'tenant=%80%81',
    'tenant=1%00',
    'tenant=%00',
    'tenant=%',
    'tenant=%zz',
    'tenant=1%0d%0aX:y',
    'span=%f0%28%8c%28',
    'span=1h%00',
    'from=%ff&to=%ff',
    'from=2026-01-31T12:00:00Z',
    'from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00Z&span=1h',
    'from=9999-12-31T23:00:00-23:59&to=1970-01-01T00:00:00Z',
    'tenant=9223372036854775808',
    'tenant=-9223372036854775809',
    'tenant=1;DROP+TABLE+events',
    "tenant=1'--",
    'tenant=1e3',
    'token=x',
    '__proto__=1',
    '=1',
  ]) {
    for (const path of ['/api/overview', '/api/stream/overview']) {
      assertError(await get(`${path}?${parameters}`), 400, `${path}?${parameters}`);
    }
  }
  for (const [path, parameters] of [
    ['/api/values', 'limit=0'],
    ['/api/values', 'limit=201'],
    ['/api/values', 'limit=99999999999999999999'],
    ['/api/values', 'limit=1&limit=2'],
    ['/api/values', 'limit=-1'],
    ['/api/values', "dimension='"],
    ['/api/values', 'dimension=%ff'],
    ['/api/values', 'search=' + 'x'.repeat(201)],
    ['/api/overview', 'is.country=%ff'],
    ['/api/overview', 'is.country=%00'],
    ['/api/views', 'x=1'],
    ['/api/operations', 'x=1'],
    ['/api/stream/operations', 'x=%ff'],
    ['/metrics', 'x=%ff'],
  ]) {
    assertError(await get(`${path}?${parameters}`), 400, `${path}?${parameters}`);
  }
  for (const parameters of [
    'from=9999-12-31T23:00:00-23:59&to=9999-12-31T23:59:59-23:59',
    'from=1970-01-01T00:00:00Z&to=1970-12-31T00:00:00Z',
    'tenant=-9223372036854775808',
  ]) {
    assert.equal((await get(`/api/overview?${parameters}`)).status, 200, parameters);
  }
});

// ---- Sizes

await check('a header line of 100 kB', async () => {
  const said = assertRefused(await talk(request('/', [`X-Long: ${'a'.repeat(100 * KB)}`])), 'long line');
  await alive();
  return said;
});

await check('headers without end are cut off at 64 kB', async () => {
  const client = new Client();
  client.send(`GET / HTTP/1.1${CRLF}Host: ${host}${CRLF}`);
  let sent = 0;
  while (!client.closed && sent < 1000 * KB) {
    const piece = `X-Endless-${sent}: ${'a'.repeat(1000)}${CRLF}`;
    client.send(piece);
    sent += piece.length;
    await sleep(2);
  }
  await client.finish(1000);
  assert.ok(client.closedByServer, `not closed after ${sent} bytes`);
  assert.ok(sent < 200 * KB, `closed after ${sent} bytes only`);
  assert.ok(parse(client.bytes).length <= 1, 'one answer at most');
  await alive();
  return `${Math.round(sent / KB)} kB`;
});

await check('more headers than 64 kB at once', async () => {
  const fields = Array.from({ length: 3000 }, (_, i) => `X-${i}: ${'b'.repeat(30)}`);
  const result = await talk(request('/', fields), { count: 2, time: 3000 });
  assertRefused(result, 'many headers');
  assert.equal(result.answers.length <= 1, true, 'what is left of them is not a request');
  assert.ok(result.closed, 'closed');
});

const bodies = {
  'Content-Length, 1 MB': [['Content-Length: 1048576'], 'x'.repeat(1048576)],
  'Content-Length that is too long': [['Content-Length: 100'], 'x'],
  'Content-Length that is too short': [['Content-Length: 1'], 'xGET /nowhere HTTP/1.1\r\n\r\n'],
  'Content-Length 0': [['Content-Length: 0'], ''],
  'negative Content-Length': [['Content-Length: -1'], 'x'],
  'huge Content-Length': [['Content-Length: 18446744073709551615'], 'x'],
  'huger Content-Length': [['Content-Length: 99999999999999999999999999'], 'x'],
  'Content-Length of letters': [['Content-Length: ten'], 'x'],
  'two of Content-Length': [['Content-Length: 1', 'Content-Length: 2'], 'xx'],
  'chunked': [['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
  'chunked, huge chunk': [['Transfer-Encoding: chunked'], 'ffffffffffffffff\r\nhello'],
  'chunked, odd chunk': [['Transfer-Encoding: chunked'], 'zz\r\nhello\r\n0\r\n\r\n'],
  'Content-Length and Transfer-Encoding': [['Content-Length: 4', 'Transfer-Encoding: chunked'], '0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n'],
  'Transfer-Encoding and Content-Length': [['Transfer-Encoding: chunked', 'Content-Length: 30'], '0\r\n\r\n'],
  'Transfer-Encoding: xchunked': [['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
  'Transfer-Encoding twice': [['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], '0\r\n\r\n'],
  'Transfer-Encoding with a space': [['Transfer-Encoding : chunked'], '0\r\n\r\n'],
  'Expect: 100-continue': [['Expect: 100-continue', 'Content-Length: 10'], ''],
  'a form': [['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 8'], 'tenant=1'],
  'multipart': [['Content-Type: multipart/form-data; boundary=b', 'Content-Length: 60'], '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'],
};

for (const [name, [fields, body]] of Object.entries(bodies)) {
  await check(`a body: ${name}`, async () => {
    const result = await talk(request('/', fields, { method: 'POST' }) + body, { time: 3000 });
    const said = assertRefused(result, 'POST');
    const client = new Client();
    client.send(request('/', fields) + body);
    await client.finish(3000, whole(1));
    const answers = parse(client.bytes);
    assert.ok(
      client.closedByServer || answers.length > 0,
      'GET with it: neither answered nor closed',
    );
    assert.ok(answers.every(({ status }) => status < 500), 'GET with it: no error of the server');
    assert.equal((await get('/')).status, 200, 'the next request, on another connection');
    return said;
  });
}

await check('what follows a body is no request of its own', async () => {
  const hidden = request('/api/openapi.json?hidden=1');
  for (const method of ['GET', 'POST', 'HEAD', 'DELETE']) {
    for (const fields of [
      [`Content-Length: ${hidden.length}`],
      [`Content-Length: 0`, `Content-Length: ${hidden.length}`],
      ['Transfer-Encoding: chunked'],
      ['Content-Length: 5', 'Transfer-Encoding: chunked'],
      ['transfer-encoding: gzip, chunked'],
      [`Content-Length : ${hidden.length}`],
    ]) {
      const client = new Client();
      client.send(request('/', fields, { method }) + hidden);
      await client.finish(700);
      const count = client.bytes.toString('latin1').split('HTTP/1.1 ').length - 1;
      assert.ok(count <= 1, `${method} with ${fields.join(', ')}: answered ${count} times`);
      assert.ok(client.closedByServer, `${method} with ${fields.join(', ')}: goes on`);
    }
  }
});

await check('what follows a request that was none is none either', async () => {
  for (const bytes of ['FOO / HTTP/1.1\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', request('/', [`X: ${'a'.repeat(9000)}`])]) {
    const client = new Client();
    client.send(bytes + request('/'));
    await client.finish(700);
    const count = client.bytes.toString('latin1').split('HTTP/1.1 ').length - 1;
    assert.ok(count <= 1, `${JSON.stringify(bytes.slice(0, 30))}: answered ${count} times`);
    assert.ok(client.closedByServer, `${JSON.stringify(bytes.slice(0, 30))}: goes on`);
  }
});

await check('a chunked body without end', async () => {
  const client = new Client();
  client.send(request('/', ['Transfer-Encoding: chunked'], { method: 'POST' }));
  let sent = 0;
  const until = Date.now() + 15_000;
  while (!client.closed && Date.now() < until) {
    client.send(`400\r\n${'c'.repeat(1024)}\r\n`);
    sent += KB;
    await sleep(2);
  }
  await client.finish(1000);
  assert.ok(client.closedByServer, `not closed after ${sent} bytes`);
  assert.ok(sent < 1000 * KB, `closed after ${sent} bytes only`);
  await alive();
});

await check('ranges do not multiply an answer', async () => {
  const size = Number((await get('/app.js')).headers['content-length']);
  for (const range of [
    `bytes=${'0-,'.repeat(2600)}0-`,
    `bytes=${'0-0,'.repeat(2000)}0-0`,
    'bytes=0-99999999999999999999',
    'bytes=-99999999999999999999',
    'bytes=5-1',
    'bytes=-',
    `bytes=0-${size * 2}`,
    `bytes=${size + 1}-${size + 2}`,
    'pages=1-2',
  ]) {
    for (const path of ['/app.js', '/api/overview', '/api/stream/overview']) {
      const client = new Client();
      client.send(request(path, [`Range: ${range}`, 'Connection: close']));
      await client.finish(path.includes('stream') ? 500 : 4000, (bytes) => bytes.length > 3 * size + KB * 1000);
      assert.ok(client.size > 0, `${path}, ${range.slice(0, 30)}: no answer`);
      assert.ok(client.size < 2 * size + KB * 1000, `${path}, ${range.slice(0, 30)}: ${client.size} bytes and more`);
      const [{ status }] = parse(client.bytes);
      assert.ok(status === 200 || status === 206 || status === 416, `${path}, ${range.slice(0, 30)}: ${status}`);
    }
  }
  await alive();
});

// ---- Connections

await check('requests in a row, and at once, on one connection', async () => {
  const paths = ['/', '/nowhere', '/api/overview', '/app.js', '/api/operations', '/'];
  const expected = paths.map((path) => (path === '/nowhere' ? 404 : 200));
  const piped = await talk(paths.map((path) => request(path)).join(''), { count: paths.length });
  assert.deepEqual(piped.answers.map(({ status }) => status), expected, 'at once');
  const client = new Client();
  for (let i = 0; i < 50; ++i) {
    client.send(request(paths[i % paths.length]));
    const until = Date.now() + 5000;
    while (!client.closed && Date.now() < until && !whole(i + 1)(client.bytes)) await sleep(1);
    assert.ok(!client.closed, `closed after ${i} requests`);
  }
  await client.finish(0);
  const statuses = parse(client.bytes).map(({ status }) => status);
  assert.deepEqual(statuses, Array.from({ length: 50 }, (_, i) => expected[i % expected.length]), 'in a row');
  for (const how of ['Connection: close', 'Connection: Close']) {
    const closing = await talk(request('/', [how]) + request('/'), { count: 2, time: 1500 });
    assert.equal(closing.answers.length, 1, `${how}: one answer`);
    assert.ok(closing.closed, `${how}: closed`);
    assert.equal(closing.answers[0].headers.connection, 'close', `${how}: said so`);
  }
  const old = await talk(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`, { count: 2, time: 1500 });
  assert.equal(old.answers[0].status, 200, 'HTTP/1.0');
  assert.ok(old.closed, 'HTTP/1.0: closed');
});

await check('headers of every kind of answer', async () => {
  for (const [path, fields, status] of [
    ['/', [], 200],
    ['/app.js', [], 200],
    ['/app.css', [], 200],
    ['/icon.svg', [], 200],
    ['/api/overview', [], 200],
    ['/api/operations', [], 200],
    ['/api/values', [], 200],
    ['/api/openapi.json', [], 200],
    ['/api/stream/overview', [], 200],
    ['/metrics', [], 200],
    ['/nowhere', [], 404],
    ['/api/nowhere', [], 404],
    ['/api/overview?x=1', [], 400],
    ['/', ['Origin: null'], 403],
    ['/api/overview', ['Origin: null'], 403],
  ]) {
    const answer = await get(path, fields);
    assert.equal(answer.status, status, path);
    assertHeaders(answer, path);
    if (path === '/metrics' || path.startsWith('/api/')) {
      assert.equal(answer.headers['cache-control'], 'no-store', `${path}: Cache-Control`);
    }
  }
});

/** What /metrics says. */
async function metric(name) {
  const { status, body } = await get('/metrics');
  assert.equal(status, 200, `/metrics: ${body.slice(0, 200)}`);
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(body)[1]);
}

/** Statements in five seconds with so many streams. */
async function statements(count) {
  const streams = await some(count, async () => {
    const client = new Client();
    client.send(request('/api/stream/overview?span=2d'));
    return client;
  });
  await sleep(1500);
  const before = await metric('millrace_dashboard_statements_total');
  await sleep(5000);
  const grown = (await metric('millrace_dashboard_statements_total')) - before;
  const open = streams.filter((client) => !client.closed && client.size > 0).length;
  streams.forEach((client) => client.destroy());
  assert.equal(open, count, 'all streams had something');
  return grown;
}

await check('200 streams ask the database no more than one', async () => {
  const one = await statements(1);
  const many = await statements(200);
  assert.ok(many <= 2 * one + 30, `one: ${one}, 200: ${many}`);
  return `${one} statements in 5 s, and ${many}`;
});

await check('200 streams that are never read', async () => {
  const streams = await some(200, async () => {
    const client = new Client();
    client.socket.pause();
    client.send(request('/api/stream/overview'));
    return client;
  });
  let slowest = 0;
  for (let i = 0; i < 5; ++i) {
    slowest = Math.max(slowest, await alive());
    await sleep(1000);
  }
  streams.forEach((client) => client.destroy());
  return `${slowest} ms`;
});

await check('vanished clients leave no connections behind', async () => {
  for (let i = 0; i < 10; ++i) {
    const clients = await some(100, async (k) => {
      const client = new Client();
      await client.connected;
      client.send(request(['/api/stream/overview', '/api/overview', '/app.js', '/'][k % 4]).slice(0, k % 2 ? 20 : undefined));
      await sleep(k % 20);
      k % 3 === 0 ? client.socket.resetAndDestroy() : client.destroy();
      return client;
    });
    await Promise.all(clients.map((client) => client.ended));
  }
  const until = Date.now() + 5000;
  let left;
  do {
    await sleep(200);
    left = await metric('millrace_dashboard_connections');
  } while (left > 10 && Date.now() < until);
  assert.ok(left <= 10, `${left} connections are open`);
  assert.ok((await metric('millrace_dashboard_watchers')) <= 5, 'nobody watches');
});

/** Connections that are to be closed by the server, while others are served. */
async function slow(count, feed) {
  const clients = await some(count, async (i) => {
    const client = new Client();
    assert.ok(await client.connected, 'cannot connect');
    client.started = Date.now();
    client.index = i;
    return client;
  });
  const timers = clients.map((client) => (feed ? setInterval(() => feed(client), 1000) : null));
  let slowest = 0;
  try {
    const until = Date.now() + 18_000;
    while (Date.now() < until && clients.some((client) => !client.closed)) {
      slowest = Math.max(slowest, await alive());
      await sleep(500);
    }
    const open = clients.filter((client) => !client.closed).length;
    assert.equal(open, 0, `${open} of ${count} are still open after 18 s`);
    const last = Math.max(...clients.map((client) => client.lasted));
    return `closed within ${(last / 1000).toFixed(1)} s; others waited ${slowest} ms at most`;
  } finally {
    timers.forEach((timer) => clearInterval(timer));
    clients.forEach((client) => client.destroy());
  }
}

await check('500 clients that send a byte of a header a second', () => {
  const text = `GET / HTTP/1.1${CRLF}Host: ${host}${CRLF}X-Slow: ${'z'.repeat(1000)}`;
  return slow(500, (client) => {
    // Half of them have sent their line already.
    client.at ??= client.index % 2 ? 0 : 40;
    if (client.at === 40) client.send(text.slice(0, 40));
    client.send(text[client.at++]);
  });
});

await check('500 clients that send a header line a second', () =>
  slow(500, (client) => {
    client.send(client.begun ? `X-Slow: 1${CRLF}` : `GET / HTTP/1.1${CRLF}Host: ${host}${CRLF}`);
    client.begun = true;
  }),
);

await check('500 clients that send nothing', () => slow(500, null));

// ---- Garbage

await check('2,000 requests of garbage', async () => {
  const seed = Number(process.env.MILLRACE_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed: ${seed} (MILLRACE_SEED)`);
  let state = seed >>> 0;
  const random = (below) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
  const pick = (list) => list[random(list.length)];
  const noise = (length) => Buffer.from(Array.from({ length }, () => random(256)));
  const good = [
    request('/'),
    request('/api/overview?tenant=1&span=24h'),
    request('/api/overview?from=2026-01-31T12:00:00Z&to=2026-01-31T13:00:00%2B01:00'),
    request('/api/values?search=1&limit=10', ['Cookie: a=b; millrace_token=x', 'Authorization: Bearer x']),
    request('/api/stream/operations', ['Accept: text/event-stream', 'Last-Event-ID: 7']),
    request('/metrics', ['Range: bytes=0-10', 'Accept-Encoding: gzip, br']),
    request('/', ['Content-Type: multipart/form-data; boundary=x', 'Content-Length: 3'], { method: 'POST' }) + 'abc',
    request('/app.js', ['If-None-Match: "x"', 'Connection: keep-alive, Upgrade', 'Upgrade: h2c']),
  ].map((text) => Buffer.from(text));
  const words = ['\r\n', '\n', '\r', '\0', '%', '%00', '%ff', '&', '=', '?', '#', ':', ' ', '\t', ';', ',', '"', '../',
    'HTTP/1.1', 'HTTP/0.9', 'Host: ', 'Content-Length: -1', 'Transfer-Encoding: chunked', '\r\n\r\n', '-1', '18446744073709551616',
    'A'.repeat(9000), '\xff'.repeat(50), '0'.repeat(400)].map((text) => Buffer.from(text, 'latin1'));
  const make = () => {
    if (random(5) === 0) return noise(1 + random(3000));
    let bytes = pick(good);
    for (let n = 1 + random(6); n > 0; --n) {
      const at = random(bytes.length + 1);
      const cut = random(3) === 0 ? random(30) : 0;
      const put = [() => pick(words), () => noise(1 + random(8)), () => Buffer.alloc(0), () => bytes.subarray(random(bytes.length))][random(4)]();
      bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(Math.min(bytes.length, at + cut))]);
      if (bytes.length === 0) bytes = noise(1);
    }
    return bytes;
  };
  const requests = Array.from({ length: 2000 }, make);
  const statuses = {};
  let next = 0;
  await some(40, async () => {
    while (next < requests.length) {
      const number = next++;
      const client = new Client();
      assert.ok(await client.connected, `request ${number}: cannot connect`);
      client.send(requests[number]);
      await client.finish(250, (bytes) => bytes.includes('\r\n\r\n'));
      const status = client.size === 0 ? 'none' : /^HTTP\/1\.1 (\d{3}) /.exec(client.bytes.toString('latin1'))?.[1];
      statuses[status] = (statuses[status] ?? 0) + 1;
      assert.ok(
        ['none', '100', '200', '206', '400', '403', '404', '405', '414', '416', '417'].includes(status),
        `request ${number}: answered ${status}; ${JSON.stringify(requests[number].toString('latin1').slice(0, 300))}`,
      );
    }
  });
  await alive();
  return Object.entries(statuses).map(([status, count]) => `${status}: ${count}`).join(', ');
});

// ---- The token

if (!process.env.MILLRACE_TOKEN_URL || !process.env.MILLRACE_TOKEN) {
  console.log('skipped: the token (MILLRACE_TOKEN_URL and MILLRACE_TOKEN are not set)');
} else {
  const to = addressOf('MILLRACE_TOKEN_URL');
  const token = process.env.MILLRACE_TOKEN;
  const ask = (path, ...fields) => get(path, fields, { to });
  // The page's own files have nothing secret: /app.js, /app.css and /icon.svg.
  const paths = ['/', '/api/overview', '/api/values', '/api/operations',
    '/api/stream/overview', '/api/stream/operations', '/api/openapi.json', '/metrics', '/nowhere'];
  const wrong = ['', 'x', token.slice(0, -1), `${token}x`, `${token}${token}`, ` ${token}x`, token.slice(1), '\xff'.repeat(token.length),
    token.toUpperCase() === token ? token.toLowerCase() : token.toUpperCase(), 'a'.repeat(5000)];

  await check('no token, no answer', async () => {
    for (const path of paths) {
      const answer = await ask(path);
      assertError(answer, 401, path);
      assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/, `${path}: WWW-Authenticate`);
      assert.equal(answer.headers['set-cookie'], undefined);
      assertError(await ask(path, 'Authorization: Basic YTpi'), 401, `${path}, Basic`);
      assertError(await ask(path, `Authorization: ${token}`), 401, `${path}, without Bearer`);
      assertError(await ask(path, `Authorization: Bearer${token}`), 401, `${path}, Bearer without a space`);
      assertError(await ask(path, `X-Token: ${token}`), 401, `${path}, in another header`);
      for (const each of wrong) {
        assertError(await ask(path, `Authorization: Bearer ${each}`), 401, `${path}, Bearer ${each.slice(0, 40)}`);
        assertError(await ask(path, `Cookie: millrace_token=${each}`), 401, `${path}, cookie ${each.slice(0, 40)}`);
      }
      assertError(await ask(path, `Cookie: xmillrace_token=${token}`), 401, `${path}, another cookie`);
      assertError(await ask(path, `Cookie: a="millrace_token=${token}"`), 401, `${path}, in a cookie`);
    }
    const { answers } = await talk(request('/', [], { method: 'POST' }), { to });
    assertError(answers[0], [401, 405], 'POST');
  });

  await check('the token', async () => {
    for (const path of paths) {
      const expected = path === '/nowhere' ? 404 : 200;
      for (const field of [
        `Authorization: Bearer ${token}`,
        `Authorization: bearer  ${token}`,
        `Cookie: millrace_token=${token}`,
        `Cookie: a=b; millrace_token=${token}; c=d`,
        `Cookie: a=b;millrace_token=${token}`,
      ]) {
        const answer = await ask(path, field);
        assert.equal(answer.status, expected, `${path}, ${field.slice(0, 20)}`);
        assertHeaders(answer, path);
      }
      const behind = await ask(path, 'Authorization: Basic YTpi', `Cookie: millrace_token=${token}`);
      assert.equal(behind.status, expected, `${path}: our cookie, behind a proxy that asks for a password`);
      assertError(await ask(path, `Cookie: millrace_token=${token}`, 'Origin: http://evil.example'), 403, `${path}: another site`);
      assertError(await ask(path, `Cookie: millrace_token=${token}`, 'Origin: null'), 403, `${path}: no site`);
    }
    await alive(to, [`Authorization: Bearer ${token}`]);
  });

  await check('the token in the address', async () => {
    for (const [query, location] of [
      [`token=${token}`, '/'],
      [`token=${token}&tenant=1`, '/?tenant=1'],
      [`tenant=1&token=${token}`, '/?tenant=1'],
    ]) {
      const answer = await ask(`/?${query}`);
      assert.equal(answer.status, 303, query);
      assert.equal(answer.headers.location, location);
      const [cookie, ...attributes] = answer.headers['set-cookie'].split('; ');
      assert.equal(cookie, `millrace_token=${token}`);
      for (const each of ['HttpOnly', 'SameSite=Strict', 'Path=/']) assert.ok(attributes.includes(each), each);
      assertHeaders(answer, query);
      assert.equal(answer.headers['cache-control'], 'no-store', 'an answer with a cookie is not kept');
      assert.ok(!answer.body.includes(token), 'not in the body');
    }
    for (const each of wrong) {
      const answer = await ask(`/?token=${encodeURIComponent(each)}`);
      assertError(answer, 401, `?token=${each.slice(0, 40)}`);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    assertError(await ask(`/?Token=${token}`), 401, '?Token=');
    assertError(await ask(`/api/overview?token=${token}`), 401, 'not in the address of an answer');
  });

  await check('nothing gets out of the Location', async () => {
    for (const parameters of [
      'x=%0d%0aSet-Cookie:evil=1',
      'x=%0aSet-Cookie:evil=1',
      '%0d%0aSet-Cookie:evil=1',
      'x=%E5%98%8D%E5%98%8ASet-Cookie:evil=1',
      'x=%250d%250aSet-Cookie:evil=1',
      'x=%00%0d%0a%0d%0a<script>',
      'x=//evil.example',
      '/evil.example',
      'x=%ff%fe',
      'x=a b',
    ]) {
      const { answers } = await talk(request(`/?token=${token}&${parameters}`), { to });
      assert.equal(answers.length, 1, parameters);
      const [{ status, headers }] = answers;
      if (status === 400) continue;
      assert.equal(status, 303, parameters);
      assert.match(headers.location, /^\/(\?[\w%.~!*'()=&+-]*)?$/, `${parameters}: ${headers.location}`);
      assert.match(headers['set-cookie'], /^millrace_token=/, parameters);
    }
    for (const path of [`//evil.example/?token=${token}`, `/%2f%2fevil.example/?token=${token}`]) {
      assertError(await ask(path), 401, path);
    }
  });
}

finish();
// Sockets that are still closing must not keep this process running.
setTimeout(() => process.exit(), 1000).unref();
