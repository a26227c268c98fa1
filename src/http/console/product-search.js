// A field that finds a product by name, tag or id while one types.

import { html, useState } from './vendor/htm-preact.js';
import { get } from './api.js';
import { Icon } from './icons.js';
import { Picture } from './pictures.js';
import { remember } from './catalogue.js';
import { arrowed, usePoll, useSettled } from './hooks.js';

export function ProductSearch({ label, onChoose, autofocus, id = 'product-search' }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const wanted = useSettled(text.trim().slice(0, 200), 150);
  const found = usePoll(
    (signal) =>
      wanted ? get(`/api/products?n=6&q=${encodeURIComponent(wanted)}`, signal) : Promise.resolve({ products: [] }),
    0,
    [wanted],
  );
  const products = text.trim() ? (found.data?.products ?? []) : [];
  function choose(product) {
    remember([product]);
    setText('');
    setAt(0);
    onChoose(product);
  }
  function keys(event) {
    const next = arrowed(event, at, products.length);
    if (next !== null) {
      setAt(next);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (products.length) choose(products[at]);
      else if (text.trim()) choose({ id: text.trim(), name: '', category: '', tags: [] });
    }
  }
  return html`<div class="product-search">
    <div class="field"><${Icon} name="search" />
      <input role="combobox" aria-expanded=${products.length ? 'true' : 'false'} aria-controls="${id}-list"
        aria-label=${label}
        aria-activedescendant=${products.length ? `${id}-${at}` : null} aria-autocomplete="list"
          placeholder="Name, tag or id" autofocus=${autofocus}
        value=${text} autocomplete="off" spellcheck=${false}
          onInput=${(event) => {
            setText(event.target.value);
            setAt(0);
          }} onKeyDown=${keys} /></div>
    <ul role="listbox" id="${id}-list" aria-label="Products found" hidden=${!products.length}>
      ${products.map(
        (product, number) => html`<li key=${product.id} id="${id}-${number}" role="option"
        aria-selected=${number === at ? 'true' : 'false'}
        onMouseDown=${(event) => {
          event.preventDefault();
          choose(product);
        }}>
        <${Picture} product=${product} size=${28} /><span>${product.name || product.id}</span><span class="hint">
        ${product.id}</span></li>`,
      )}
    </ul>
  </div>`;
}
