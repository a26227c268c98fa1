// Why a product is shown: one stacked bar, its legend, and the same in words.

import { html } from './vendor/htm-preact.js';
import { digits, percent } from './format.js';
import { Dot, Stack } from './ui.js';
import { nameOf } from './catalogue.js';
import { REASONS, reasonInWords } from './words.js';

/** The parts of a score by kind, in the legend's order. What a rule takes away has no width. */
export function parts(reasons) {
  return Object.entries(REASONS)
    .map(([type, { name, colour }]) => ({
      key: type,
      name,
      colour,
      value: reasons.filter((reason) => reason.type === type).reduce((sum, { score }) => sum + score, 0),
    }))
    .filter(({ value }) => value !== 0);
}

export function ReasonBar({ reasons, top }) {
  const all = parts(reasons);
  const sum = all.reduce((total, { value }) => total + Math.max(value, 0), 0);
  const words = all.map(({ name, value }) => `${name} ${percent(value / (sum || 1))}`).join(', ');
  return html`<div class="reason-bar" style=${{ '--share': top ? Math.max(sum / top, 0.04) : 1 }}>
    <${Stack} parts=${all} label=${words ? `Why: ${words}` : 'No reasons: it was pinned'} /></div>`;
}

export function ReasonLegend({ products }) {
  const there = new Set(products.flatMap(({ reasons }) => reasons.map(({ type }) => type)));
  return html`<div class="legend wrap" aria-label="What the colours of the reasons mean">
    ${Object.entries(REASONS)
      .filter(([type]) => there.has(type))
      .map(
        ([type, { name, colour, hint }]) => html`
      <${Dot} key=${type} colour=${colour} title=${hint}>${name}</>`,
      )}
  </div>`;
}

/** All reasons as a list, the largest first. */
export function ReasonList({ reasons }) {
  const sum = reasons.reduce((total, { score }) => total + Math.max(score, 0), 0);
  return html`<ul class="reason-list">
    ${reasons.map(
      (reason, at) => html`<li key=${at}>
      <${Dot} colour=${REASONS[reason.type]?.colour} title=${REASONS[reason.type]?.hint}>
      ${reasonInWords(reason, nameOf)}</>
      <span class="num" title=${`adds ${digits(reason.score)} to the score, of ${reason.events ?? 0} events`}>
        ${sum > 0 ? percent(reason.score / sum, reason.score / sum < 0.1 ? 1 : 0) : digits(reason.score)}</span>
    </li>`,
    )}
  </ul>`;
}
