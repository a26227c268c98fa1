// The view Products: the catalogue, and one product of it.

import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { Answer, Button, Card, Empty, Skeleton, Tag, Trouble } from './ui.js';
import { count, price } from './format.js';
import { go, href, route, setQuery } from './router.js';
import { usePoll, useSettled, useTitle } from './hooks.js';
import { get } from './api.js';
import { Icon } from './icons.js';
import { Picture } from './pictures.js';
import { ProductPage } from './product-page.js';
import { remember } from './catalogue.js';
import { useStore } from './store.js';

const PAGE = 24;

export function ProductsView({ id }) {
  useTitle(id || 'Products');
  return html`<div class="view products">${id ? html`<${ProductPage} key=${id} id=${id} />` : html`<${Catalogue} />`}
    </div>`;
}

function Catalogue() {
  const asked = useStore(route, ({ query }) => query.q ?? '');
  const [text, setText] = useState(asked);
  const own = useRef(asked);
  // A link to another search, such as one of a tag, fills the field.
  useEffect(() => {
    if (asked !== own.current) setText(asked);
    own.current = asked;
  }, [asked]);
  const wanted = useSettled(text.trim().slice(0, 200), 160);
  useEffect(() => {
    own.current = wanted;
    if (wanted !== (route.get().query.q ?? '')) setQuery({ q: wanted });
  }, [wanted]);
  const trending = usePoll((signal) => get('/api/trending?n=200&reasons=0', signal).then(remember), 10_000, []);
  const places = new Map((trending.data ?? []).map((product, place) => [product.id, place + 1]));
  return html`
    <header class="page-head"><div><h1>Products</h1><p class="hint">The catalogue as the engine knows it.</p></div>
      <form class="lookup wide" role="search" onSubmit=${(event) => event.preventDefault()}><${Icon} name="search" />
        <input type="search" aria-label="Search products by name, tag or id" placeholder="Name, tag or id"
          value=${text} autocomplete="off"
          spellcheck=${false} onInput=${(event) => setText(event.target.value)} /></form></header>
    ${!wanted && html`<${Popular} of=${trending} />`}
    <${Found} key=${wanted} wanted=${wanted} places=${places} />`;
}

function Popular({ of }) {
  return html`<${Card} title="Popular now" class="bare-card"><${Answer} of=${of} lines=${3}>
    ${(products) =>
      products.length === 0
        ? html`<${Empty} icon="boost"
      title="Nothing is popular yet">Popular products stand here as soon as some are looked at.</>`
        : html`<ul class="strip" tabindex="0" aria-label="Popular products">
      ${products.slice(0, 12).map(
        (product, place) => html`<li key=${product.id}>
        <a href=${href('products', product.id)}>
        <${Picture} product=${product} size="100%" large /><span class="place" aria-hidden="true">${place + 1}</span>
        <b>${product.name || product.id}</b><small class="num">${price(product.price)}</small></a></li>`,
      )}</ul>`}</>
        </>`;
}

/** The pages of a search, one below the other. */
function Found({ wanted, places }) {
  const [pages, setPages] = useState([]);
  const [state, setState] = useState({ loading: true });
  const ended = useRef(false);
  async function load(cursor) {
    setState({ loading: true });
    const query = new URLSearchParams({ n: PAGE, ...(wanted && { q: wanted }), ...(cursor && { cursor }) });
    try {
      const page = await get(`/api/products?${query}`);
      remember(page.products);
      if (ended.current) return;
      setPages((before) => (cursor ? [...before, page] : [page]));
      setState({ loading: false });
    } catch (error) {
      if (!ended.current) setState({ loading: false, error, cursor });
    }
  }
  useEffect(() => {
    load();
    return () => {
      ended.current = true;
    };
  }, []);
  const products = pages.flatMap((page) => page.products);
  const next = pages.at(-1)?.next;
  const title = wanted ? `“${wanted}”` : 'Catalogue';
  const hint = pages.length ? `${count(products.length)}${next ? ' of more' : ''} by name` : '';
  return html`<${Card} title=${title} hint=${hint} class="found">
    ${
      products.length > 0 &&
      html`<table class="table rows-link"><thead><tr><th scope="col">Product</th>
      <th scope="col" class="wide-only">Category</th><th scope="col" class="wide-only">Tags</th>
        <th scope="col" class="right">Price</th><th scope="col" class="right">Trend</th></tr></thead>
      <tbody>${products.map(
        (product) => html`<tr key=${product.id} onClick=${() => go('products', product.id)}>
        <td><div class="row"><${Picture} product=${product} size=${40} />
          <div><a href=${href('products', product.id)}>${product.name || product.id}</a><p class="hint">${product.id}
          </p></div></div></td>
        <td class="wide-only">${product.category}</td>
        <td class="wide-only"><span class="tags">
        ${product.tags.slice(0, 4).map((tag) => html`<${Tag} key=${tag}>${tag}</>`)}</span></td>
        <td class="right num">${
          product.available
            ? price(product.price)
            : html`<span
          class="badge off">not available</span>`
        }</td>
        <td class="right num">${
          places.has(product.id)
            ? `#${places.get(product.id)}`
            : html`<span
          class="faint">–</span>`
        }</td></tr>`,
      )}</tbody></table>`
    }
    ${
      !state.loading &&
      !state.error &&
      products.length === 0 &&
      !next &&
      html`<${Empty} icon="search"
      title=${wanted ? 'No product begins like that' : 'The catalogue is empty'}>
      ${
        wanted
          ? 'Words are looked for from their beginning, in names, tags and ids.'
          : 'Send products with POST /api/products, or to the topic product-catalog.'
      }</>`
    }
    ${state.loading && html`<${Skeleton} lines=${pages.length ? 2 : 8} />`}
    ${state.error && html`<${Trouble} error=${state.error} retry=${() => load(state.cursor)} />`}
    ${
      next &&
      !state.loading &&
      !state.error &&
      html`<div class="more">
      <${Button} onClick=${() => load(next)}>Show more</></div>`
    }
  </>`;
}
