// A form for a new rule. What it is for is given (a product), or chosen in it.

import { html, useState } from './vendor/htm-preact.js';
import { Button, Segmented } from './ui.js';
import { ProductSearch } from './product-search.js';

const ACTIONS = [
  { value: 'hide', name: 'Hide', hint: 'Leave it out of every list' },
  { value: 'boost', name: 'Boost', hint: 'Multiply its score by more than 1' },
  { value: 'bury', name: 'Bury', hint: 'Multiply its score by less than 1' },
  { value: 'pin', name: 'Pin', hint: 'Put it to a place, whatever its score' },
];

const FOR = [
  { value: 'tag', name: 'a tag' },
  { value: 'category', name: 'a category' },
  { value: 'product', name: 'a product' },
];

/** `send(rule)` gets a rule without an id, and answers whether it was stored. */
export function RuleForm({ product, action: first = 'boost', send, onCancel }) {
  const [action, setAction] = useState(first);
  const [target, setTarget] = useState(product ? 'product' : 'tag');
  const [value, setValue] = useState(product?.id ?? '');
  const [factor, setFactor] = useState(2);
  const [place, setPlace] = useState(1);
  const [times, setTimes] = useState({ from: '', until: '' });
  const [busy, setBusy] = useState(false);
  const complete = value.trim() !== '';
  async function store(event) {
    event.preventDefault();
    if (!complete || busy) return;
    const rule = { action, [target]: value.trim() };
    if (action === 'boost') rule.factor = factor;
    if (action === 'bury') rule.factor = Number((1 / factor).toPrecision(3));
    if (action === 'pin') rule.place = place;
    if (times.from) rule.from = new Date(times.from).toISOString();
    if (times.until) rule.until = new Date(times.until).toISOString();
    setBusy(true);
    if (await send(rule)) onCancel();
    setBusy(false);
  }
  return html`<form class="rule-form" onSubmit=${store} aria-label="A new rule">
    <${Segmented} label="What it does" options=${ACTIONS} value=${action} onChange=${setAction} />
    ${
      !product &&
      html`<${Segmented} label="What it is for" options=${FOR} value=${target}
      onChange=${(next) => {
        setTarget(next);
        setValue('');
      }} />
      ${
        target === 'product'
          ? value
            ? html`<p>For <code>${value}
          </code> <button type="button" class="linkish" onClick=${() => setValue('')}>another</button></p>`
            : html`<${ProductSearch} id="rule-product" label="The product" onChoose=${(found) => setValue(found.id)} />`
          : html`<label class="labelled">The ${target}
          <input type="text" value=${value} autocomplete="off" onInput=${(event) => setValue(event.target.value)} />
          </label>`
      }`
    }
    ${
      (action === 'boost' || action === 'bury') &&
      html`<label class="labelled">
      <span>Score ${action === 'boost' ? '×' : '÷'} <output>${factor}</output></span>
      <input type="range" min="1.25" max="10" step="0.25" value=${factor}
        style=${{ '--at': `${((factor - 1.25) / 8.75) * 100}%` }}
        onInput=${(event) => setFactor(Number(event.target.value))} /></label>`
    }
    ${
      action === 'pin' &&
      html`<label class="labelled">Place in the list<input type="number" min="1" max="1000"
      value=${place}
      onInput=${(event) => setPlace(Math.max(1, Math.min(1000, Math.round(Number(event.target.value)) || 1)))} />
        </label>`
    }
    <div class="pair-fields">
      <label class="labelled">From (now)<input type="datetime-local" value=${times.from}
        onInput=${(event) => setTimes({ ...times, from: event.target.value })} /></label>
      <label class="labelled">Until (for ever)<input type="datetime-local" value=${times.until}
        onInput=${(event) => setTimes({ ...times, until: event.target.value })} /></label>
    </div>
    <div class="form-foot"><${Button} onClick=${onCancel}>Cancel</>
      <button type="submit" class="button primary"
        aria-disabled=${complete && !busy ? null : 'true'}>Put in force</button></div>
  </form>`;
}
