// A check with a page of its own.
import assert from 'node:assert/strict';
import { open } from './browser.mjs';
import { check } from './report.mjs';

/**
 * Gives pageCheck(name, path, run, options), which opens a page of the server at `url`. The page must stay free of complaints,
 * unless the options say `mayComplain`; `base` is another server, and the rest is for the browser.
 */
export function checksOf(browser, url) {
  return async (name, path, run, { base = url, mayComplain = false, ...context } = {}) =>
    check(name, async () => {
      const page = await open(browser, base + path, context);
      try {
        const note = await run(page);
        if (!mayComplain) assert.deepEqual(page.complaints, []);
        return note;
      } finally {
        await page.context().close();
      }
    });
}
