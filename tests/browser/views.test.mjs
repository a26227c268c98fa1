// Every view: it loads, fits, is no blank page, and everybody can use it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { base, loaded, open, PHONE, VIEWS, WIDE, withBrowser } from './console.mjs';

withBrowser();

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const [size, viewport] of [
  ['wide', WIDE],
  ['phone', PHONE],
]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`every view fits and is accessible: ${size}, ${colorScheme}`, async (t) => {
      const page = await open(t, VIEWS[0], { viewport, colorScheme });
      for (const view of VIEWS) {
        await page.goto(`${base}/#/${view}`);
        await loaded(page);
        await t.test(view, async () => {
          await isWhole(page);
          await isPainted(page);
          await isAccessible(page);
        });
      }
    });
  }
}

test('the page may run its own scripts alone', async () => {
  const response = await fetch(`${base}/`);
  const policy = response.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.doesNotMatch(policy, /unsafe/);
});

test('an address that names no view shows the first one', async (t) => {
  const page = await open(t, 'nowhere/at-all');
  assert.equal(await page.locator('nav[aria-label="Views"] [aria-current="page"]').innerText(), 'Live');
});

test('names of strangers are text', async (t) => {
  const id = '"><img src=x onerror=document.title=666>/..?&%';
  const page = await open(t, `visitor/${encodeURIComponent(id)}`);
  await page.getByRole('heading', { name: id, exact: true }).waitFor();
  await page.goto(`${base}/#/products?q=${encodeURIComponent(id)}`);
  await loaded(page);
  assert.equal(await page.locator('img[src="x"]').count(), 0);
  assert.doesNotMatch(await page.title(), /666/);
});

test('the theme follows the system until it is chosen, and the choice is kept', async (t) => {
  const page = await open(t, 'live', { colorScheme: 'dark' });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), 'dark');
  await page.getByRole('button', { name: 'Switch to light colours' }).click();
  assert.equal(await theme(), 'light');
  await page.reload();
  await loaded(page);
  assert.equal(await theme(), 'light');
});

/** The landmarks are there and in sight, and nothing is wider than the page. */
async function isWhole(page) {
  const found = await page.evaluate(() => ({
    surplus: document.documentElement.scrollWidth - window.innerWidth,
    headings: document.querySelectorAll('main h1').length,
    boxes: ['nav[aria-label="Views"]', 'main'].map((landmark) => {
      const { top, bottom, left, right, width } = document.querySelector(landmark).getBoundingClientRect();
      return {
        landmark,
        inside: width > 100 && top < window.innerHeight && bottom > 0 && left >= 0 && right <= window.innerWidth + 1,
      };
    }),
  }));
  assert.ok(found.surplus <= 0, `it scrolls sideways by ${found.surplus}`);
  assert.equal(found.headings, 1, 'one first heading');
  for (const { landmark, inside } of found.boxes) assert.ok(inside, `${landmark} is in sight`);
}

/** A screenshot has many colours; a blank page, or one without its stylesheet, has few. */
async function isPainted(page) {
  const shot = `data:image/png;base64,${(await page.screenshot()).toString('base64')}`;
  // The picture is looked at in an empty page, as the console's policy is its own.
  const canvas = await page.context().newPage();
  const colours = await canvas.evaluate(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const { width, height } = image;
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.drawImage(image, 0, 0);
    const seen = new Set();
    const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    for (const pixel of pixels) seen.add(pixel);
    return seen.size;
  }, shot);
  await canvas.close();
  assert.ok(colours > 200, `it has ${colours} colours`);
}

async function isAccessible(page) {
  await page.evaluate(`${axe};0`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const grave = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join('\n  ')}`);
  assert.deepEqual(grave, []);
}
