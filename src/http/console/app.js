// The console's frame: navigation, what stands above every view, and the view that the address names.

import { html, render, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { access, signIn, token } from './api.js';
import { Guide, restartGuide } from './guide.js';
import { href, route } from './router.js';
import { listen, pulses, streamState } from './live.js';
import { theme, toggleTheme } from './theme.js';
import { Button, Toasts } from './ui.js';
import { Icon } from './icons.js';
import { LiveView } from './view-live.js';
import { ModelView } from './view-model.js';
import { Palette } from './palette.js';
import { ProductsView } from './view-products.js';
import { SystemView } from './view-system.js';
import { TokenPanel } from './access.js';
import { useKey } from './hooks.js';
import { useStore } from './store.js';
import { VisitorView } from './view-visitor.js';

const NAVIGATION = [
  { view: 'live', name: 'Live', View: LiveView },
  { view: 'visitor', name: 'Visitor', View: VisitorView },
  { view: 'products', name: 'Products', View: ProductsView },
  { view: 'model', name: 'Model', View: ModelView },
  { view: 'system', name: 'System', View: SystemView },
];

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function App() {
  const { view, id } = useStore(route);
  const problem = useStore(access, (now) => now.problem);
  const [palette, setPalette] = useState(false);
  const main = useRef(null);
  const first = useRef(true);
  useEffect(listen, []);
  // Another view begins at its top, and a screen reader begins to read there.
  useEffect(() => {
    window.scrollTo(0, 0);
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [view, id]);
  useKey(
    (event) => (event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k',
    (event) => {
      event.preventDefault();
      setPalette((open) => !open);
    },
  );
  const { View } = NAVIGATION.find((entry) => entry.view === view);
  const extra = [{ name: 'Show the first minute again', detail: 'The guide', icon: 'play', run: restartGuide }];
  return html`
    <a class="skip" href="#main"
      onClick=${(event) => {
        event.preventDefault();
        main.current?.focus();
      }}>Skip to the content</a>
    <div class="frame">
      <header class="side">
        <a class="brand" href=${href('live')} aria-label="recsys, to the start">
          <img src="/console/icon.svg" width="26" height="26" alt="" /><span>recsys</span>
        </a>
        <button type="button" class="find" aria-keyshortcuts="Control+K Meta+K" onClick=${() => setPalette(true)}>
          <${Icon} name="search" /><span>Find or go to</span><kbd aria-hidden="true">${isMac ? '⌘' : 'Ctrl'} K</kbd>
        </button>
        <nav aria-label="Views">
          ${NAVIGATION.map(
            (entry) => html`<a key=${entry.view} href=${href(entry.view)}
            aria-current=${entry.view === view ? 'page' : null}>
            <${Icon} name=${entry.view} size=${18} /><span>${entry.name}</span>
            ${entry.view === 'live' && html`<${Beat} />`}</a>`,
          )}
        </nav>
        <div class="side-foot">
          <${Connection} />
          <${ThemeButton} />
          <${SignOut} />
        </div>
      </header>
      <main id="main" ref=${main} tabindex="-1">
        ${!problem && html`<${Guide} />`}
        ${problem ? html`<${TokenPanel} />` : html`<${View} id=${id} />`}
      </main>
    </div>
    ${palette && html`<${Palette} extra=${extra} onClose=${() => setPalette(false)} />`}
    <${Toasts} />`;
}

/** A dot that lives while events come. */
function Beat() {
  const last = useStore(pulses, (all) => all.at(-1));
  const state = useStore(streamState);
  const rate = last ? Object.values(last.eventsPerSecond).reduce((sum, each) => sum + each, 0) : 0;
  return html`<span class="beat ${state === 'open' && rate > 0 ? 'on' : ''}" aria-hidden="true" />`;
}

const STATES = {
  open: 'Live',
  opening: 'Connecting',
  broken: 'Connection lost, trying again',
  paused: 'Paused',
  refused: 'No live stream',
};

function Connection() {
  const state = useStore(streamState);
  const ready = useStore(pulses, (all) => all.at(-1)?.ready);
  const text = state === 'open' && ready === false ? 'Catching up' : STATES[state];
  return html`<p class="connection ${state} ${ready === false ? 'waiting' : ''}" role="status">
    <span class="dot" aria-hidden="true" />${text}</p>`;
}

function ThemeButton() {
  const now = useStore(theme);
  const next = now === 'dark' ? 'light' : 'dark';
  return html`<${Button} kind="quiet" icon=${now === 'dark' ? 'sun' : 'moon'} aria-label=${`Switch to ${next} colours`}
    title=${`Switch to ${next} colours`} onClick=${toggleTheme} />`;
}

/** A way to give the token back, where there is one. */
function SignOut() {
  const has = useStore(token);
  if (!has) return null;
  return html`<${Button} kind="quiet" icon="key" aria-label="Forget the token" title="Forget the token"
    onClick=${() => signIn('')} />`;
}

render(html`<${App} />`, document.getElementById('app'));
