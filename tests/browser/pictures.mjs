// Takes the pictures of the documentation, from a demo: scripts/pictures starts both.

import { chromium } from 'playwright-core';
import { base, PHONE, WIDE } from './console.mjs';

const [folder] = process.argv.slice(2);

/** What is shown of each view: where it is, and what must be there before it is shown. */
const SHOWN = {
  live: ['live', '.feed-line'],
  visitor: ['visitor/user1', '.product-card'],
  product: ['products/product105', '.graph'],
  model: ['model', '.slider'],
  system: ['system', 'table'],
};

const browser = await chromium.launch({
  executablePath: process.env.RECSYS_TEST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

/** A page that looks as `options` say; without the guide, unless it is what is shown. */
async function open(options, guide = false) {
  const context = await browser.newContext(options);
  if (!guide) {
    await context.addInitScript(() =>
      localStorage.setItem('recsys.guide', '{"done":[],"dismissed":true}'),
    );
  }
  return context.newPage();
}

const shoot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

for (const [size, viewport] of [['wide', WIDE], ['phone', PHONE]]) {
  for (const colorScheme of ['light', 'dark']) {
    const page = await open({ viewport, colorScheme });
    for (const [name, [view, part]] of Object.entries(SHOWN)) {
      await page.goto(`${base}/#/${view}`);
      await page.locator(part).first().waitFor();
      // Charts are empty at first, and what moves comes to rest.
      await page.waitForTimeout(name === 'live' ? 20_000 : 2_000);
      await shoot(page, `${name}-${size}-${colorScheme}`);
    }
    await page.context().close();
  }
}

// The first minute, as a newcomer has it.
const page = await open({ viewport: WIDE, colorScheme: 'light' }, true);
await page.goto(`${base}/#/live`);
await page.locator('.feed-line').nth(8).waitFor();
await page.waitForTimeout(8_000);
await shoot(page, 'first-minute-1');
await page.goto(`${base}/#/visitor/newcomer`);
await page.locator('.product-card').first().waitFor();
await page.waitForTimeout(1_500);
await shoot(page, 'first-minute-2');
await page.locator('.product-card').nth(2).getByRole('button', { name: /^View/ }).click();
await page.locator('.moved.fresh').waitFor();
await page.waitForTimeout(1_000);
await shoot(page, 'first-minute-3');
await page.goto(`${base}/#/model`);
await page.locator('#weights-purchase').waitFor();
await page.waitForTimeout(1_000);
await page.locator('#blend-trend').focus();
for (let step = 0; step < 8; step += 1) await page.keyboard.press('ArrowLeft');
await page.evaluate(() => scrollTo(0, 0));
await page.waitForTimeout(2_000);
await shoot(page, 'first-minute-4');
await browser.close();
