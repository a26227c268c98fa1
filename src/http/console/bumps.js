// Two lists side by side, with lines that show who moves: up, down, in and out.

import { html } from './vendor/htm-preact.js';
import { href } from './router.js';
import { Icon } from './icons.js';
import { movesBetween, moveOf, movesInWords } from './moves.js';
import { Picture } from './pictures.js';

const ROW = 40;

export function Bumps({ old, fresh }) {
  const moves = movesBetween(old, fresh);
  const places = new Map(fresh.map(({ id }, place) => [id, place]));
  const rows = Math.max(old.length, fresh.length);
  return html`<p class="hint bumps-words" role="status">${movesInWords(moves)}</p>
    <div class="bumps" style=${{ '--row': `${ROW}px` }}>
      <ol aria-label="Shown now">
      ${old.map(
        (product) => html`<li key=${product.id} class=${places.has(product.id) ? '' : 'out'}>
        <${Row} product=${product} />
        ${!places.has(product.id) && html`<span class="move out"><span class="sr">goes </span>out</span>`}</li>`,
      )}</ol>
      <svg viewBox="0 0 60 ${rows * ROW}" preserveAspectRatio="none" aria-hidden="true" focusable="false"
        style=${{ height: `${rows * ROW}px` }}>
        ${old.map(
          ({ id }, place) =>
            places.has(id) &&
            html`<path key=${id} class=${lineKind(place, places.get(id))}
          d=${line(place, places.get(id))} />`,
        )}
      </svg>
      <ol aria-label="Would be shown">
      ${fresh.map(
        (product) => html`<${Fresh} key=${product.id} product=${product}
        move=${moveOf(moves, product.id)} />`,
      )}</ol>
    </div>`;
}

function Fresh({ product, move }) {
  return html`<li class=${move?.kind ?? ''}><${Row} product=${product} />
    ${
      move &&
      html`<span class="move ${move.kind}">
      ${
        move.kind === 'in'
          ? 'in'
          : html`<${Icon} name=${move.kind} size=${11} /><span class="sr">
        ${move.kind} by </span>${move.text}`
      }</span>`
    }</li>`;
}

function Row({ product }) {
  return html`<a href=${href('products', product.id)} title=${product.name || product.id}>
    <${Picture} product=${product} size=${26} /><span>${product.name || product.id}</span></a>`;
}

function lineKind(from, to) {
  return to < from ? 'up' : to > from ? 'down' : 'same';
}

function line(from, to) {
  const y1 = from * ROW + ROW / 2;
  const y2 = to * ROW + ROW / 2;
  return `M0 ${y1}C28 ${y1} 32 ${y2} 60 ${y2}`;
}
