// One visitor: what they care about and did, what they are shown and why, and buttons to act as them.

import { html, useCallback, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { Answer, Button, Confirm, Dialog, Switch, toastProblem } from './ui.js';
import { ask, freshId, get, segment } from './api.js';
import { Activity, keyOf, Profile, Timeline } from './visitor-facts.js';
import { did } from './guide.js';
import { Face } from './pictures.js';
import { href } from './router.js';
import { movesBetween } from './moves.js';
import { openStream } from './stream.js';
import { Receipt } from './receipt.js';
import { Moved, RecommendationList } from './visitor-list.js';
import { remember } from './catalogue.js';
import { usePoll } from './hooks.js';
import { WhyNot } from './why.js';

const SHOWN = 12;

/** So often at most the page follows what the visitor does elsewhere. */
const FOLLOW_MS = 1500;

const KEPT_EVENTS = 100;

export function VisitorPage({ user }) {
  const [follow, setFollow] = useState(true);
  const [events, setEvents] = useState([]);
  const [moved, setMoved] = useState(null);
  const [busy, setBusy] = useState('');
  const [dialog, setDialog] = useState(null);
  const shown = useRef([]);

  const question = useCallback(
    async (signal) => {
      const path = segment(user);
      const [known, list] = await Promise.all([
        get(`/api/users/${path}?format=list`, signal),
        get(`/api/recommendations/${path}?n=${SHOWN}&reasons=8`, signal),
      ]);
      return { known, list: remember(list) };
    },
    [user],
  );
  const answer = usePoll(question, 0, [user]);
  if (answer.data) shown.current = answer.data.list;

  useFollowed(user, follow && !busy, setEvents, answer.reload);

  async function act(product, eventType) {
    setBusy(`${eventType} ${product.id}`);
    const began = performance.now();
    const before = shown.current;
    const event = { eventType, userId: user, product: product.id, eventId: freshId() };
    try {
      await ask('/api/user-behavior?wait=visible', { method: 'POST', body: event });
      const data = await question();
      answer.give(data);
      // The stream brings it as well, a little later.
      setEvents((before) => merged([{ ...event, timestamp: new Date().toISOString() }], before));
      const took = performance.now() - began;
      // Of whoever does more in a day than a person, later events are not followed.
      const followed = data.known.visit.products[0] === product.id;
      setMoved({ key: event.eventId, eventType, product, followed, moves: movesBetween(before, data.list), took });
      did('act');
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy('');
    }
  }

  async function forget() {
    try {
      await ask(`/api/users/${segment(user)}/forget?wait=visible`, { method: 'POST', body: {} });
      setEvents([]);
      answer.reload();
      setTimeout(() => setDialog({ what: 'receipt' }));
    } catch (error) {
      toastProblem(error);
    }
  }

  const close = () => setDialog(null);
  return html`
    <header class="page-head">
      <div class="who"><${Face} user=${user} size=${44} />
        <div><p class="crumb"><a href=${href('visitor')}>Visitors</a></p><h1>${user}</h1></div></div>
      <div class="actions">
        <${Switch} label="Follow live" on=${follow} onChange=${setFollow}
          hint="Let the page move when the visitor does something elsewhere" />
        <${Button} icon="search" onClick=${() => setDialog({ what: 'why' })}>Why not …</>
        <${Button} icon="trash" onClick=${() => setDialog({ what: 'forget' })}>Forget</>
      </div>
    </header>
    <div class="visitor-columns">
      <div class="visitor-list">
        <${Moved} moved=${moved} user=${user} />
        <${Answer} of=${answer} lines=${10} tall>
        ${({ list }) => html`<${RecommendationList} list=${list} moved=${moved} busy=${busy}
          act=${act} why=${(product) => setDialog({ what: 'why', product })} />`}</>
      </div>
      <div class="visitor-side">
        <${Answer} of=${answer} lines=${6}>${({ known }) => html`
          <${Activity} activity=${known.activity} purchases=${known.purchases} />
          <${Profile} profile=${known.profile} />
          <${Timeline} known=${known} events=${events} />`}</>
      </div>
    </div>
    ${
      dialog?.what === 'why' &&
      html`<${Dialog} title="Why, or why not" wide onClose=${close}>
      <${WhyNot} user=${user} n=${SHOWN} product=${dialog.product?.id} onClose=${close} /></>`
    }
    ${
      dialog?.what === 'forget' &&
      html`<${Confirm} title=${`Forget ${user}?`} yes="Forget them" danger
      onClose=${close} onYes=${forget}>
      <p>Everything ${user} did until now will count for nobody: not for them, not for trends, not for what goes
        together. This cannot be undone.</p>
      <p class="hint">The topics keep the events; to erase these is for whoever runs the brokers.</p></>`
    }
    ${
      dialog?.what === 'receipt' &&
      html`<${Dialog} title="Receipt" wide onClose=${close}>
      <${Receipt} user=${user} onClose=${close} /></>`
    }`;
}

/** The visitor's events, of a stream of their own, as the common one may be a sample; and the page follows them. */
function useFollowed(user, follow, setEvents, reload) {
  const latest = useRef({});
  latest.current = { follow, reload };
  useEffect(() => {
    let timer = 0;
    const keep = (fresh) => setEvents((before) => merged(fresh, before));
    const catchUp = () =>
      get('/api/user-behavior?limit=1000').then(
        (all) => keep(all.filter(({ userId, sessionId }) => (userId ?? sessionId) === user)),
        () => {},
      );
    let state = '';
    catchUp();
    const close = openStream(
      { user },
      {
        // What happened before it was open, or while it was broken, is asked for.
        state(now) {
          if (now === 'open' && state !== 'open') catchUp();
          state = now;
        },
        message(name, fresh) {
          if (name !== 'events') return;
          keep(fresh);
          timer ||= setTimeout(() => {
            timer = 0;
            if (latest.current.follow) latest.current.reload();
          }, FOLLOW_MS);
        },
      },
    );
    return () => {
      clearTimeout(timer);
      close();
    };
  }, [user]);
}

/** Newest first, each once: what was asked for and what came may overlap. */
function merged(fresh, before) {
  const all = new Map();
  for (const event of [...before, ...fresh]) all.set(keyOf(event), event);
  return [...all.values()].sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp)).slice(0, KEPT_EVENTS);
}
