// What the tests of the console share: a browser, pages that keep what went wrong, and questions past the page.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';

/** Where the engine is. A test that has none to test would say nothing. */
export const base = (process.env.RECSYS_TEST_URL ?? '').replace(/\/$/, '');
assert.ok(base, 'RECSYS_TEST_URL is the address of a running engine, such as http://127.0.0.1:8080');

export const WIDE = { width: 1400, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Every view, by the part of the address that names it. */
export const VIEWS = [
  'live',
  'visitor',
  'visitor/browser-test',
  'products',
  'products/browser-test-1',
  'model',
  'model/quality',
  'model/learned',
  'model/rules',
  'model/history',
  'system',
];

let browser;

/** Has a browser for all tests of a file, and products and events that their pages can show. */
export function withBrowser() {
  before(async () => {
    browser = await chromium.launch({
      executablePath: process.env.RECSYS_TEST_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    await seed();
  });
  after(() => browser?.close());
}

/**
 * A page of its own storage at `view`. When the test ends, what it logged as an error must be nothing, and no request may have
 * gone elsewhere. `expected` is what of the messages is meant.
 */
export async function open(
  t,
  view,
  { viewport = WIDE, colorScheme = 'light', guide = false, expected, motion = false } = {},
) {
  const reducedMotion = motion ? 'no-preference' : 'reduce';
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion });
  // A guide that was dismissed leaves more room for what a test looks at.
  if (!guide) await context.addInitScript(dismissGuide);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const wrong = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected?.test(message.text())) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(error.stack));
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('data:')) wrong.push(`asked ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  });
  await page.goto(`${base}/#/${view}`);
  await loaded(page);
  return page;
}

function dismissGuide() {
  // A page that could not be loaded has no storage.
  if (location.protocol.startsWith('http')) localStorage.setItem('recsys.guide', '{"done":[],"dismissed":true}');
}

/** Waits until the view is there and no skeleton is left. */
export async function loaded(page) {
  await page.waitForSelector('main .view');
  await page.waitForFunction(() => !document.querySelector('main .skeleton'));
}

/** Asks the engine itself. */
export async function ask(path, options = {}) {
  const headers = options.body ? { 'Content-Type': 'application/json' } : {};
  const response = await fetch(`${base}${path}`, { ...options, headers: { ...headers, ...options.headers } });
  assert.ok(response.ok, `${path}: ${response.status} ${response.ok ? '' : await response.text()}`);
  return response.json();
}

/** A visitor whom nobody else has. */
export function someone() {
  return `browser-test-${Date.now()}-${Math.round(Math.random() * 1e6)}`;
}

export function tell(userId, product, eventType = 'view') {
  return ask('/api/user-behavior?wait=visible', {
    method: 'POST',
    body: JSON.stringify({ eventType, userId, product }),
  });
}

/** The score of a tag in a profile: as Redis has it, if there is one (RECSYS_TEST_REDIS), or else the engine. */
export async function score(user, tag) {
  const redis = process.env.RECSYS_TEST_REDIS;
  if (!redis) return (await ask(`/api/user-profile/${user}`))[tag];
  const { hostname, port } = new URL(redis);
  const socket = connect(Number(port), hostname);
  try {
    socket.write(`HGET user:profile:${user} ${tag}\r\n`);
    const [answer] = await once(socket, 'data');
    // A text with its length before it.
    return Number(answer.toString().split('\r\n')[1]);
  } finally {
    socket.destroy();
  }
}

/** Products that go together, so that there is something to recommend, also in a shop without any. */
async function seed() {
  const rows = Array.from({ length: 14 }, (_, number) => ({
    id: `browser-test-${number + 1}`,
    name: `Tested ${number % 2 ? 'lamp' : 'sneakers'} ${number + 1}`,
    category: 'Tests',
    tags: ['browser-test', number % 2 ? 'lamp' : 'sneakers'],
    price: 10 + number,
  }));
  await ask('/api/products?wait=visible', { method: 'POST', body: JSON.stringify(rows) });
  const events = [];
  for (let visitor = 0; visitor < 6; visitor += 1) {
    for (let step = 0; step < 5; step += 1) {
      events.push({
        eventType: 'view',
        userId: `browser-test-seed-${visitor}`,
        product: rows[(visitor + step * 2) % rows.length].id,
      });
    }
  }
  await ask('/api/user-behavior?wait=visible', { method: 'POST', body: JSON.stringify(events) });
}
