// The command palette: everywhere with a few keys.

import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { get } from './api.js';
import { activeUsers, visits } from './live.js';
import { Dialog } from './ui.js';
import { go } from './router.js';
import { Icon } from './icons.js';
import { Face, Picture } from './pictures.js';
import { price } from './format.js';
import { toggleTheme } from './theme.js';
import { arrowed, useSettled } from './hooks.js';

const PLACES = [
  { name: 'Live', detail: 'Events and trends as they come', icon: 'live', run: () => go('live') },
  { name: 'Visitor', detail: 'What one visitor is shown, and why', icon: 'visitor', run: () => go('visitor') },
  { name: 'Products', detail: 'The catalogue, and rules for products', icon: 'products', run: () => go('products') },
  { name: 'Model', detail: 'Weights and preview', icon: 'model', run: () => go('model') },
  { name: 'Quality', detail: 'How often recommendations were right', icon: 'model', run: () => go('model', 'quality') },
  { name: 'Learned', detail: 'What the ranking has learned', icon: 'model', run: () => go('model', 'learned') },
  { name: 'Rules', detail: 'Pins, boosts and what is hidden', icon: 'pin', run: () => go('model', 'rules') },
  { name: 'History', detail: 'Who changed what, and undo', icon: 'undo', run: () => go('model', 'history') },
  { name: 'System', detail: 'Health, lag, memory, checkpoints', icon: 'system', run: () => go('system') },
  { name: 'Switch light and dark', detail: '', icon: 'sun', run: toggleTheme },
  { name: 'Description of the API', detail: '/docs', icon: 'link', run: () => location.assign('/docs') },
];

export function Palette({ onClose, extra = [] }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const [found, setFound] = useState([]);
  const list = useRef(null);
  const asked = useSettled(text.trim(), 120);
  useEffect(() => {
    if (!asked) return setFound([]);
    const controller = new AbortController();
    get(`/api/products?n=6&q=${encodeURIComponent(asked.slice(0, 200))}`, controller.signal).then(
      (answer) => setFound(answer.products),
      () => setFound([]),
    );
    return () => controller.abort();
  }, [asked]);
  const choices = choicesFor(text.trim(), found, extra);
  const chosen = Math.min(at, choices.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [chosen, choices.length]);

  function run(choice) {
    onClose();
    choice?.run();
  }
  function keys(event) {
    const next = arrowed(event, chosen, choices.length);
    if (next !== null) {
      setAt(next);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(choices[chosen]);
    }
  }
  let section = '';
  return html`<${Dialog} title="Go to" onClose=${onClose} class="palette">
    <div class="palette-field"><${Icon} name="search" size=${18} />
      <input autofocus role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list"
        aria-activedescendant=${chosen >= 0 ? `choice-${chosen}` : null}
          aria-label="Go to a view, a visitor or a product"
        placeholder="A view, a visitor’s id, a product …" value=${text} spellcheck=${false} autocomplete="off"
        onInput=${(event) => {
          setText(event.target.value);
          setAt(0);
        }} onKeyDown=${keys} />
      <kbd>esc</kbd>
    </div>
    <ul id="palette-list" role="listbox" aria-label="Choices" ref=${list}>
      ${choices.map((choice, number) => {
        const head =
          choice.section === section
            ? null
            : html`<li class="palette-section" role="presentation">
          ${choice.section}</li>`;
        section = choice.section;
        return html`${head}<li key=${choice.key} id="choice-${number}" role="option"
          aria-selected=${number === chosen ? 'true' : 'false'}
          onMouseMove=${() => setAt(number)} onClick=${() => run(choice)}>
          <span class="palette-mark">${choice.mark}</span><span class="palette-name">${choice.name}</span>
          <span class="palette-detail">${choice.detail}</span></li>`;
      })}
    </ul>
  </>`;
}

function choicesFor(text, found, extra) {
  const wanted = text.toLowerCase();
  const places = [...PLACES, ...extra]
    .filter(({ name, detail }) => `${name} ${detail}`.toLowerCase().includes(wanted))
    .map((place) => ({ ...place, section: 'Go to', key: place.name, mark: html`<${Icon} name=${place.icon} />` }));
  const active = activeUsers(visits.get(), 400)
    .map(({ userId }) => userId)
    .filter((user) => user && user.toLowerCase().includes(wanted))
    .slice(0, text ? 4 : 3);
  const users = text && !active.includes(text) ? [text, ...active] : active;
  const visitors = users.map((user) => ({
    section: 'Visitors',
    key: `user ${user}`,
    name: user,
    detail: active.includes(user) ? 'active now' : 'look up this id',
    mark: html`<${Face} user=${user} size=${20} />`,
    run: () => go('visitor', user),
  }));
  const products = found.map((product) => ({
    section: 'Products',
    key: `product ${product.id}`,
    name: product.name || product.id,
    detail: [product.id, price(product.price)].filter(Boolean).join(' · '),
    mark: html`<${Picture} product=${product} size=${20} />`,
    run: () => go('products', product.id),
  }));
  // What is typed is mostly a product or a visitor, once no view is called so.
  return text && places.length === 0
    ? [...products, ...visitors]
    : [...places.slice(0, text ? 4 : 20), ...products, ...visitors];
}
