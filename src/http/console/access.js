// The panel that asks for a token.

import { html, useState } from './vendor/htm-preact.js';
import { access, signIn, token } from './api.js';
import { Button, sentence } from './ui.js';
import { Icon } from './icons.js';
import { useStore } from './store.js';

export function TokenPanel() {
  const problem = useStore(access, (now) => now.problem);
  const had = useStore(token);
  const [text, setText] = useState('');
  function send(event) {
    event.preventDefault();
    if (text.trim()) signIn(text.trim());
  }
  return html`<section class="card token-panel" aria-label="Token">
    <span class="empty-icon"><${Icon} name="key" size=${20} /></span>
    <h1>This engine asks who you are</h1>
    <p class="hint">${had ? 'It does not know the token that you gave. ' : ''}${sentence(problem?.message)}</p>
    <form onSubmit=${send}>
      <label for="token">Token</label>
      <input id="token" type="password" autocomplete="off" spellcheck=${false} value=${text} autofocus
        onInput=${(event) => setText(event.target.value)} />
      <${Button} kind="primary" onClick=${send}>Continue</>
    </form>
    <p class="hint">It is kept in this tab alone, until the tab is closed. Tokens are made by <code>recsys token
      new</code>: with the
      scope <code>read</code> you see everything, with <code>write</code> you act as a visitor,
        with <code>admin</code> you change the model.</p>
  </section>`;
}
