// Names, tags and prices of products, asked for once each, a few at a time.

import { get, segment } from './api.js';
import { store } from './store.js';
import { useEffect, useState } from './vendor/htm-preact.js';

const AT_ONCE = 4;
const MOST_WAITING = 60;
const KEPT = 4000;

/** By id: a product, or null while nothing is known of it. */
const known = new Map();
const waiting = [];
const asked = new Set();
const changed = store(0);
let underway = 0;

/** Keeps what an answer told of products. */
export function remember(products) {
  let news = false;
  for (const product of products ?? []) {
    const before = known.get(product.id);
    if (before?.name && product.available === undefined) continue;
    known.set(product.id, { ...before, ...product, reasons: undefined, score: undefined });
    news = true;
  }
  while (known.size > KEPT) known.delete(known.keys().next().value);
  if (news) changed.set((before) => before + 1);
  return products;
}

/** What is known of a product; at least its id. */
export function productOf(id) {
  return known.get(id) ?? { id, name: '', category: '', tags: [] };
}

/** Its name, or else its id. */
export function nameOf(id) {
  return known.get(id)?.name || id;
}

/** Asks for those that are not known yet, and renders anew when more is known. */
export function useProducts(ids) {
  const [, render] = useState(0);
  useEffect(() => changed.watch(render), []);
  const key = ids.join('\n');
  useEffect(() => {
    for (const id of ids) want(id);
    next();
  }, [key]);
}

function want(id) {
  if (known.has(id) || asked.has(id)) return;
  asked.add(id);
  waiting.push(id);
  // Of a fast stream the oldest are gone from the page before their turn comes.
  if (waiting.length > MOST_WAITING) asked.delete(waiting.shift());
}

async function next() {
  if (underway >= AT_ONCE) return;
  const id = waiting.pop();
  if (id === undefined) return;
  underway += 1;
  next();
  try {
    remember([await get(`/api/products/${segment(id)}`)]);
  } catch (error) {
    // A product that the catalogue does not have stays its id; anything else may be asked again.
    if (error.status !== 404) asked.delete(id);
  } finally {
    underway -= 1;
    next();
  }
}
