// The rules that are for one product, and ways to hide, boost, bury and pin it.

import { html, useState } from './vendor/htm-preact.js';
import { Answer, Button, Card } from './ui.js';
import { changeRules, freeName, meets, nameOfRule, names, readRules, rulesChanged } from './rules.js';
import { href } from './router.js';
import { RuleForm } from './rule-form.js';
import { RuleLine } from './rule-line.js';
import { usePoll } from './hooks.js';
import { useStore } from './store.js';

const WAYS = [
  { action: 'boost', name: 'Boost', icon: 'boost' },
  { action: 'bury', name: 'Bury', icon: 'bury' },
  { action: 'pin', name: 'Pin', icon: 'pin' },
  { action: 'hide', name: 'Hide', icon: 'hide' },
];

export function ProductRules({ product }) {
  const changed = useStore(rulesChanged);
  const answer = usePoll(readRules, 15_000, [changed]);
  const [form, setForm] = useState('');
  const send = (rule) =>
    changeRules(
      (rules) => [...rules, { id: freeName(`${rule.action}-${product.id}`, rules), ...rule }],
      `${product.name || product.id}: the rule is in force`,
    );
  return html`<${Card} title="Merchandising"
    hint=${html`What the shop wants of it. <a href=${href('model', 'rules')}>All rules</a>`} class="product-rules">
    <div class="ways">${WAYS.map(
      ({ action, name, icon }) => html`<${Button} key=${action} icon=${icon}
      aria-expanded=${form === action ? 'true' : 'false'}
      onClick=${() => setForm(form === action ? '' : action)}>${name}</>`,
    )}</div>
    ${
      form &&
      html`<${RuleForm} key=${form} product=${product} action=${form} send=${send}
      onCancel=${() => setForm('')} />`
    }
    <${Answer} of=${answer} lines=${2}>${({ rules }) => {
      const own = rules
        .map((rule, index) => ({ rule, name: nameOfRule(rule, index) }))
        .filter(({ rule }) => names(rule, product.id) || meets(rule, product));
      return own.length === 0
        ? html`<p class="hint">No rule is for this product.</p>`
        : html`<ul class="rules">
          ${own.map(({ rule, name }) => html`<${RuleLine} key=${name} rule=${rule} name=${name} />`)}</ul>`;
    }}</>
  </>`;
}
