// Acting as a visitor: clicks move the profile and the list, and why-not and forget say what is so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, loaded, open, someone, tell, withBrowser } from './console.mjs';

withBrowser();

const names = (page) => page.locator('.product-card h3').allInnerTexts();

test('a click as a visitor moves the list, the profile and the timeline', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-1');
  const page = await open(t, `visitor/${user}`);
  const before = await names(page);
  const card = page.locator('.product-card').first();
  const product = await card.locator('h3').innerText();
  await card.getByRole('button', { name: /^Buy/ }).click();
  const told = page.locator('.moved.fresh');
  await told.waitFor();
  assert.match(await told.innerText(), /ms|s from click to list/);
  assert.match(await told.innerText(), new RegExp(`bought ${product}`));
  assert.notDeepEqual(await names(page), before);
  assert.match(await page.locator('.timeline').innerText(), new RegExp(product));
  const known = await ask(`/api/users/${user}`);
  assert.equal(known.activity.totals.purchase, 1);
  const shown = await page.getByLabel('Profile, the highest score first').innerText();
  for (const tag of Object.keys(known.profile)) assert.ok(shown.includes(tag), `${tag} is in the profile`);
});

test('what is shown is what the engine answers, in its order', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-2');
  const page = await open(t, `visitor/${user}`);
  const list = await ask(`/api/recommendations/${user}?n=12`);
  const shown = await names(page);
  // Others click as well: the order of the first ones may have changed in between, their names hardly.
  const common = list.filter(({ name, id }) => shown.includes(name || id)).length;
  assert.equal(shown.length, list.length);
  assert.ok(common >= list.length - 3, `${common} of ${list.length} are the same`);
});

test('the page follows what the visitor does elsewhere', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-3');
  const page = await open(t, `visitor/${user}`);
  await tell(user, 'browser-test-4', 'purchase');
  await page.locator('.timeline .purchase').waitFor();
  await page.getByText('lamp', { exact: true }).first().waitFor();
});

test('why-not says what keeps a product out', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-5');
  const page = await open(t, `visitor/${user}`);
  await page.getByRole('button', { name: 'Why not' }).click();
  await page.getByRole('combobox', { name: 'A product' }).fill('browser-test-5');
  await page.getByRole('option', { name: /browser-test-5$/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('It is what the visitor looks at right now.').waitFor();
});

test('a visitor is forgotten once it is confirmed, and the receipt is shown', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-6');
  // Until the rows have left there is no receipt, which the browser logs.
  const page = await open(t, `visitor/${user}`, { expected: /404/ });
  await page.getByRole('button', { name: 'Forget' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await ask(`/api/users/${user}`)).activity.totals.view, 1);
  await page.getByRole('button', { name: 'Forget' }).click();
  await page.getByRole('button', { name: 'Forget them' }).click();
  await page.getByText('Their rows have left all views').waitFor();
  assert.equal((await ask(`/api/users/${user}`)).activity.totals.view, 0);
});

test('by the keyboard alone one gets from the start to a visitor’s list, and saves nothing', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-7');
  const weights = await ask('/api/recommendation/weights');
  const rules = await ask('/api/config/recommendation/rules');
  const page = await open(t, 'live', { guide: true });
  const writes = [];
  page.on(
    'request',
    (request) => request.method() !== 'GET' && !request.url().includes('/api/lab/') && writes.push(request.url()),
  );
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await openPalette(page);
  await page.keyboard.type(user);
  await page.getByRole('option', { name: user }).waitFor();
  await page.keyboard.press('Enter');
  await loaded(page);
  await page.locator('.product-card').first().waitFor();
  // From the heading on, the first button of the first card is reached by the tabulator.
  for (let presses = 0; presses < 60; presses += 1) {
    if (await page.evaluate(() => document.activeElement.matches('.acts button'))) break;
    await page.keyboard.press('Tab');
  }
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^View /);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, 'none', 'the focus is seen');
  // Through the model as well: what has the focus is moved, and nothing is saved.
  await openPalette(page);
  await page.keyboard.type('weights');
  await page.keyboard.press('Enter');
  await page.locator('#weights-view').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByText('Not saved').waitFor();
  assert.deepEqual(writes, []);
  assert.deepEqual(await ask('/api/recommendation/weights'), weights);
  assert.deepEqual(await ask('/api/config/recommendation/rules'), rules);
});

/** A busy machine takes its time until what is typed goes into the palette. */
async function openPalette(page) {
  await page.keyboard.press('Control+k');
  await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox');
}
