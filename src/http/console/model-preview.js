// Weights and blend as sliders, with what they would show beside what is shown now; nothing holds before it is saved.

import { html, useEffect, useMemo, useRef, useState } from './vendor/htm-preact.js';
import { Answer, Button, Card, Empty, LookUp, toast, toastProblem } from './ui.js';
import { ask, get, getSetting, putSetting } from './api.js';
import { BLEND, WEIGHTS } from './words.js';
import { activeUsers, visits } from './live.js';
import { ago, digits } from './format.js';
import { Bumps } from './bumps.js';
import { did } from './guide.js';
import { Face } from './pictures.js';
import { href } from './router.js';
import { Icon } from './icons.js';
import { remember } from './catalogue.js';
import { usePoll, useSettled } from './hooks.js';

const SHOWN = 10;

/** The numbers that may be moved, by setting, each with the end of its slider. */
const PARTS = [
  { setting: 'weights', title: 'What an event counts for', names: WEIGHTS, most: 20, step: 0.5 },
  { setting: 'blend', title: 'What the shop wants more or less of', names: BLEND, most: 4, step: 0.1 },
];

export function Preview() {
  const settings = usePoll(
    async (signal) => {
      const [weights, blend] = await Promise.all([getSetting('weights', signal), getSetting('blend', signal)]);
      return { weights, blend };
    },
    0,
    [],
  );
  return html`<${Answer} of=${settings} lines=${10} tall>${(stored) => html`
    <${Editor} key=${`${stored.weights.etag} ${stored.blend.etag}`} stored=${stored} reload=${settings.reload} />`}</>`;
}

function Editor({ stored, reload }) {
  const now = useMemo(() => ({ weights: stored.weights.data, blend: pickBlend(stored.blend.data) }), [stored]);
  const [draft, setDraft] = useState(now);
  const [busy, setBusy] = useState(false);
  const [conflict, setConflict] = useState(null);
  const differences = differ(now, draft);
  function move(setting, name, value) {
    setDraft((before) => ({ ...before, [setting]: { ...before[setting], [name]: value } }));
    did('weigh');
  }
  async function save() {
    setBusy(true);
    try {
      for (const { setting } of PARTS) {
        if (!differences.some((one) => one.setting === setting)) continue;
        // Fields of the blend that are not shown here stay as they are.
        await putSetting(setting, { ...stored[setting].data, ...draft[setting] }, stored[setting].etag);
      }
      toast('Saved: all visitors get their lists by these numbers now.', { kind: 'good' });
      reload();
    } catch (error) {
      if (error.status === 412) setConflict(await whoChanged());
      else toastProblem(error);
    } finally {
      setBusy(false);
    }
  }
  return html`<div class="preview">
    <div class="preview-side">
      ${PARTS.map(
        ({ setting, title, names, most, step }) => html`<${Card} key=${setting} title=${title}>
        ${Object.entries(names).map(
          ([name, { name: label, hint }]) => html`<${Slider} key=${name}
          id=${`${setting}-${name}`} label=${label} hint=${hint} most=${most} step=${step}
          value=${draft[setting][name]} saved=${now[setting][name]}
            onChange=${(value) => move(setting, name, value)} />`,
        )}
      </>`,
      )}
      <div class="save-dock">
        ${
          conflict &&
          html`<div class="conflict" role="alert"><p><b>Somebody was faster.</b> ${conflict}</p>
          <${Button} small icon="reload" onClick=${() => {
            setConflict(null);
            reload();
          }}>Load what holds now</>
          </div>`
        }
        <${SaveBar} differences=${differences} busy=${busy} save=${save} discard=${() => setDraft(now)} />
      </div>
    </div>
    <${Comparison} now=${now} draft=${draft} changed=${differences.length > 0} />
  </div>`;
}

/** A number between 0 and, by the slider, `most`; the field takes larger ones. */
function Slider({ id, label, hint, value, saved, most, step, onChange }) {
  const changed = value !== saved;
  function typed(event) {
    const number = Number(event.target.value);
    if (event.target.value !== '' && number >= 0 && number <= 1_000_000) onChange(number);
  }
  return html`<div class="slider ${changed ? 'changed' : ''}">
    <label for=${id} title=${hint}>${label}</label>
    ${
      changed &&
      html`<button type="button" class="was" title="Back to what is saved"
      aria-label=${`${label}: back to ${digits(saved)}`} onClick=${() => onChange(saved)}>
      <${Icon} name="undo" size=${12} /> ${digits(saved)}</button>`
    }
    <input class="slider-number num" type="number" min="0" max="1000000" step="any"
      aria-label=${`${label}, as a number`} value=${value} onInput=${typed} />
    <input id=${id} type="range" min="0" max=${Math.max(most, saved)} step=${step} value=${value}
      aria-describedby="${id}-hint"
      style=${{ '--at': `${(Math.min(value, most) / Math.max(most, saved)) * 100}%` }}
        onInput=${(event) => onChange(Number(event.target.value))} />
    <p class="hint" id="${id}-hint">${hint}</p>
  </div>`;
}

function SaveBar({ differences, busy, save, discard }) {
  if (differences.length === 0) return null;
  return html`<div class="save-bar" role="region" aria-label="Changes that are not saved">
    <p><b>Not saved</b> ${differences.map(
      ({ label, from, to }) => html`<span class="difference" key=${label}>
    ${label} ${digits(from)} → ${digits(to)}</span>`,
    )}</p>
    <div><${Button} onClick=${discard}>Discard</>
    <${Button} kind="primary" icon="save" busy=${busy} onClick=${save}>Save for all visitors</></div>
  </div>`;
}

const CHANGED = 'Left what visitors see now, right what they would see';
const UNCHANGED = 'Move a slider: the right side answers, and nothing changes for visitors before you save';

/** For some visitors, what they are shown now beside what they would be shown. */
function Comparison({ now, draft, changed }) {
  const [users, setUsers] = useState(() => activeUsers(visits.get(), 2).map(({ userId }) => userId));
  // The page may be there before the first events are.
  useEffect(
    () =>
      users.length
        ? undefined
        : visits.watch(
            (all) =>
              all.size > 1 &&
              setUsers((before) => (before.length ? before : activeUsers(all, 2).map(({ userId }) => userId))),
          ),
    [],
  );
  const add = (user) => setUsers((before) => [...before.filter((other) => other !== user), user].slice(-4));
  return html`<${Card} title="Preview" class="comparison"
    hint=${changed ? CHANGED : UNCHANGED}
      actions=${html`<${LookUp} label="Compare for a visitor, by id" placeholder="Add a visitor" icon="plus"
        onFind=${add} />`}>
    ${
      users.length === 0 &&
      html`<${Empty} icon="visitor"
      title="Whom shall it be shown for?">Add a visitor by their id.</>`
    }
    <div class="comparisons">
    ${users.map(
      (user) => html`<${UserComparison} key=${user} user=${user} now=${now} draft=${draft}
      remove=${() => setUsers((before) => before.filter((other) => other !== user))} />`,
    )}</div>
  </>`;
}

function UserComparison({ user, now, draft, remove }) {
  const settled = useSettled(draft, 150);
  const model = JSON.stringify(settled);
  const answer = usePoll(
    async (signal) => {
      const old = await lab(user, now, signal);
      return { old, fresh: JSON.stringify(now) === model ? old : await lab(user, settled, signal) };
    },
    0,
    [user, model, now],
  );
  const last = useRef(null);
  if (answer.data) last.current = answer.data;
  return html`<section class="user-comparison" aria-label=${`Preview for ${user}`}
    aria-busy=${answer.loading ? 'true' : null}>
    <header><${Face} user=${user} size=${24} /><a href=${href('visitor', user)}><b>${user}</b></a>
      <${Button} kind="quiet" small icon="close" aria-label=${`Leave out ${user}`} onClick=${remove} /></header>
    <${Answer} of=${last.current && !answer.error ? { ...answer, data: last.current } : answer} lines=${8} tall>
      ${({ old, fresh }) => html`<${Bumps} old=${old} fresh=${fresh} />`}</>
  </section>`;
}

/** A process answers one question of the lab at a time: so they are asked one after the other. */
let turn = Promise.resolve();

function lab(user, { weights, blend }, signal) {
  const mine = turn.then(async () => {
    const body = { user, n: SHOWN, weights, blend, reasons: 0 };
    if (signal?.aborted) throw new DOMException('no longer wanted', 'AbortError');
    return remember((await ask('/api/lab/recommendations', { method: 'POST', body, signal })).data);
  });
  turn = mine.catch(() => {});
  return mine;
}

function pickBlend(blend) {
  return Object.fromEntries(Object.keys(BLEND).map((name) => [name, blend[name] ?? 1]));
}

function differ(now, draft) {
  return PARTS.flatMap(({ setting, names }) =>
    Object.entries(names)
      .filter(([name]) => now[setting][name] !== draft[setting][name])
      .map(([name, { name: label }]) => ({ setting, label, from: now[setting][name], to: draft[setting][name] })),
  );
}

/** Who wrote last, for a conflict. */
async function whoChanged() {
  try {
    const { changes } = await get('/api/changes');
    const last = changes.find(({ path }) => path.endsWith('/weights') || path.endsWith('/blend'));
    if (last)
      return `${last.who} changed ${last.path.split('/').pop()} ${ago(last.time)}. Nothing of yours was written over it.`;
  } catch {
    // Whoever it was, the numbers have changed.
  }
  return 'The numbers have changed since this page was loaded. Nothing of yours was written over them.';
}
