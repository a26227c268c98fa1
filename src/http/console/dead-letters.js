// Records that were no events, by what was wrong with them.

import { html } from './vendor/htm-preact.js';
import { ago, count } from './format.js';
import { Answer, Card, Empty } from './ui.js';
import { get } from './api.js';
import { usePoll, useTick } from './hooks.js';

export function DeadLetters() {
  useTick(10_000);
  const answer = usePoll((signal) => get('/api/dead-letters', signal), 5000, []);
  return html`<${Card} title="Dead letters"
    hint="Records that could not be understood, since the process began. They stop nothing.">
    <${Answer} of=${answer} lines=${2}>${({ total, reasons }) =>
      total === 0
        ? html`<${Empty} icon="check" title="None">Every record was understood.</>`
        : html`<ul class="letters">${reasons.map(
            ({ reason, count: times, samples }) => html`<li key=${reason}><details>
          <summary><code>${reason}</code><span class="badge warn num">${count(times)}</span></summary>
          ${samples.map(
            (sample) => html`<div class="letter"
            key=${`${sample.topic} ${sample.partition} ${sample.offset}`}>
            <p>${sample.details}</p><p class="hint">
            ${sample.topic} ${sample.partition}, offset ${count(sample.offset)}, ${ago(sample.time)}</p>
            <pre class="code" tabindex="0">${sample.value}</pre></div>`,
          )}
        </details></li>`,
          )}</ul>`}</>
  </>`;
}
