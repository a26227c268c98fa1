// A product and what goes with it, as a picture: the neighbours stand round it, the best one at the top.

import { html } from './vendor/htm-preact.js';
import { href } from './router.js';
import { Picture } from './pictures.js';
import { percent } from './format.js';

const WIDE = 560;
const HIGH = 310;

export function Graph({ centre, around }) {
  const top = around[0].score || 1;
  const nodes = around.map((product, at) => {
    const share = product.score / top;
    const angle = -Math.PI / 2 + (at * 2 * Math.PI) / around.length;
    // What goes better with it stands nearer.
    const reach = 0.74 + 0.26 * (1 - Math.sqrt(share));
    return {
      product,
      share,
      x: WIDE / 2 + Math.cos(angle) * 240 * reach,
      y: HIGH / 2 + Math.sin(angle) * 130 * reach,
      size: 36 + 16 * Math.sqrt(share),
    };
  });
  const words = around.map(({ id, name }) => name || id).join(', ');
  return html`<div class="graph" role="group" aria-label=${`${centre.name || centre.id} goes with ${words}`}>
    <svg viewBox="0 0 ${WIDE} ${HIGH}" aria-hidden="true" focusable="false">
      ${nodes.map(
        ({ product, share, x, y }) => html`<path key=${product.id} class="edge" d=${curve(x, y)}
        style=${{ strokeWidth: 0.8 + 5 * share, opacity: 0.25 + 0.6 * share }} />`,
      )}
    </svg>
    <span class="node centre" style=${at(WIDE / 2, HIGH / 2, 72)}><${Picture} product=${centre} /></span>
    ${nodes.map(
      ({ product, share, x, y, size }) => html`<a key=${product.id} class="node" style=${at(x, y, size)}
      href=${href('products', product.id)}
      title=${`${product.name || product.id}, ${percent(share)} of the best`} aria-label=${product.name || product.id}>
      <${Picture} product=${product} /></a>`,
    )}
  </div>`;
}

function at(x, y, size) {
  return { left: `${(x / WIDE) * 100}%`, top: `${(y / HIGH) * 100}%`, width: `${(size / WIDE) * 100}%` };
}

function curve(x, y) {
  const bend = (x - WIDE / 2) * 0.12;
  return `M${WIDE / 2} ${HIGH / 2}Q${(WIDE / 2 + x) / 2 + bend} ${(HIGH / 2 + y) / 2 - bend} ${x} ${y}`;
}
