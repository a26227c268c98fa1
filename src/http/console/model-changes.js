// Who changed what, and a way back.

import { html, useState } from './vendor/htm-preact.js';
import { ago, dateTime, digits } from './format.js';
import { Answer, Button, Card, Confirm, Empty, toast, toastProblem } from './ui.js';
import { get, getSetting, putSetting } from './api.js';
import { nameOfRule, rulesChanged } from './rules.js';
import { Icon } from './icons.js';
import { ruleInWords } from './words.js';
import { usePoll, useTick } from './hooks.js';

export function Changes() {
  useTick(10_000);
  const answer = usePoll((signal) => get('/api/changes', signal), 5000, []);
  const [asking, setAsking] = useState(null);
  async function undo(change) {
    const setting = settingOf(change);
    try {
      const { etag, data } = await getSetting(setting);
      // What was changed again since then is not silently undone with it.
      if (JSON.stringify(data) !== JSON.stringify(change.after))
        toast('It was changed again since: that change is undone as well.');
      await putSetting(setting, change.before, etag);
      rulesChanged.set((before) => before + 1);
      toast(`${setting} is as it was before`, { kind: 'good' });
      answer.reload();
    } catch (error) {
      toastProblem(error);
    }
  }
  return html`<${Card} title="History" hint="The last changes of settings, the newest first, and a way back">
    <${Answer} of=${answer} lines=${5}>${({ changes }) =>
      changes.length === 0
        ? html`<${Empty} icon="undo"
        title="Nothing was changed">Weights, rules and pins that are saved stand here, with who saved them.</>`
        : html`<ol class="changes">${changes.map(
            (change, at) => html`<li key=${`${change.time}${at}`}>
          <span class="rule-icon"><${Icon} name=${ICONS[settingOf(change)] ?? 'save'} /></span>
          <div><p><b>${settingOf(change)}
          </b> <span class="hint">by ${change.who}, <time datetime=${change.time} title=${dateTime(change.time)}>
          ${ago(change.time)}</time></span></p>
            <ul class="diff">${inWords(change).map((line) => html`<li key=${line}>${line}</li>`)}</ul></div>
          ${
            change.before != null &&
            isSetting(change) &&
            html`<${Button} small icon="undo"
            onClick=${() => setAsking(change)}>Undo</>`
          }</li>`,
          )}</ol>`}</>
    ${
      asking &&
      html`<${Confirm} title="Undo this change?" yes="Undo" onClose=${() => setAsking(null)}
      onYes=${() => undo(asking)}>
      <p>${settingOf(asking)} becomes what it was before ${dateTime(asking.time)}:</p><pre class="code">
      ${shortened(asking.before)}</pre></>`
    }
  </>`;
}

const ICONS = { weights: 'model', blend: 'model', rules: 'pin', ranking: 'boost' };

function settingOf({ path }) {
  return path.split('/').pop();
}

function isSetting({ path }) {
  return /^\/config\/recommendation\/\w+$/.test(path);
}

function shortened(value) {
  const text = JSON.stringify(value, null, 1);
  return text.length > 1500 ? `${text.slice(0, 1500)} …` : text;
}

/** What differs, a line each. */
function inWords({ before, after }) {
  if (Array.isArray(before) && Array.isArray(after)) return rulesInWords(before, after);
  if (before && after && typeof before === 'object' && typeof after === 'object') {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    const lines = keys
      .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
      .map((key) => `${key}: ${brief(before[key])} → ${brief(after[key])}`);
    return lines.length ? lines : ['the same as before'];
  }
  return [`${brief(before)} → ${brief(after)}`];
}

function rulesInWords(before, after) {
  const keyed = (rules) =>
    new Map(rules.map((rule, index) => [`${nameOfRule(rule, index)} ${JSON.stringify(rule)}`, rule]));
  const was = keyed(before);
  const is = keyed(after);
  const lines = [
    ...[...is].filter(([key]) => !was.has(key)).map(([, rule]) => `added: ${ruleInWords(rule)}`),
    ...[...was].filter(([key]) => !is.has(key)).map(([, rule]) => `removed: ${ruleInWords(rule)}`),
  ];
  return lines.length ? lines.slice(0, 8) : ['another order'];
}

function brief(value) {
  if (value == null) return 'nothing';
  if (typeof value === 'number') return digits(value, 6);
  if (Array.isArray(value)) return `${value.length} rows`;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)} …` : text;
}
