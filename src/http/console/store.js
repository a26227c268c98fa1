// A value that can be watched, and hooks that render anew when it changes.

import { useEffect, useState } from './vendor/htm-preact.js';

/** Holds `value`; `set` takes the next value, or a function from the value to the next one. */
export function store(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      const made = typeof next === 'function' ? next(value) : next;
      if (Object.is(made, value)) return;
      value = made;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

/** What `pick` makes of the store's value, as it is now. */
export function useStore(from, pick = whole) {
  const [picked, setPicked] = useState(() => pick(from.get()));
  useEffect(() => {
    // It may have changed between rendering and this effect.
    setPicked(() => pick(from.get()));
    return from.watch((value) => setPicked(() => pick(value)));
  }, [from]);
  return picked;
}

function whole(value) {
  return value;
}

/** A store whose value outlives the page. A browser that forbids storage only forgets it. */
export function keptStore(key, fallback, storage = () => localStorage) {
  let first = fallback;
  try {
    const kept = storage().getItem(key);
    if (kept !== null) first = JSON.parse(kept);
  } catch {
    // What cannot be read is as good as absent.
  }
  const kept = store(first);
  kept.watch((value) => {
    try {
      storage().setItem(key, JSON.stringify(value));
    } catch {
      // The value still holds while the page is open.
    }
  });
  return kept;
}
