// What the ranking has learned: a map of 66 sources of evidence for each length of a visit.

import { html, useState } from './vendor/htm-preact.js';
import { Answer, Button, Card, Confirm, Segmented, toast, toastProblem } from './ui.js';
import { count, percent } from './format.js';
import { ask, get } from './api.js';
import { usePoll } from './hooks.js';

const SHOWS = [
  { value: 'now', name: 'In force', hint: 'What the sources weigh in lists now' },
  { value: 'start', name: 'Start', hint: 'What they weigh in every new shop' },
  { value: 'learned', name: 'Learned', hint: 'What this shop’s visitors taught' },
  { value: 'change', name: 'Change', hint: 'What was learned, against the start' },
];

const EVIDENCE = {
  'within 1 minute': 'touched within 1 minute of it, in other visits',
  'within 3 minutes': 'touched within 3 minutes of it',
  'within 8 minutes': 'touched within 8 minutes of it',
  'within 30 minutes': 'touched within half an hour of it',
  'directly next': 'touched right after it',
  'two steps': 'goes with what goes with it',
  itself: 'the product itself again',
  tags: 'popular in its tags',
};

const IN_FORCE = { pinned: 'pinned weights', learned: 'what was learned', start: 'the start' };

export function Learned() {
  const [show, setShow] = useState('now');
  const [asking, setAsking] = useState('');
  const answer = usePoll((signal) => get('/api/ranking/weights', signal), 10_000, []);
  async function send(path, done, body, method = 'POST') {
    try {
      await ask(path, { method, body });
      toast(done, { kind: 'good' });
      answer.reload();
    } catch (error) {
      toastProblem(error);
    }
  }
  const unpin = () => send('/api/ranking/weights', 'The pin is gone: learning decides again', { weights: null }, 'PUT');
  return html`<${Answer} of=${answer} lines=${10} tall>${(learned) => html`
    <${Card} title="What the ranking has learned" class="learned"
      hint="Each square is a source of evidence. The stronger its colour, the more it decides what is shown."
        actions=${html`<${Segmented} label="What the map shows" options=${SHOWS} value=${show} onChange=${setShow} />`}>
      <${Progress} learned=${learned} />
      <${Maps} learned=${learned} show=${show} />
      <${Legend} show=${show} />
      <div class="card-foot">
        <${Button} icon="check" onClick=${() => setAsking('accept')}>Pin what was learned</>
        ${
          learned.inForce === 'pinned' &&
          html`<${Button} icon="undo"
          onClick=${unpin}>Unpin</>`
        }
        <${Button} icon="trash" onClick=${() => setAsking('reset')}>Forget what was learned</>
      </div>
    </>
    ${
      asking === 'accept' &&
      html`<${Confirm} title="Pin what was learned?" yes="Pin" onClose=${() => setAsking('')}
      onYes=${() => send('/api/ranking/weights/accept', 'Pinned')}>
      <p>These weights stay in force until they are unpinned. Learning goes on beside them.</p></>`
    }
    ${
      asking === 'reset' &&
      html`<${Confirm} title="Forget what was learned?" yes="Forget" danger
      onClose=${() => setAsking('')} onYes=${() => send('/api/ranking/weights/reset', 'Learning begins anew')}>
      <p>The ranking goes back to the weights of the start and learns anew. The grades stay.</p></>`
    }`}</>`;
}

function Progress({ learned }) {
  const { gradedEvents, enoughEvents, inForce, learning } = learned;
  const share = Math.min(1, gradedEvents / enoughEvents);
  const modes = { on: 'Learning is on', off: 'Learning is off', propose: 'What is learned is proposed only' };
  return html`<div class="progress-row"><p>
    <b>In force: ${IN_FORCE[inForce] ?? inForce}.</b> ${modes[learning] ?? learning}.
      ${
        share < 1
          ? ` ${count(gradedEvents)} of ${count(enoughEvents)} graded events that it takes.`
          : ` Learned from ${count(gradedEvents)} graded events.`
      }</p>
    <progress max="1" value=${share} aria-label="Graded events, of those that it takes" /></div>`;
}

/** The sources as rows of evidence by columns of places, as their names tell. */
function layout(sources) {
  const places = [];
  const kinds = [];
  const rest = [];
  const cells = new Map();
  sources.forEach((source, index) => {
    const [place, evidence] = source.split(': ');
    if (evidence === undefined) {
      rest.push({ name: source, index });
      return;
    }
    if (!places.includes(place)) places.push(place);
    if (!kinds.includes(evidence)) kinds.push(evidence);
    cells.set(`${place}: ${evidence}`, index);
  });
  return { places, kinds, rest, cells };
}

const GROUPS = { visit: 'in the visit, newest first', before: 'before' };

function groupOf(place) {
  return place.split(' ')[0];
}

function Maps({ learned, show }) {
  const [told, setTold] = useState(null);
  const { places, kinds, rest, cells } = layout(learned.sources);
  const groups = [...new Set(places.map(groupOf))].map((group) => [
    group,
    places.filter((place) => groupOf(place) === group),
  ]);
  const shares = (rows) =>
    rows.map((row) => {
      const sum = row.reduce((total, value) => total + value, 0) || 1;
      return row.map((value) => value / sum);
    });
  const start = shares(learned.start);
  const other = show === 'change' ? shares(learned.learned) : shares(learned[show]);
  const value = (gate, index) => (show === 'change' ? other[gate][index] - start[gate][index] : other[gate][index]);
  const cell = (gate, index, name) => {
    const own = value(gate, index);
    const strength = Math.min(1, Math.sqrt(Math.abs(own) / (show === 'change' ? 0.15 : 0.3)));
    const text =
      show === 'change' ? `${own >= 0 ? '+' : '−'}${percent(Math.abs(own), 1)}` : percent(own, own < 0.01 ? 2 : 1);
    return html`<td key=${name} class=${own < 0 ? 'less' : 'more-than'} style=${{ '--strength': strength }}
      title=${`${name}: ${text}`}
      onMouseEnter=${() => setTold({ gate, name, text })}><span class="sr">${text}</span></td>`;
  };
  return html`<div class="maps" onMouseLeave=${() => setTold(null)}>
    ${learned.gates.map(
      (gate, at) => html`<figure key=${gate} class="map">
      <figcaption><b>${gate === '1' ? '1 product' : `${gate} products`}</b> in the visit
        <small>${count(Math.round(learned.gradedByGate[at]))} graded</small></figcaption>
      <table><caption class="sr">Shares of the sources while the visit has ${gate} products</caption>
        <thead><tr><td />${groups.map(
          ([group, own]) => html`<th key=${group} scope="colgroup" colspan=${own.length}>
        ${GROUPS[group] ?? group}</th>`,
        )}</tr>
          <tr><td />${places.map(
            (place) => html`<th key=${place} scope="col">${place.split(' ').slice(1).join(' ')}
          </th>`,
          )}</tr></thead>
        <tbody>${kinds.map(
          (evidence) => html`<tr key=${evidence}><th scope="row" title=${EVIDENCE[evidence]}>
        ${evidence.replace('within ', '').replace(/ minutes?/, ' min')}</th>
          ${places.map((place) => cell(at, cells.get(`${place}: ${evidence}`), `${place}: ${evidence}`))}</tr>`,
        )}
          ${rest.map(
            ({ name, index }) => html`<tr key=${name} class="rest"><th scope="row">${name}</th>
            ${cell(at, index, name)}</tr>`,
          )}</tbody>
      </table>
    </figure>`,
    )}
    <p class="map-told" aria-hidden="true">
    ${told ? html`<b>${told.text}</b> ${inWords(told.name)}` : 'Point at a square to read what it is.'}</p>
  </div>`;
}

function inWords(name) {
  const [place, evidence] = name.split(': ');
  if (evidence === undefined) return name === 'popular' ? 'what is popular in the shop' : 'what is popular today';
  const whose = place.startsWith('visit')
    ? place === 'visit 1'
      ? 'the product they look at'
      : `the product${/-/.test(place) ? 's' : ''} ${place.slice(6)} of the visit, counted from the newest`
    : `the products ${place.slice(7)} from before the visit`;
  return `${EVIDENCE[evidence] ?? evidence} – of ${whose}`;
}

function Legend({ show }) {
  return html`<div class="map-legend">
    ${
      show === 'change'
        ? html`<span class="scale diverging" aria-hidden="true" />
        <span>left weighs less than at the start, right more</span>`
        : html`<span class="scale" aria-hidden="true" /><span>from nothing to 30 % of the score and more</span>`
    }
    <span>Columns: places of products that were touched, counted from the newest. Rows: what is known of the product
      in that place.</span>
  </div>`;
}
