// What was done about a visitor who was forgotten.

import { html } from './vendor/htm-preact.js';
import { Answer, Button, Empty } from './ui.js';
import { get, segment } from './api.js';
import { dateTime } from './format.js';
import { Icon } from './icons.js';
import { usePoll } from './hooks.js';

const STEPS = [
  ['rowsLeftAt', 'Their rows have left all views'],
  ['redisDeletedAt', 'Their profile was deleted from Redis'],
  ['nameErasedAt', 'Their name was erased from memory'],
  ['checkpointsErasedAt', 'No checkpoint has anything of them'],
];

export function Receipt({ user, onClose }) {
  const answer = usePoll((signal) => get(`/api/users/${segment(user)}/forget`, signal), 3000, [user]);
  // Until the rows have left there is no receipt, which is no trouble.
  const notYet = answer.error?.status === 404 && answer.data === undefined;
  return html`<header class="dialog-head"><h2>Receipt</h2>
    <${Button} kind="quiet" icon="close" aria-label="Close" onClick=${onClose} /></header>
    ${
      notYet
        ? html`<${Empty} icon="check"
      title="Being carried out">The receipt appears once the rows have left the views.</>`
        : html`<${Answer}
        of=${answer} lines=${5}>
      ${({ receipt, signature }) => html`
        <p class="hint">What ${user} did until ${dateTime(receipt.until)} counts for nobody. The receipt names them
          by the SHA-256 of their id.</p>
        <ol class="receipt">${STEPS.map(
          ([key, text]) => html`<li key=${key} class=${receipt[key] ? 'done' : ''}>
          <span class="guide-mark">${receipt[key] ? html`<${Icon} name="check" size=${12} />` : ''}</span>
          <span>${text}</span><time>${receipt[key] ? dateTime(receipt[key]) : 'not yet, or not used here'}</time>
          </li>`,
        )}</ol>
        <dl class="facts">
          <dt>Visitor</dt><dd><code class="long">${receipt.userSha256}</code></dd>
          <dt>Signature</dt><dd>${
            signature
              ? html`<code class="long">${signature}
          </code>`
              : 'not signed: receipts.key_file is not set'
          }</dd>
          ${receipt.notErased?.length > 0 && html`<dt>Not erased</dt><dd>${receipt.notErased.join('; ')}</dd>`}
          ${receipt.stays?.length > 0 && html`<dt>What stays</dt><dd>${receipt.stays.join('; ')}</dd>`}
        </dl>`}</>`
    }`;
}
