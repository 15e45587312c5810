// Compares the page in a browser with its database. Sends events of two tenants of its own; nobody else
// may send events while it runs. README.md says what it needs.
//
//   node page.mjs [GROUP...]    only some of them: navigation filters time panels views families look live
import { launch, required } from './browser.mjs';
import { copyEvents } from './database.mjs';
import { checksOf } from './page-check.mjs';
import { familyTests } from './page-families.mjs';
import { filterTests } from './page-filters.mjs';
import { lookTests } from './page-look.mjs';
import { liveTests } from './page-live.mjs';
import { navigationTests } from './page-navigation.mjs';
import { panelTests } from './page-panels.mjs';
import { timeTests } from './page-time.mjs';
import { viewTests } from './page-views.mjs';
import { finish } from './report.mjs';

const url = required('MILLRACE_URL');
const emptyUrl = process.env.MILLRACE_EMPTY_URL?.replace(/\/$/, '');

/** Tenants that nobody has otherwise; new ones for each run, so that one can be repeated. */
const first = 900_000_000 + (Math.floor(Date.now() / 1000) % 90_000_000);
const tenants = { one: String(first), two: String(first + 1) };

/** Values that would be something else if they were not taken as text. */
const odd = {
  event_type: ['<script>alert(1)</script>', '=1+1', '@SUM(A1)', 'a "quoted", text'],
  country: ['"><img src=x onerror=alert(1)>', '(unknown)', null],
};

function events(tenant, number) {
  const types = ['page_view', 'page_view', 'page_view', 'click', 'purchase', ...odd.event_type];
  const countries = ['DE', 'DE', 'US', 'FR', 'XQ', ...odd.country];
  const browsers = ['Firefox', 'Chrome', 'Chrome', 'Safari', null];
  return Array.from({ length: number }, (_, i) => ({
    seconds: (i * 600) / number,
    customer_id: tenant,
    event_type: types[(i * 7) % types.length],
    country: countries[(i * 5) % countries.length],
    browser: browsers[(i * 3) % browsers.length],
    // A few devices with many events, many with few.
    device_id: i % 3 === 0 ? 1 + (i % 20) : 1000 + (i % 400),
    session_id: 5000 + (i % 900),
  }));
}

await copyEvents([...events(tenants.one, 3000), ...events(tenants.two, 500)]);

const browser = await launch();

const pageCheck = checksOf(browser, url);
const setting = { browser, url, emptyUrl, tenants, odd, pageCheck };
const groups = {
  navigation: navigationTests,
  filters: filterTests,
  time: timeTests,
  panels: panelTests,
  views: viewTests,
  families: familyTests,
  look: lookTests,
  live: liveTests,
};
const wanted = process.argv.slice(2);
try {
  for (const [name, run] of Object.entries(groups)) {
    if (wanted.length === 0 || wanted.includes(name)) await run(setting);
  }
} finally {
  await browser.close();
}
finish();
