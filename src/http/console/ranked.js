// Bars in the order of their values, which glide when the order changes.

import { html, useRef } from './vendor/htm-preact.js';
import { useFlip } from './hooks.js';

/** `items`: `[{key, name, value, text, href, mark, detail}]`, the largest first. */
export function RankedBars({ items, label, colour = 'var(--bar)' }) {
  const list = useRef(null);
  useFlip(list, 600);
  const top = Math.max(...items.map(({ value }) => value), 0.000001);
  return html`<ol class="ranked" ref=${list} aria-label=${label}>
    ${items.map(
      (item) => html`<li key=${item.key} data-flip=${item.key}>
      <a href=${item.href} title=${item.detail}>
        <span class="ranked-bar" style=${{ transform: `scaleX(${Math.max(item.value / top, 0.004)})`, background: colour }} aria-hidden="true" />
        ${item.mark}<span class="ranked-name">${item.name}</span><span class="ranked-value">${item.text}</span>
      </a>
    </li>`,
    )}
  </ol>`;
}
