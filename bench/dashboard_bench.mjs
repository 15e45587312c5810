// Times `millrace serve` as its clients see it. Called by bench/dashboard; MILLRACE_URL names the server.
import { get as httpGet } from 'node:http';
import { performance } from 'node:perf_hooks';
import { launch, required } from '../test/browser/browser.mjs';

const url = required('MILLRACE_URL');

/** Seconds to get an answer, which must be good, and its text. */
function get(path) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    httpGet(`${url}${path}`, { agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode} ${text}`));
        resolve({ seconds: (performance.now() - start) / 1000, text });
      });
    }).on('error', reject);
  });
}

function show(what, seconds) {
  const sorted = [...seconds].sort((a, b) => a - b);
  const ms = (each) => `${(each * 1000).toFixed(1)} ms`;
  console.log(`${what}: median ${ms(sorted[sorted.length >> 1])}, worst of ${sorted.length} ${ms(sorted.at(-1))}`);
}

// Each question is another one, so that none is answered from what was kept.
async function ask(what, parameters) {
  const seconds = [];
  for (const each of parameters) seconds.push((await get(`/api/overview?${each}`)).seconds);
  show(what, seconds);
}

const iso = (time) => new Date(time).toISOString().slice(0, 19) + 'Z';
const now = Math.floor(Date.now() / 300_000) * 300_000 + 300_000;
const hour = 3_600_000;
const back = (length, i) => `from=${iso(now - length * hour - i * 1000)}&to=${iso(now)}`;
const tenants = JSON.parse((await get('/api/values?limit=100')).text).values.map(({ value }) => value);
const valuesOf = async (dimension) => JSON.parse((await get(`/api/values?dimension=${dimension}`)).text).values.map(({ value }) => value);
const [countries, browsers] = [await valuesOf('country'), await valuesOf('browser')];

await ask('connect and look around', ['span=15m', 'span=2d']);
for (const span of ['1h', '24h']) {
  await ask(`whole page, one tenant, ${span}`, tenants.slice(0, 50).map((tenant) => `tenant=${tenant}&span=${span}`));
}
const some = Array.from({ length: 20 }, (_, i) => i + 1);
await ask('whole page, all tenants, 1h', some.map((i) => back(1, i)));
await ask('whole page, all tenants, 12h by 5 minutes', some.map((i) => back(11.9, i)));
await ask('whole page, all tenants, 24h by the hour', some.map((i) => back(24, i)));

const pairs = countries.flatMap((country) => browsers.map((browser) => `is.country=${country}&is.browser=${browser}`));
for (const [name, length] of [['1h', 1], ['24h by the hour', 24]]) {
  const asked = tenants.slice(0, 50).map((tenant, i) => `tenant=${tenant}&is.country=${countries[i % countries.length]}&${back(length, i)}`);
  await ask(`whole page, two filters: a tenant and a country, ${name}`, asked);
  await ask(`whole page, two filters: a country and a browser, ${name}`, pairs.map((pair, i) => `${pair}&${back(length, i)}`));
}

/** Statements that the dashboard sends in ten seconds, while so many pages are open. */
async function statements(pages) {
  const streams = [];
  for (let i = 0; i < pages; ++i) {
    streams.push(
      await new Promise((resolve, reject) => {
        const request = httpGet(`${url}/api/stream/overview?span=1h`, { agent: false }, (response) => {
          response.resume();
          resolve(request);
        }).on('error', reject);
      }),
    );
  }
  const count = async () => Number(/^millrace_dashboard_statements_total (\d+)/m.exec((await get('/metrics')).text)[1]);
  const before = await count();
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const after = await count();
  for (const stream of streams) stream.destroy();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  return after - before;
}
console.log(`statements in 10 s: ${await statements(1)} with one page open, ${await statements(200)} with 200`);

const browser = await launch();
const paints = [];
for (let i = 0; i < 7; ++i) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/?span=1h`);
  await page.waitForSelector('[data-testid="tile-event_count-value"]');
  paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000));
  await context.close();
}
await browser.close();
show('first paint', paints);
