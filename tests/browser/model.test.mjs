// The model and the rules: a preview changes nothing, what is saved is in force, and nobody's change is written over.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, base, loaded, open, score, someone, tell, withBrowser } from './console.mjs';

withBrowser();

const PATH = '/api/config/recommendation/weights';
const before = await ask('/api/recommendation/weights');

after(() => ask(PATH, { method: 'PUT', body: JSON.stringify(before) }));

/** Waits until the engine answers so: a setting is in force a moment after it was stored. */
async function comes(path, wanted) {
  for (let tries = 0; ; tries += 1) {
    const value = await ask(path);
    if (wanted(value)) return value;
    assert.ok(tries < 50, `${path} stays ${JSON.stringify(value)}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

test('a preview changes nothing, and what is saved is in force', async (t) => {
  const user = someone();
  await tell(user, 'browser-test-1', 'purchase');
  const page = await open(t, 'model');
  await page.getByRole('searchbox', { name: 'Compare for a visitor' }).fill(user);
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: `Preview for ${user}` }).waitFor();
  const wanted = before.purchase + 7.5;
  await page.getByRole('spinbutton', { name: 'A purchase, as a number' }).fill(String(wanted));
  await page.getByText('Not saved').waitFor();
  await loaded(page);
  assert.equal((await ask('/api/recommendation/weights')).purchase, before.purchase);
  await page.getByRole('button', { name: 'Save for all visitors' }).click();
  await page.getByText('Saved: all visitors get').waitFor();
  const { purchase } = await comes('/api/recommendation/weights', (now) => now.purchase === wanted);
  assert.equal(purchase, wanted);
  // The profile was one purchase, wherever the shop reads it.
  for (let tries = 0; (await score(user, 'browser-test')) !== wanted; tries += 1) {
    assert.ok(tries < 50, 'the profile has the new weight');
    await new Promise((done) => setTimeout(done, 100));
  }
});

test('a change that was overtaken is not saved over the other', async (t) => {
  // The refusal is logged by the browser.
  const page = await open(t, 'model', { expected: /412/ });
  await page.getByRole('spinbutton', { name: 'A view, as a number' }).fill(String(before.view + 2));
  const theirs = { ...before, add_to_cart: before.add_to_cart + 1.5 };
  await ask(PATH, { method: 'PUT', body: JSON.stringify(theirs) });
  await comes('/api/recommendation/weights', (now) => now.add_to_cart === theirs.add_to_cart);
  await page.getByRole('button', { name: 'Save for all visitors' }).click();
  await page.getByText('Somebody was faster.').waitFor();
  assert.deepEqual(await ask('/api/recommendation/weights'), theirs);
  await page.getByRole('button', { name: 'Load what holds now' }).click();
  await page.waitForFunction(
    (value) => document.querySelector('[aria-label="Into the cart, as a number"]')?.value === value,
    String(theirs.add_to_cart),
  );
});

test('a product is hidden, shown with its rule, and no longer hidden', async (t) => {
  const rules = () => ask('/api/config/recommendation/rules');
  const others = (await rules()).length;
  const page = await open(t, 'products/browser-test-9');
  await page.getByRole('button', { name: 'Hide', exact: true }).click();
  await page.getByRole('button', { name: 'Put in force' }).click();
  await page.getByText('Hide browser-test-9').waitFor();
  const now = await rules();
  assert.deepEqual(
    now.filter(({ product }) => product === 'browser-test-9').map(({ action }) => action),
    ['hide'],
  );
  assert.equal(now.length, others + 1);
  const why = await ask(`/api/recommendations/${someone()}/why/browser-test-9`);
  assert.ok(
    why.obstacles.some(({ type }) => type === 'hidden'),
    JSON.stringify(why.obstacles),
  );
  await page.getByRole('button', { name: 'Remove the rule hide-browser-test-9' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText('No rule is for this product.').waitFor();
  assert.equal((await rules()).length, others);
});

test('a product tells how often it was touched, and a rule how often it has hit', async (t) => {
  const path = '/api/config/recommendation/rules';
  const others = await ask(path);
  const product = `browser-test-${someone()}`;
  const name = `boost-${product}`;
  await tell(someone(), product);
  await tell(someone(), product, 'purchase');
  const rule = { id: name, action: 'boost', factor: 2, product };
  await ask(path, { method: 'PUT', body: JSON.stringify([...others, rule]) });
  t.after(() => ask(path, { method: 'PUT', body: JSON.stringify(others) }));
  // The catalogue does not have it.
  const page = await open(t, `products/${product}`, { expected: /404/ });
  const number = (of) => page.locator('.facts-row div', { hasText: of }).locator('dd').innerText();
  await page.getByText(/^All of it was on /).waitFor();
  assert.deepEqual(await Promise.all(['Views', 'Carts', 'Purchases'].map(number)), ['1', '0', '1']);
  await comes('/api/trending?n=1000', (shown) =>
    shown.some(({ reasons }) => reasons.some((reason) => reason.rule === name)),
  );
  await page.goto(`${base}/#/model/rules`);
  await page.getByRole('listitem').filter({ hasText: name }).getByText(/hit [1-9]\d* times/).waitFor();
});

test('a change is in the history, and can be undone', async (t) => {
  const held = await ask('/api/recommendation/weights');
  const changed = { ...held, view: held.view + 0.25 };
  await ask(PATH, { method: 'PUT', body: JSON.stringify(changed) });
  await comes('/api/recommendation/weights', (now) => now.view === changed.view);
  const page = await open(t, 'model/history');
  await page.getByText(`view: ${held.view} → ${changed.view}`).first().waitFor();
  await page.getByRole('button', { name: 'Undo' }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo' }).click();
  await comes('/api/recommendation/weights', (now) => now.view === held.view);
});

test('a search finds products by what their names begin with, page after page', async (t) => {
  const page = await open(t, 'products');
  await page.getByRole('searchbox', { name: /Search products/ }).fill('tested lam');
  await page.getByRole('heading', { name: '“tested lam”' }).waitFor();
  await loaded(page);
  const found = await ask('/api/products?q=tested+lam&n=24');
  const shown = await page.locator('.found tbody a').allInnerTexts();
  assert.deepEqual(
    shown,
    found.products.map(({ name }) => name),
  );
  assert.match(page.url(), /q=tested/);
});
