// Pictures of products, drawn from their name, category and tags: the same product has the same picture everywhere.

import { html } from './vendor/htm-preact.js';
import { glyphOf } from './glyphs.js';

/** Hues that look well beside each other, in degrees of OKLCH. */
const HUES = [24, 48, 76, 112, 150, 178, 205, 232, 258, 286, 320, 350];

/** A number from a text, the same in each browser (FNV-1a). */
export function hash(text) {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    value ^= text.charCodeAt(at);
    value = Math.imul(value, 0x01000193);
  }
  // The last bits of short texts that differ little would differ little.
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3ce3);
  return (value ^ (value >>> 13)) >>> 0;
}

/** What stands behind the glyph. All are quiet: one or two large shapes. */
const GROUNDS = [
  html`<circle class="g1" cx="24" cy="25" r="16" />`,
  html`<path class="g1" d="M0 34c10-6 20-7 30-4s14 3 18 0v18H0Z" />`,
  html`<path class="g1" d="M10 48V24a14 14 0 0 1 28 0v24Z" />`,
  html`<circle class="g1" cx="38" cy="8" r="17" /><circle class="g1" cx="5" cy="46" r="9" />`,
  html`<path class="g1" d="M0 0h30L12 48H0Z" />`,
  html`<rect class="g1" x="9" y="9" width="30" height="30" rx="9" transform="rotate(12 24 24)" />`,
];

/**
 * The picture of a product, small or `large`. It says nothing that is not beside it, so that it is hidden from screen
 * readers.
 */
export function Picture({ product, size = 48, large = false }) {
  const { id = '', name = '', category = '', tags = [] } = product ?? {};
  const own = hash(String(id));
  const kindHash = hash(String(tags[0] || category || id));
  const hue = HUES[kindHash % HUES.length] + (own % 25) - 12;
  const glyph = glyphOf({ name, category, tags });
  const turn = [0, 0, 45, -40, 130][(own >>> 8) % 5];
  return html`<svg class="picture ${large ? 'large' : ''}" viewBox="0 0 48 48" width=${size} height=${size}
    aria-hidden="true" focusable="false"
    style=${{ '--h': hue, '--h2': hue + turn, '--dl': ((own >>> 16) % 5) * 0.012 }}>
    <rect class="g0" width="48" height="48" />
    ${GROUNDS[(own >>> 4) % GROUNDS.length]}
    ${
      glyph
        ? html`<g transform=${large ? 'translate(13.2 13.4) scale(.9)' : 'translate(8.4 8.4) scale(1.3)'}>
          <path class="g2" transform="translate(.9 .8)" d=${glyph.fill} /><path class="g3" d=${glyph.line} /></g>`
        : html`<text class="g4" x="24" y="30" text-anchor="middle">${initials(name || id)}</text>`
    }
  </svg>`;
}

/** The picture of a visitor: a colour and a letter or number. */
export function Face({ user, size = 28 }) {
  const own = hash(String(user));
  const digits = /(\d{1,3})$/.exec(String(user))?.[1];
  return html`<svg class="face" viewBox="0 0 32 32" width=${size} height=${size} aria-hidden="true" focusable="false"
    style=${{ '--h': HUES[own % HUES.length] }}>
    <circle class="g0" cx="16" cy="16" r="16" />
    <text class="g4" x="16" y="20.2" text-anchor="middle">${digits ?? initials(String(user))}</text>
  </svg>`;
}

/** The first letters of two words, or the first two of one. */
function initials(text) {
  const words = String(text)
    .split(/[\s_.-]+/)
    .filter(Boolean);
  const letters =
    words.length > 1
      ? first(words[0]) + first(words[1])
      : Array.from(words[0] ?? '?')
          .slice(0, 2)
          .join('');
  return letters.toUpperCase();
}

function first(word) {
  return Array.from(word)[0];
}
