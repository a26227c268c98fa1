// Light or dark: as the system has it, until it is chosen here.

import { keptStore, store } from './store.js';

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const chosen = keptStore('recsys.theme', 'system');

/** `light` or `dark`, as it is shown. */
export const theme = store(shown());

function shown() {
  return chosen.get() === 'system' ? (dark.matches ? 'dark' : 'light') : chosen.get();
}

function apply() {
  theme.set(shown());
  document.documentElement.dataset.theme = theme.get();
}

dark.addEventListener('change', apply);
chosen.watch(apply);
apply();

/** To the other one. What the system has anyway is not kept as a choice. */
export function toggleTheme() {
  const next = theme.get() === 'dark' ? 'light' : 'dark';
  chosen.set(next === (dark.matches ? 'dark' : 'light') ? 'system' : next);
}

/** Whether things may move. */
export const mayMove = () => !window.matchMedia('(prefers-reduced-motion: reduce)').matches;
