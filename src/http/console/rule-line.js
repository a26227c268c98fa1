// One rule in words, with its dates and what takes it away.

import { html, useState } from './vendor/htm-preact.js';
import { Button, Confirm } from './ui.js';
import { changeRules, nameOfRule } from './rules.js';
import { instant, ruleInWords, ruleState } from './words.js';
import { count, dateTime } from './format.js';
import { Icon } from './icons.js';

const STATES = { waiting: 'not yet', holds: 'in force', over: 'over' };

/** `hits`: how often it has hit, if that is known. */
export function RuleLine({ rule, name, hits }) {
  const [asking, setAsking] = useState(false);
  const state = ruleState(rule);
  const dates = [
    rule.from != null && `from ${dateTime(instant(rule.from))}`,
    rule.until != null && `until ${dateTime(instant(rule.until))}`,
  ].filter(Boolean);
  // It is named, not numbered: of two consoles each removes what it shows.
  const remove = () =>
    changeRules(
      (rules) => rules.filter((other, index) => nameOfRule(other, index) !== name),
      `Rule “${name}” was removed`,
    );
  return html`<li class="rule ${state}">
    <span class="rule-icon ${rule.action}"><${Icon} name=${rule.action} /></span>
    <div><p>${ruleInWords(rule)}</p><p class="hint"><code>${name}</code> ${dates.length ? dates.join(', ') : 'always'}
      ${hits != null && html`<span title="By this process since its start"> · hit ${count(hits)} times</span>`}
    </p></div>
    <span class="badge ${state === 'holds' ? 'on' : 'off'}">${STATES[state]}</span>
    <${Button} kind="quiet" small icon="trash" aria-label=${`Remove the rule ${name}`}
      onClick=${() => setAsking(true)} />
    ${
      asking &&
      html`<${Confirm} title="Remove this rule?" yes="Remove" danger onYes=${remove}
      onClose=${() => setAsking(false)}><p>${ruleInWords(rule)}</p></>`
    }
  </li>`;
}
