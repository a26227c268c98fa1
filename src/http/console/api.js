// Questions to the engine, and what it answers: data, or a problem.

import { keptStore, store } from './store.js';

/** The token of this tab; gone when the tab is closed. */
export const token = keptStore('recsys.token', '', () => sessionStorage);

/**
 * Whether the engine asked for a token: `problem` is its answer then. `epoch` grows whenever the token changes, so that
 * what was refused is asked again.
 */
export const access = store({ problem: null, epoch: 0 });

/** Takes another token, or none. */
export function signIn(value) {
  token.set(value);
  access.set((before) => ({ problem: null, epoch: before.epoch + 1 }));
}

/** An answer that is none: `status` 0 is that nobody answered. */
export class Problem extends Error {
  constructor(status, title, details = '', right = '') {
    super(details || title);
    this.status = status;
    this.title = title;
    this.details = details;
    /** Of a 403: the right that the request needs. */
    this.right = right;
  }
}

/** One segment of a path. A lone dot is not askable: a browser takes it for a folder. */
export function segment(id) {
  if (id === '.' || id === '..') {
    throw new Problem(400, 'not askable', `No browser can ask for the id “${id}” in a path.`);
  }
  return encodeURIComponent(id);
}

/** Headers that say who asks. */
export function credentials() {
  const value = token.get();
  return value ? { Authorization: `Bearer ${value}` } : {};
}

/**
 * Asks, and answers with `data` and what the headers tell: `asOf` in microseconds, `etag`, `stored`. Throws a
 * `Problem`, or an `AbortError` when `signal` says so.
 */
export async function ask(path, { method = 'GET', body, headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      cache: 'no-store',
      headers: {
        ...credentials(),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'no answer', 'The engine does not answer. Is it running, and is the network there?');
  }
  const text = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const data = isJson ? parsed(text) : text;
  if (!response.ok) throw refused(response, data, method, path);
  return {
    data,
    status: response.status,
    asOf: Number(response.headers.get('x-as-of')) || null,
    etag: response.headers.get('etag'),
    stored: response.headers.get('x-stored'),
  };
}

/** The same, of an answer whose headers do not matter. */
export async function get(path, signal) {
  return (await ask(path, { signal })).data;
}

/** What is stored is in force within moments; after so long the page goes on without. */
const IN_FORCE_MS = 2000;

/**
 * Writes a setting, unless it has changed since `etag`: then the problem's status is 412. It answers once the value is
 * in force, so that what is read next shows it.
 */
export async function putSetting(name, value, etag) {
  await ask(settingPath(name), { method: 'PUT', body: value, headers: { 'If-Match': etag } });
  const wanted = JSON.stringify(value);
  await settled(name, undefined, (now) => now.etag !== etag || JSON.stringify(now.data) === wanted);
}

/**
 * A setting as it is in force, with its `etag`. The value is what is in force and the etag that of what is stored;
 * while they differ, a change of the value would be written over what it does not know. So it waits until they are the
 * same, but not for ever: what was refused stays so.
 */
export function getSetting(name, signal) {
  return settled(name, signal, () => true);
}

async function settled(name, signal, wanted) {
  const began = performance.now();
  for (let pause = 15; ; pause *= 2) {
    const now = await ask(settingPath(name), { signal });
    const done = now.stored === 'in-force' && wanted(now);
    if (done || now.stored?.startsWith('refused') || performance.now() - began > IN_FORCE_MS) return now;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function settingPath(name) {
  return `/api/config/recommendation/${name}`;
}

/** An id that nobody has given before, also where `randomUUID` is withheld from plain HTTP. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(response, data, method, path) {
  const title = data?.title ?? data?.error ?? `status ${response.status}`;
  const problem = new Problem(response.status, title, data?.details ?? data?.detail ?? '', needed(method, path));
  if (response.status === 401) access.set((before) => ({ ...before, problem }));
  return problem;
}

/** The right that a request needs, by the scopes of docs/security.md. */
function needed(method, path) {
  if (method === 'GET' || path.startsWith('/api/lab/')) return 'read';
  if (path.startsWith('/api/config') || path.startsWith('/api/ranking') || path.startsWith('/api/admin'))
    return 'admin';
  return 'write';
}
