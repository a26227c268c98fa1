// The view Model: what decides what is shown, and how good that is.

import { html } from './vendor/htm-preact.js';
import { Changes } from './model-changes.js';
import { href } from './router.js';
import { Learned } from './model-learned.js';
import { Preview } from './model-preview.js';
import { Quality } from './model-quality.js';
import { Rules } from './model-rules.js';
import { useTitle } from './hooks.js';

const PARTS = [
  { id: '', name: 'Weights', Part: Preview },
  { id: 'quality', name: 'Quality', Part: Quality },
  { id: 'learned', name: 'Learned', Part: Learned },
  { id: 'rules', name: 'Rules', Part: Rules },
  { id: 'history', name: 'History', Part: Changes },
];

export function ModelView({ id }) {
  const part = PARTS.find((one) => one.id === id) ?? PARTS[0];
  useTitle(part.id ? part.name : 'Model');
  return html`<div class="view model">
    <header class="page-head"><h1>Model</h1>
      <nav class="tabs" aria-label="Parts of the model">
      ${PARTS.map(
        (one) => html`<a key=${one.id} href=${href('model', one.id)}
        aria-current=${one === part ? 'page' : null}>${one.name}</a>`,
      )}</nav></header>
    <${part.Part} />
  </div>`;
}
