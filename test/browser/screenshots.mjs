// Pictures of the page, for the documentation: overview light and dark, operations.
//
//   MILLRACE_URL=http://127.0.0.1:8080 node screenshots.mjs FOLDER
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, loaded, open, required } from './browser.mjs';

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node screenshots.mjs FOLDER');
  process.exit(2);
}
const url = required('MILLRACE_URL');
mkdirSync(folder, { recursive: true });

const pictures = [
  { name: 'overview-light', view: 'overview', colorScheme: 'light' },
  { name: 'overview-dark', view: 'overview', colorScheme: 'dark' },
  { name: 'operations', view: 'operations', colorScheme: 'light' },
];

const browser = await launch();
try {
  for (const { name, view, colorScheme } of pictures) {
    const page = await open(browser, `${url}/?view=${view}&span=24h`, { colorScheme });
    await loaded(page, view);
    // The sparkline of incoming events needs some time to get its points.
    await page.waitForTimeout(view === 'operations' ? 12_000 : 1_000);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await page.context().close();
    console.log(`ok: ${join(folder, `${name}.png`)}`);
  }
} finally {
  await browser.close();
}
