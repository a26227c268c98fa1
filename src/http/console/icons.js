// Icons of the console, drawn on 16 × 16.

import { html } from './vendor/htm-preact.js';

const PATHS = {
  live: 'M1.5 8h3l2-5 3 10 2-5h3',
  visitor: 'M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 14c.6-2.6 2.8-4 5.5-4s4.9 1.4 5.5 4',
  products: 'M2.5 5 8 2l5.5 3v6L8 14l-5.5-3V5ZM2.5 5 8 8l5.5-3M8 8v6',
  model: 'M3 2v4m0 4v4m5-12v7m0 4v1m5-12v2m0 4v6M1.5 8h3M6.5 11h3M11.5 6h3',
  system: 'M2 3h12v4H2V3Zm0 6h12v4H2V9Zm2.5-4h.01M4.5 11h.01',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.2v1.3M8 13.5v1.3M1.2 8h1.3M13.5 8h1.3M3.2 3.2l.9.9M11.9 11.9l.9.9M3.2 12.8l.9-.9M11.9 4.1l.9-.9',
  moon: 'M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3Z',
  eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  cart: 'M1.5 2.5h2l1.7 7.5h7l1.3-5.5H4M6 13.5h.01M11.5 13.5h.01',
  bag: 'M3 5h10l.7 8.5H2.3L3 5Zm2.5 2V4.5a2.5 2.5 0 0 1 5 0V7',
  close: 'm4 4 8 8M12 4l-8 8',
  check: 'm3 8.5 3.2 3.2L13 4.5',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  right: 'm6 3.5 4.5 4.5L6 12.5',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9L12.5 8 5 3.5Z',
  pin: 'M9.5 2 14 6.5l-2.5.7-2.3 2.3-.5 3L3.5 7.3l3-.5 2.3-2.3L9.5 2ZM6 10l-4 4',
  hide: 'M2 2l12 12M6.3 3.8A6.6 6.6 0 0 1 8 3.5c4 0 6.5 4.5 6.5 4.5a11 11 0 0 1-2 2.5M4 5.2A11 11 0 0 0 1.5 8S4 12.5 8 12.5a6.3 6.3 0 0 0 2.6-.6',
  boost: 'M2 12 6.5 7.5l2.5 2.5L14 5M10 5h4v4',
  bury: 'M2 4l4.5 4.5L9 6l5 5M10 11h4V7',
  undo: 'M3 6h7a3.5 3.5 0 0 1 0 7H6M3 6l3-3M3 6l3 3',
  reload: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.5 2v3.2h-3.2',
  trash: 'M2.5 4h11M6 4V2.5h4V4m2.5 0-.7 9.5H4.2L3.5 4',
  key: 'M10.5 8a3 3 0 1 0-2.8-2L2 11.7V14h2.3v-1.7H6V10.6h1.6L9 9.2M11 5h.01',
  plus: 'M8 3v10M3 8h10',
  warn: 'M8 2 14.5 13.5h-13L8 2ZM8 6.5v3M8 11.7h.01',
  link: 'M6.5 3.5H3v9.5h9.5V9.5M9 2.5h4.5V7M13 3 7.5 8.5',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  save: 'M3 2.5h8L13.5 5v8.5h-11v-11H3ZM5.5 2.5v3.5h5V2.5M5 13.5V9h6v4.5',
};

export function Icon({ name, size = 16 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}
