// How often recommendations were right, beside simpler ways.

import { html, useMemo, useState } from './vendor/htm-preact.js';
import { Answer, Card, Dot, Empty, Segmented } from './ui.js';
import { count, percent } from './format.js';
import { Chart, dayOf } from './chart.js';
import { get } from './api.js';
import { STRATEGIES } from './words.js';
import { usePoll } from './hooks.js';

const GRADES = [
  {
    value: 'hr@10',
    name: 'First 10',
    hint: 'How often what a visitor touched next was among the first 10 that would have been shown (HR@10)',
  },
  { value: 'hr@20', name: 'First 20', hint: 'How often it was among the first 20 (HR@20)' },
  { value: 'mrr@20', name: 'How far up', hint: 'The mean of 1 over its place: 1 is always first, 0.5 second (MRR@20)' },
];

const WAYS = [
  { value: 'all', name: 'All', hint: 'All that visitors touched next' },
  { value: 'other', name: 'Another product', hint: 'Only what was another product than the one they looked at' },
  { value: 'new', name: 'New to the visit', hint: 'Only what they had not touched in this visit' },
];

/** With fewer days a curve says less than bars. */
const DAYS_OF_A_CURVE = 3;

export function Quality() {
  const [grade, setGrade] = useState('hr@10');
  const [way, setWay] = useState('new');
  const answer = usePoll((signal) => get('/api/quality?days=30', signal), 10_000, []);
  const chosen = GRADES.find(({ value }) => value === grade);
  return html`<${Card} title="How often the recommendations were right"
    hint=${`${chosen.hint}. ${WAYS.find(({ value }) => value === way).hint}.`} class="quality"
      actions=${html`<${Segmented} label="What is measured" options=${GRADES} value=${grade} onChange=${setGrade} />
        <${Segmented} label="Of which products" options=${WAYS} value=${way} onChange=${setWay} />`}>
    <${Answer} of=${answer} lines=${8} tall>${(quality) =>
      quality.total.in_force[way].lists === 0
        ? html`<${Empty} icon="model"
        title="Nothing is graded yet">A sample of visitors is graded: what they touch next is looked up in what they
          would have been shown just before.</>`
        : html`<${Grades} quality=${quality} grade=${grade} way=${way} />`}</>
  </>`;
}

function Grades({ quality, grade, way }) {
  const { days, total } = quality;
  const lists = total.in_force[way].lists;
  return html`
    <${Bars} total=${total} grade=${grade} way=${way} />
    ${
      days.length >= DAYS_OF_A_CURVE
        ? html`<${Curves} days=${days} grade=${grade} way=${way} />`
        : html`<p class="hint">Curves by day stand here from the third day on. The whiskers are two standard errors,
          of ${count(lists)} lists that were graded.</p>`
    }`;
}

function Bars({ total, grade, way }) {
  const rows = Object.entries(STRATEGIES).map(([key, strategy]) => ({ key, ...strategy, ...total[key][way][grade] }));
  const top = Math.max(...rows.map(({ value, standardError }) => value + 2 * (standardError ?? 0)), 0.01);
  const end = Math.min(1, top * 1.08);
  return html`<dl class="grades">
    ${rows.map(
      ({ key, name, hint, colour, value, standardError }) => html`<div key=${key}>
      <dt title=${hint}>${name}<small>${hint}</small></dt>
      <dd><span class="grade-track" aria-hidden="true">
      <span class="grade-bar" style=${{ width: `${(value / end) * 100}%`, background: colour }} />
        ${
          standardError > 0 &&
          html`<span class="whisker"
          style=${whisker(value, standardError, end)} />`
        }</span>
        <span class="grade-value num">
        ${percent(value, 1)}${standardError != null && html`<small> ± ${percent(2 * standardError, 1)}</small>`}</span>
          </dd>
    </div>`,
    )}
  </dl>`;
}

/** Two standard errors to both sides, within the track. */
function whisker(value, error, end) {
  const left = Math.max(value - 2 * error, 0) / end;
  const right = 1 - Math.min(value + 2 * error, end) / end;
  return { left: `${left * 100}%`, right: `${right * 100}%` };
}

function Curves({ days, grade, way }) {
  const data = useMemo(
    () => [
      days.map(({ day }) => Date.parse(`${day}T12:00:00Z`) / 1000),
      ...Object.keys(STRATEGIES).map((key) =>
        days.map(({ rankings }) => (rankings[key][way].lists ? rankings[key][way][grade].value : null)),
      ),
    ],
    [days, grade, way],
  );
  const series = useMemo(
    () => Object.values(STRATEGIES).map(({ name, colour }, at) => ({ name, colour, width: at === 0 ? 2.5 : 1.5 })),
    [],
  );
  return html`<div class="legend wrap">
    ${Object.values(STRATEGIES).map(({ name, colour }) => html`<${Dot} key=${name} colour=${colour}>${name}</>`)}</div>
    <${Chart} data=${data} series=${series} height=${240} points format=${(value) => percent(value, 0)} clock=${dayOf}
      label="Quality by day, for what is in force and simpler ways" />`;
}
