// What is known of the stream, for all views: the latest events, the pulses, who is active.

import { get } from './api.js';
import { openStream } from './stream.js';
import { store } from './store.js';

const KEPT_PULSES = 300;
const KEPT_EVENTS = 200;
const KEPT_VISITS = 400;
const KEPT_OF_VISIT = 24;

/** How the stream stands. */
export const streamState = store('opening');

/** The newest last, at most five minutes of them. */
export const pulses = store([]);

/** The newest events, newest first, each with a `key` of its own. */
export const events = store([]);

/**
 * By user and session, what is known of a visit: `{key, userId, touched: [{product, kind, key}], last}`, the latest
 * last.
 */
export const visits = store(new Map());

let number = 0;

/** Begins to listen; the whole console shares one stream. */
export function listen() {
  seed();
  return openStream(
    {},
    {
      state: (state) => streamState.set(state),
      message(name, data) {
        if (name === 'pulse') pulses.set((before) => [...before.slice(1 - KEPT_PULSES), data]);
        if (name === 'events') take(data);
      },
    },
  );
}

/** The first picture is not empty: what came before the stream was opened is asked for once. */
async function seed() {
  try {
    const latest = await get('/api/user-behavior?limit=200');
    if (events.get().length === 0) take(latest.reverse());
  } catch {
    // The stream will tell.
  }
}

function take(batch) {
  const fresh = batch.map((event) => ({ ...event, userId: event.userId ?? event.sessionId ?? '', key: (number += 1) }));
  events.set((before) => [...fresh.slice().reverse(), ...before].slice(0, KEPT_EVENTS));
  visits.set((before) => {
    const next = new Map(before);
    for (const event of fresh) {
      if (event.eventType === 'remove_from_cart') continue;
      const key = `${event.userId}\n${event.sessionId ?? ''}`;
      const step = {
        product: event.product,
        kind: event.eventType,
        tags: event.tags,
        category: event.category,
        key: event.key,
      };
      const touched = [...(next.get(key)?.touched ?? []), step].slice(-KEPT_OF_VISIT);
      next.delete(key); // Put in anew, so that the map's order is that of activity.
      next.set(key, { key, userId: event.userId, touched, last: Date.now() });
    }
    for (const key of [...next.keys()].slice(0, Math.max(0, next.size - KEPT_VISITS))) next.delete(key);
    return next;
  });
}

/** Who was active last, the latest first: of each visitor the latest visit. */
export function activeUsers(map, most) {
  const users = new Map();
  for (const visit of [...map.values()].reverse()) {
    if (!users.has(visit.userId)) users.set(visit.userId, visit);
    if (users.size === most) break;
  }
  return [...users.values()];
}
