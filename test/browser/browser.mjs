// What the scripts here share: the server's address, Debian's chromium, and a page that records
// everything that goes wrong in it.
import { chromium } from 'playwright-core';

/** An environment variable that must be there, without a slash at its end. */
export function required(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set; see README.md`);
    process.exit(2);
  }
  return value.replace(/\/$/, '');
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.MILLRACE_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * A page of its own context. `page.complaints` collects messages of the console, exceptions, dialogs,
 * and requests that failed or were answered with an error; nothing of it may happen.
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  // A machine that is busy with other tests takes its time; what is there is not waited for.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.complaints = [];
  const complain = (what) => page.complaints.push(what);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complain(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complain(`exception: ${error.message}`));
  page.on('dialog', (dialog) => {
    complain(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('requestfailed', (request) => {
    // The page closes a stream when it asks for something else. The icon and the names of values come last, and the browser
    // drops them if the page is left before.
    const closed =
      request.failure()?.errorText === 'net::ERR_ABORTED' && /\/api\/stream\/|\/api\/values\?|\/icon\.svg$/.test(request.url());
    if (!closed) complain(`request failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) complain(`answered ${response.status()}: ${response.url()}`);
  });
  await page.goto(url);
  return page;
}

/** The page's figures are there, and of what is asked for. */
export async function loaded(page, view = 'overview') {
  await page.locator(`[data-testid=${view}]`).waitFor();
  if (view === 'overview') await page.locator('[data-testid=overview][aria-busy=false]').waitFor();
}
