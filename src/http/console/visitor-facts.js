// What is known of a visitor: totals, profile, and what they did.

import { html, useRef, useState } from './vendor/htm-preact.js';
import { ago, count, digits, timeOfDay } from './format.js';
import { Card, Empty } from './ui.js';
import { COUNTED, kind, KINDS } from './words.js';
import { nameOf, productOf, useProducts } from './catalogue.js';
import { href } from './router.js';
import { Picture } from './pictures.js';
import { RankedBars } from './ranked.js';
import { useFlip, useTick } from './hooks.js';

const BARS = 8;

export function Activity({ activity, purchases }) {
  useTick(5000);
  const { totals, lastActivity } = activity;
  return html`<${Card} class="activity"><dl class="facts-row">
    <div><dt>Last active</dt><dd>${lastActivity ? ago(lastActivity) : 'never'}</dd></div>
    ${COUNTED.map(
      (each) => html`<div key=${each}><dt>${KINDS[each].name}s</dt><dd>
      ${count(totals[each])}</dd></div>`,
    )}
    <div><dt>Products bought</dt><dd>${count(purchases.count)}</dd></div>
  </dl></>`;
}

export function Profile({ profile }) {
  const [all, setAll] = useState(false);
  const shown = all ? profile : profile.slice(0, BARS);
  return html`<${Card} title="What they care about" hint="Score by tag: views, carts and purchases, each by its weight">
    ${
      profile.length === 0
        ? html`<${Empty} icon="visitor" title="Nothing is known yet">Act as this visitor, and a profile appears.</>`
        : html`<${RankedBars} label="Profile, the highest score first" items=${shown.map(({ tag, score }) => ({
            key: tag,
            name: tag,
            value: score,
            text: score < 100 ? digits(score) : count(score),
            href: href('products', '', { q: tag }),
          }))} />`
    }
    ${
      profile.length > BARS &&
      html`<button type="button" class="linkish" aria-expanded=${all ? 'true' : 'false'}
      onClick=${() => setAll(!all)}>
      ${all ? 'Fewer' : `All ${profile.length} tags`}</button>`
    }
  </>`;
}

/** What tells an event of a visitor from their others: its id, or else all that it is. */
export function keyOf({ eventId, eventType, product, timestamp }) {
  return eventId ?? `${eventType} ${product} ${timestamp}`;
}

/**
 * What they did, newest first: events as far as they are known with their kind and time, then what only the visit
 * tells.
 */
export function Timeline({ known, events }) {
  const told = new Set(events.map(({ product }) => product));
  const visit = known.visit.products.filter((product) => !told.has(product));
  const before = known.visit.before.filter((product) => !told.has(product));
  const bought = new Set(known.purchases.products);
  const shown = events.slice(0, 24);
  useProducts([...shown.map(({ product }) => product), ...visit, ...before]);
  const list = useRef(null);
  useFlip(list);
  const nothing = shown.length + visit.length + before.length === 0;
  return html`<${Card} title="What they did" class="timeline-card">
    ${nothing && html`<${Empty} icon="eye" title="Nothing yet">Their events appear here as they come.</>`}
    <ol class="timeline" ref=${list}>
      ${shown.map(
        (event) => html`<li key=${keyOf(event)}
        class=${event.eventType}
        data-flip=${keyOf(event)}>
        <${Picture} product=${facts(event)} size=${32} />
        <div><a href=${href('products', event.product)}>${nameOf(event.product)}</a>
          <p class="hint">${kind(event.eventType).past}</p></div>
        <time datetime=${event.timestamp}>${timeOfDay(event.timestamp)}</time></li>`,
      )}
    </ol>
    <${Shelf} title="Earlier in this visit" ids=${visit} bought=${bought} />
    <${Shelf} title="Before this visit" ids=${before} bought=${bought} />
  </>`;
}

function facts(event) {
  const product = productOf(event.product);
  return product.tags?.length ? product : { ...product, tags: event.tags ?? [], category: event.category ?? '' };
}

function Shelf({ title, ids, bought }) {
  if (ids.length === 0) return null;
  return html`<h3>${title}</h3><ul class="shelf">
    ${ids.map(
      (id) => html`<li key=${id}>
      <a class="step ${bought.has(id) ? 'purchase' : ''}" href=${href('products', id)} title=${nameOf(id)}
        aria-label=${nameOf(id)}>
      <${Picture} product=${productOf(id)} size=${34} /></a></li>`,
    )}
  </ul>`;
}
