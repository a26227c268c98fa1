// Hooks that several views share.

import { useEffect, useLayoutEffect, useRef, useState } from './vendor/htm-preact.js';
import { access } from './api.js';
import { mayMove } from './theme.js';
import { useStore } from './store.js';

/**
 * Asks now, whenever one of `inputs` changes, and each `every` milliseconds while the page is visible (0: once). What
 * was known stays while it is asked anew, but not when `inputs` change. `give` takes an answer that came by another
 * way.
 */
export function usePoll(question, every, inputs) {
  const epoch = useStore(access, (now) => now.epoch);
  const [state, setState] = useState({ loading: true });
  const latest = useRef(question);
  latest.current = question;
  const again = useRef(() => {});
  const take = useRef(() => {});
  useEffect(() => {
    let ended = false;
    let timer = 0;
    let controller = null;
    setState({ loading: true });
    async function run() {
      clearTimeout(timer);
      controller?.abort();
      const mine = new AbortController();
      controller = mine;
      try {
        const data = await latest.current(mine.signal);
        if (!ended && controller === mine) setState({ data, loading: false });
      } catch (error) {
        if (ended || controller !== mine) return;
        if (error.name !== 'AbortError') setState((before) => ({ data: before.data, error, loading: false }));
      }
      if (!ended && every && !document.hidden) timer = setTimeout(run, every);
    }
    function turn() {
      if (document.hidden) clearTimeout(timer);
      else if (every) run();
    }
    again.current = run;
    take.current = (data) => {
      controller?.abort();
      controller = null; // An answer that is under way is older than this one.
      if (!ended) setState({ data, loading: false });
    };
    document.addEventListener('visibilitychange', turn);
    run();
    return () => {
      ended = true;
      controller?.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', turn);
    };
  }, [...inputs, every, epoch]);
  return { ...state, reload: () => again.current(), give: (data) => take.current(data) };
}

/** The value once it has stood still for `ms`. */
export function useSettled(value, ms) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** Renders anew each `ms`, for texts such as “3 s ago”. */
export function useTick(ms) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && tick((before) => before + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/**
 * Lets the children of an element that have `data-flip` glide from where they were to where they are, and new ones
 * appear. It compares places within the element, so that scrolling in between moves nothing.
 */
export function useFlip(container, ms = 420) {
  const places = useRef(new Map());
  useLayoutEffect(() => {
    const before = places.current;
    const now = new Map();
    for (const child of container.current?.querySelectorAll('[data-flip]') ?? []) {
      now.set(child.dataset.flip, { child, left: child.offsetLeft, top: child.offsetTop });
    }
    places.current = now;
    if (!mayMove() || before.size === 0) return;
    for (const [key, { child, left, top }] of now) {
      const was = before.get(key);
      if (!was) {
        child.animate(
          [
            { opacity: 0, transform: 'scale(.96)' },
            { opacity: 1, transform: 'none' },
          ],
          { duration: ms, easing: 'ease-out' },
        );
      } else if (was.left !== left || was.top !== top) {
        const from = `translate(${was.left - left}px, ${was.top - top}px)`;
        child.animate([{ transform: from }, { transform: 'none' }], {
          duration: ms,
          easing: 'cubic-bezier(.2,.8,.2,1)',
        });
      }
    }
  });
}

/** The latest value that is not nullish: what was shown stays while the next is asked for. */
export function useLast(value) {
  const last = useRef(value);
  if (value != null) last.current = value;
  return last.current;
}

/** Sets the title of the page. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · recsys` : 'recsys console';
  }, [title]);
}

/** Keys that do something while the component is there; not while one types. */
export function useKey(match, action) {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const listener = (event) => match(event) && latest.current(event);
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, []);
}

/**
 * So many of the latest entries of a map (`{last}` in milliseconds, in the order of their activity), each of which
 * keeps its row until it has been idle for `ms`. What one is about to click does not run away.
 */
export function useSteady(all, places, ms, wanted = () => true) {
  const rows = useRef([]);
  const now = Date.now();
  const idle = (key) => now - (all.get(key)?.last ?? 0) >= ms;
  rows.current = rows.current.filter((key) => all.has(key));
  const free = [...all.entries()]
    .reverse()
    .filter(([key, entry]) => wanted(entry) && !rows.current.includes(key) && !idle(key));
  rows.current = rows.current.map((key) => (idle(key) && free.length ? free.shift()[0] : key));
  while (rows.current.length < places && free.length) rows.current.push(free.shift()[0]);
  return rows.current.map((key) => all.get(key));
}

/** The place that an arrow key moves a choice to, from `at` of so many, round the ends; null for all other keys. */
export function arrowed(event, at, count) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !count) return null;
  event.preventDefault();
  return (at + step + count) % count;
}
