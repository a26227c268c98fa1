// What a visitor is shown, as cards with buttons to act as them, and what moved after a click.

import { html, useRef, useState } from './vendor/htm-preact.js';
import { Button, Card, Empty, Tag } from './ui.js';
import { kind } from './words.js';
import { millis, price } from './format.js';
import { moveOf, movesInWords } from './moves.js';
import { ReasonBar, ReasonLegend, ReasonList } from './reasons.js';
import { href } from './router.js';
import { Icon } from './icons.js';
import { Picture } from './pictures.js';
import { useFlip } from './hooks.js';
import { useProducts } from './catalogue.js';

/** The line above the list: what a click has done, and how long it took. */
export function Moved({ moved, user }) {
  return html`<div class="moved ${moved ? 'fresh' : ''}" role="status" aria-live="polite">
    ${
      moved
        ? html`<span class="moved-time" key=${moved.key}><b>${millis(moved.took)}</b> from click to list</span>
        <span>${user} ${kind(moved.eventType).past} <b>${moved.product.name || moved.product.id}
        </b>: ${movesInWords(moved.moves)}.
          ${
            !moved.followed &&
            html`<br />
            <span class="hint">It is not what their list goes by: it may be that they have done more today than a
              person does,
            so that the engine takes them for a bot (<code>kept_events</code>). Choose a quieter visitor.</span>`
          }
              </span>`
        : html`<span>Click <b>View</b>, <b>Cart</b> or <b>Buy</b> on a product: you act as ${user}, and the list
          answers.</span>`
    }
  </div>`;
}

const ACTS = [
  { type: 'view', name: 'View', icon: 'eye' },
  { type: 'add_to_cart', name: 'Cart', icon: 'cart' },
  { type: 'purchase', name: 'Buy', icon: 'bag' },
];

export function RecommendationList({ list, moved, busy, act, why }) {
  const cards = useRef(null);
  useFlip(cards, 520);
  useProducts(list.flatMap(({ reasons }) => reasons.map(({ product }) => product).filter(Boolean)));
  if (list.length === 0) {
    return html`<${Card}><${Empty} icon="products"
      title="Nothing to recommend yet">No product has been looked at, or rules hide all of them.</></>`;
  }
  const top = Math.max(...list.map(({ reasons }) => reasons.reduce((sum, { score }) => sum + Math.max(score, 0), 0)));
  return html`
    <h2 class="sr">Recommendations</h2>
    <${ReasonLegend} products=${list} />
    <ol class="cards" ref=${cards} aria-label="Recommendations, the best first">
      ${list.map(
        (product, place) => html`<li key=${product.id} data-flip=${product.id}>
        <${RecommendationCard} product=${product} place=${place + 1} top=${top}
          move=${moved && moveOf(moved.moves, product.id)}
          busy=${busy} act=${act} why=${why} /></li>`,
      )}
    </ol>`;
}

const MOVES = { up: 'up by', down: 'down by', in: '' };

function RecommendationCard({ product, place, top, move, busy, act, why }) {
  const [open, setOpen] = useState(false);
  const name = product.name || product.id;
  return html`<article class="product-card" aria-label=${`${place}. ${name}`}>
    <a class="card-picture" href=${href('products', product.id)} tabindex="-1" aria-hidden="true">
    <${Picture} product=${product} size="100%" large /></a>
    <span class="place" aria-hidden="true">${place}</span>
    ${
      move &&
      html`<span class="move ${move.kind}"><span class="sr">${MOVES[move.kind]}</span>
      ${move.kind !== 'in' && html`<${Icon} name=${move.kind} size=${11} />`}${move.text}</span>`
    }
    <div class="card-text">
      <h3><a href=${href('products', product.id)}>${name}</a></h3>
      <p class="card-facts"><span class="price num">${price(product.price)}</span>
        <span class="tags">${product.tags.slice(0, 3).map((tag) => html`<${Tag} key=${tag}>${tag}</>`)}</span></p>
      <button type="button" class="reason-toggle" aria-expanded=${open ? 'true' : 'false'} aria-label=${`Why ${name}?`}
        title="Why?" onClick=${() => setOpen(!open)}>
        <${ReasonBar} reasons=${product.reasons} top=${top} /></button>
      ${
        open &&
        html`<${ReasonList} reasons=${product.reasons.slice(0, 6)} />
        <button type="button" class="linkish" onClick=${() => why(product)}>All of its score</button>`
      }
    </div>
    <div class="acts">${ACTS.map(
      ({ type, name: what, icon }) => html`<${Button} key=${type} small icon=${icon}
      class=${type}
      aria-label=${`${what} ${name}`} aria-disabled=${busy ? 'true' : null} busy=${busy === `${type} ${product.id}`}
      onClick=${() => !busy && act(product, type)}>${what}</>`,
    )}</div>
  </article>`;
}
