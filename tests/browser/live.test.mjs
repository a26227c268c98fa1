// What comes by the stream, and what happens when it breaks; and the arithmetic of the page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, base, open, someone, tell, withBrowser } from './console.mjs';

withBrowser();

test('the feed shows what visitors do, as it comes', async (t) => {
  const page = await open(t, 'live');
  const user = someone();
  const first = page.locator('.feed-line').first();
  const text = async () => ((await first.count()) ? first.innerText() : '');
  await page.locator('.connection.open').waitFor();
  const before = await text();
  // In a shop without visitors these are its events; in a busy one the feed is a sample of all.
  for (let tries = 0; tries < 40 && (await text()) === before; tries += 1) {
    await tell(user, `browser-test-${(tries % 10) + 1}`);
    await page.waitForTimeout(200);
  }
  assert.notEqual(await text(), before);
  const shown = await first.locator('a').first().innerText();
  const events = await ask('/api/user-behavior?limit=1000');
  assert.ok(
    events.some(({ userId, sessionId }) => (userId ?? sessionId) === shown),
    `${shown} did something`,
  );
});

test('a pointer over the feed holds it still', async (t) => {
  const page = await open(t, 'live');
  const user = someone();
  await tell(user, 'browser-test-1');
  await page.locator('.feed-line').first().waitFor();
  await page.locator('.feed-box').hover();
  await page.getByText('Paused', { exact: true }).waitFor();
  const held = await page.locator('.feed-line').allInnerTexts();
  await tell(user, 'browser-test-2');
  await page.waitForTimeout(1500);
  const still = await page.locator('.feed-line').allInnerTexts();
  // Names of products may still come; who did it and when may not.
  const who = (lines) => lines.map((text) => text.split('\n')[0]);
  assert.deepEqual(who(still), who(held));
});

test('a stream that breaks is told, and opened again', async (t) => {
  const page = await open(t, 'live', { expected: /ERR_|Failed to load/ });
  await page.locator('.connection.open').waitFor();
  await page.route('**/api/stream*', (route) => route.abort());
  await page.reload();
  await page.locator('.connection.broken').waitFor();
  await page.unroute('**/api/stream*');
  await page.locator('.connection.open').waitFor({ timeout: 30_000 });
});

test('a question that fails shows the engine’s words, and asks again', async (t) => {
  const page = await open(t, 'live', { expected: /503/ });
  const problem = { status: 503, title: 'too busy', details: 'Every worker is under load.' };
  await page.route('**/api/ranking/weights', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
  );
  await page.goto(`${base}/#/model/learned`);
  await page.getByText('Every worker is under load.').waitFor();
  await page.unroute('**/api/ranking/weights');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('What the ranking has learned').waitFor();
});

test('who is not known is asked for a token, which is sent and kept in the tab alone', async (t) => {
  const page = await open(t, 'live', { expected: /401/ });
  const refusal = { status: 401, title: 'not known', details: 'this needs a token' };
  const tokens = [];
  await page.route('**/api/**', async (route) => {
    const token = await route.request().headerValue('authorization');
    tokens.push(token);
    if (token === 'Bearer right')
      return route.continue({ headers: { ...route.request().headers(), authorization: '' } });
    return route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify(refusal) });
  });
  await page.reload();
  await page.getByRole('heading', { name: 'This engine asks who you are' }).waitFor();
  await page.getByRole('textbox', { name: 'Token' }).fill('right');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.locator('.ranked li').first().waitFor();
  assert.ok(tokens.includes('Bearer right'));
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage }).includes('right')), false);
});

test('a right that is missing is named', async (t) => {
  const page = await open(t, 'system', { expected: /403/ });
  const refusal = {
    status: 403,
    title: 'not allowed',
    details: 'the token shop has the scope read, which does not suffice',
  };
  await page.route('**/api/admin/checkpoint', (route) =>
    route.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify(refusal) }),
  );
  await page.getByRole('button', { name: 'Write one now' }).click();
  await page.getByText('This needs the right “admin”.').waitFor();
});

test('moves between lists, quantiles of histograms and pictures are as they should be', async (t) => {
  const page = await open(t, 'live');
  const found = await page.evaluate(async () => {
    const { movesBetween } = await import('/console/moves.js');
    const { parseMetrics, quantile, routes } = await import('/console/metrics.js');
    const { hash } = await import('/console/pictures.js');
    const { glyphOf } = await import('/console/glyphs.js');
    const { ruleInWords, ruleState } = await import('/console/words.js');
    const ids = (text) => Array.from(text, (id) => ({ id }));
    const moves = movesBetween(ids('abcd'), ids('cabe'));
    const text =
      'x_total{a="1\\"2",b="c"} 4\nhttp_request_duration_ms_bucket{method="GET",route="/a",status_code="200",le="1"} 3\n' +
      'http_request_duration_ms_bucket{method="GET",route="/a",status_code="200",le="+Inf"} 4\nhttp_request_duration_ms_count{method="GET",route="/a",status_code="200"} 4\n';
    return {
      up: moves.up.map(({ product, by }) => `${product.id}${by}`),
      down: moves.down.map(({ product, by }) => `${product.id}${by}`),
      in: moves.in.map(({ product }) => product.id),
      out: moves.out.map(({ product }) => product.id),
      labels: parseMetrics(text)[0].labels,
      route: routes(parseMetrics(text))[0],
      median: quantile(
        new Map([
          [10, 50],
          [20, 100],
          [Infinity, 100],
        ]),
        0.75,
      ),
      hashes: [hash('product1'), hash('product1'), hash('product2')],
      glyphs: ['constructor', 'toString', '__proto__'].map((tag) => glyphOf({ tags: [tag] }) ?? null),
      rule: ruleInWords({ action: 'boost', factor: 2, tag: 'shoes', placement: 'home' }),
      over: ruleState({ action: 'hide', until: 1_700_000_000 }, Date.UTC(2026, 0, 1)),
    };
  });
  assert.deepEqual(found.up, ['c2']);
  assert.deepEqual(found.down, ['a1', 'b1']);
  assert.deepEqual(found.in, ['e']);
  assert.deepEqual(found.out, ['d']);
  assert.deepEqual(found.labels, { a: '1"2', b: 'c' });
  assert.deepEqual([found.route.route, found.route.count, found.route.p99], ['/a', 4, 1]);
  assert.equal(found.median, 15);
  assert.equal(found.hashes[0], found.hashes[1]);
  assert.notEqual(found.hashes[0], found.hashes[2]);
  assert.deepEqual(found.glyphs, [null, null, null]);
  assert.equal(found.rule, 'Boost products with the tag “shoes” on “home”, score × 2');
  assert.equal(found.over, 'over');
});
