// The first minute: four things to try, each ticked when it was done. It goes away when it is told to, for good.

import { html } from './vendor/htm-preact.js';
import { Button } from './ui.js';
import { href } from './router.js';
import { Icon } from './icons.js';
import { keptStore, useStore } from './store.js';

const kept = keptStore('recsys.guide', { done: [], dismissed: false });

const STEPS = [
  {
    key: 'watch',
    name: 'Watch events come',
    hint: 'Every click in the shop appears within a moment.',
    to: () => href('live'),
  },
  { key: 'choose', name: 'Choose a visitor', hint: 'Anyone who is active now.', to: () => href('visitor') },
  { key: 'act', name: 'Click as them', hint: 'View, cart or buy, and see the list move.', to: () => href('visitor') },
  { key: 'weigh', name: 'Move a weight', hint: 'Only the preview answers, until you save.', to: () => href('model') },
];

/** Ticks a step. */
export function did(step) {
  kept.set((before) => (before.done.includes(step) ? before : { ...before, done: [...before.done, step] }));
}

/** Shows the guide again, from its beginning. */
export function restartGuide() {
  kept.set({ done: [], dismissed: false });
}

export function Guide() {
  const { done, dismissed } = useStore(kept);
  if (dismissed) return null;
  const dismiss = () => kept.set((before) => ({ ...before, dismissed: true }));
  const finished = STEPS.every(({ key }) => done.includes(key));
  const current = STEPS.find(({ key }) => !done.includes(key));
  return html`<section class="guide" aria-label="The first minute">
    <h2>${finished ? 'That was it' : 'First minute'}</h2>
    <ol>
      ${STEPS.map(
        (step, at) => html`<li key=${step.key}
        class=${done.includes(step.key) ? 'done' : step === current ? 'now' : ''}>
        <a href=${step.to()} aria-current=${step === current ? 'step' : null}>
          <span class="guide-mark">${done.includes(step.key) ? html`<${Icon} name="check" size=${12} />` : at + 1}
          </span>
          <span><strong>${step.name}</strong>${step === current && html`<span class="hint">${step.hint}</span>`}</span>
          ${done.includes(step.key) && html`<span class="sr">done</span>`}
        </a>
      </li>`,
      )}
    </ol>
    <${Button} kind="quiet" small icon="close" aria-label="Close the guide" title="Close the guide"
      onClick=${dismiss} />
  </section>`;
}
