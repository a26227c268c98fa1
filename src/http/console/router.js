// Where the console is: `#/products/product7?q=lamp` is the view `products` of `product7`.

import { store } from './store.js';

const VIEWS = ['live', 'visitor', 'products', 'model', 'system'];

/** The place that the address names; whatever it does not know is the first view. */
export const route = store(read());

window.addEventListener('hashchange', () => route.set(read()));

/** The address of a view. */
export function href(view, id, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value != null);
  const search = given.length ? `?${new URLSearchParams(given)}` : '';
  return `#/${view}${id == null || id === '' ? '' : `/${encodeURIComponent(id)}`}${search}`;
}

/** Goes there. */
export function go(view, id, query) {
  location.hash = href(view, id, query);
}

/** Changes the query of the present address, without a step in the history. */
export function setQuery(query) {
  const { view, id } = route.get();
  history.replaceState(null, '', href(view, id, query));
  route.set(read());
}

function read() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [view, id = ''] = path.split('/');
  return {
    view: VIEWS.includes(view) ? view : VIEWS[0],
    id: decoded(id),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
