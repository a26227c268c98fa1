// The engine's stream of events, read with `fetch`, since an `EventSource` can send no token.

import { access, ask, credentials, Problem } from './api.js';

/** So long without a message means that the connection is dead: there is a pulse each second. */
const SILENCE_MS = 12_000;

const LONGEST_WAIT_MS = 20_000;

/**
 * Opens the stream. `on.message(name, data)` gets each message, `on.state(state)` how it stands: `opening`, `open`,
 * `broken` (it will be tried again), `paused` (the page is hidden) or `refused` (it will not, until the token
 * changes). Returns what closes it.
 */
export function openStream(query, on) {
  let closed = false;
  let wait = 1000;
  let controller = null;
  let retry = 0;

  async function run() {
    clearTimeout(retry);
    if (closed) return;
    if (document.hidden) return on.state?.('paused');
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    on.state?.('opening');
    try {
      await read(query, mine, (name, data) => {
        wait = 1000;
        on.state?.('open');
        on.message(name, data);
      });
      later();
    } catch (error) {
      if (closed || controller !== mine) return;
      if ([401, 403, 404].includes(error.status)) on.state?.('refused');
      else later();
    }

    function later() {
      if (closed || controller !== mine) return;
      on.state?.('broken');
      // A little chance, so that not all consoles come back in the same moment.
      retry = setTimeout(run, wait * (0.7 + Math.random() * 0.6));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  function turn() {
    if (document.hidden) {
      const reading = controller;
      controller = null;
      reading?.abort();
      clearTimeout(retry);
      on.state?.('paused');
    } else {
      run();
    }
  }

  document.addEventListener('visibilitychange', turn);
  let epoch = access.get().epoch;
  const unwatch = access.watch((now) => {
    if (now.epoch === epoch) return;
    epoch = now.epoch;
    run();
  });
  run();
  return () => {
    closed = true;
    controller?.abort();
    clearTimeout(retry);
    unwatch();
    document.removeEventListener('visibilitychange', turn);
  };
}

async function read(query, controller, message) {
  const search = query.user ? `?user=${encodeURIComponent(query.user)}` : '';
  let watchdog = setTimeout(() => controller.abort(), SILENCE_MS);
  try {
    const response = await fetch(`/api/stream${search}`, {
      headers: { Accept: 'text/event-stream', ...credentials() },
      signal: controller.signal,
      cache: 'no-store',
    });
    if (!response.ok) {
      // The same question once more, for the problem's text and the panel that asks for a token.
      if (response.status === 401) await ask('/api/status').catch(() => {});
      throw new Problem(response.status, 'no stream');
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let pending = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => controller.abort(), SILENCE_MS);
      pending += value.replaceAll('\r\n', '\n');
      const messages = pending.split('\n\n');
      pending = messages.pop();
      for (const text of messages) deliver(text, message);
    }
  } catch (error) {
    // The watchdog's end is a break like any other: the caller tells by its own controller whether it was meant.
    throw error.name === 'AbortError' ? new Problem(0, 'no answer') : error;
  } finally {
    clearTimeout(watchdog);
  }
}

function deliver(text, message) {
  let name = 'message';
  let data = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data += line.slice(5).trimStart();
  }
  if (!data) return;
  let content;
  try {
    content = JSON.parse(data);
  } catch {
    return; // A message that was cut is of no use; the next one comes soon.
  }
  message(name, content);
}
