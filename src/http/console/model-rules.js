// All rules of the shop in words, and a form for another.

import { html, useState } from './vendor/htm-preact.js';
import { Answer, Button, Card, Empty } from './ui.js';
import { changeRules, freeName, nameOfRule, readRules, rulesChanged } from './rules.js';
import { RuleForm } from './rule-form.js';
import { RuleLine } from './rule-line.js';
import { get } from './api.js';
import { parseMetrics, total } from './metrics.js';
import { usePoll } from './hooks.js';
import { useStore } from './store.js';

/** How often a rule has hit since this process was started, as far as that is known. */
function hitsOf(metrics, name) {
  const own = metrics?.filter(({ labels }) => labels.rule === name);
  return own && (total(own, 'recsys_rule_hits_total') ?? 0);
}

export function Rules() {
  const changed = useStore(rulesChanged);
  const answer = usePoll(readRules, 10_000, [changed]);
  const metrics = usePoll(async (signal) => parseMetrics(await get('/metrics', signal)), 10_000, []);
  const [form, setForm] = useState(false);
  const send = (rule) =>
    changeRules(
      (rules) => [
        ...rules,
        { id: freeName(`${rule.action}-${rule.tag ?? rule.category ?? rule.product}`, rules), ...rule },
      ],
      'The rule is in force',
    );
  return html`<${Card} title="Rules"
    hint="What the shop pins, boosts, buries or hides, whatever visitors click. They hold from the next answer on."
      actions=${html`<${Button} icon="plus" aria-expanded=${form ? 'true' : 'false'}
        onClick=${() => setForm(!form)}>New rule</>`}>
    ${form && html`<${RuleForm} send=${send} onCancel=${() => setForm(false)} />`}
    <${Answer} of=${answer} lines=${4}>${({ rules, stored }) => html`
      ${
        stored &&
        stored !== 'in-force' &&
        html`<p class="stale"
        role="status">What is stored is not what holds: ${stored}</p>`
      }
      ${
        rules.length === 0
          ? html`<${Empty} icon="pin"
          title="No rules">The clicks of visitors decide alone. A rule pins a campaign, boosts a tag, or hides a
            recall.</>`
          : html`<ul class="rules">
          ${rules.map(
            (rule, index) => html`<${RuleLine} key=${nameOfRule(rule, index)} rule=${rule}
            name=${nameOfRule(rule, index)} hits=${hitsOf(metrics.data, nameOfRule(rule, index))} />`,
          )}</ul>`
      }`}</>
  </>`;
}
