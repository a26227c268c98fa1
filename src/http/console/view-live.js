// The view Live: what happens in the shop now.

import { html, useEffect, useMemo, useRef, useState } from './vendor/htm-preact.js';
import { ago, count, millis, price, rate, timeOfDay } from './format.js';
import { Answer, Button, Card, Dot, Empty, Sparkline, Stat } from './ui.js';
import { nameOf, productOf, remember, useProducts } from './catalogue.js';
import { events, pulses, streamState, visits } from './live.js';
import { Face, Picture } from './pictures.js';
import { useFlip, useLast, usePoll, useSteady, useTick, useTitle } from './hooks.js';
import { Chart } from './chart.js';
import { did } from './guide.js';
import { get } from './api.js';
import { href } from './router.js';
import { COUNTED, kind, KINDS } from './words.js';
import { RankedBars } from './ranked.js';
import { useStore } from './store.js';

export function LiveView() {
  useTitle('Live');
  const trending = usePoll((signal) => get('/api/trending?n=50', signal).then(remember), 2000, []);
  return html`<div class="view live">
    <h1 class="sr">Live</h1>
    <${Pulse} />
    <div class="live-main">
      <${Rates} />
      <div class="pair">
        <${TrendingProducts} of=${trending} />
        <${TrendingTags} of=${trending} />
      </div>
      <${Visits} />
    </div>
    <${Feed} />
  </div>`;
}

/** Four numbers that say whether all is well. */
function Pulse() {
  const all = useStore(pulses);
  const last = all.at(-1);
  const recent = useMemo(() => all.slice(-60), [all]);
  const total = (pulse) => COUNTED.reduce((sum, each) => sum + (pulse.eventsPerSecond[each] ?? 0), 0);
  const late = last?.backlog > 0;
  return html`<dl class="stats card" aria-label="Now">
    <${Stat} name="Events a second" value=${last ? rate(total(last)) : '–'}
      hint="Views, carts and purchases that were counted in the last second">
      <${Sparkline} values=${recent.map(total)} /></>
    <${Delay} last=${last} recent=${recent} />
    <${Stat} name="Waiting to be read" value=${last ? count(last.backlog) : '–'} tone=${late ? 'warn' : ''}
      hint="Lag: what is stored in the topics and not read yet, in offsets, or bytes of topic files">
      <${Sparkline} values=${recent.map((pulse) => pulse.backlog)} colour="var(--cart)" /></>
    <${Stat} name="Requests a second" value=${last ? rate(last.requestsPerSecond) : '–'}
      hint="All requests to this process, this page’s among them">
      <${Sparkline} values=${recent.map((pulse) => pulse.requestsPerSecond)} colour="var(--r-rule)" /></>
  </dl>`;
}

/** How late the shop is told: to the profile in Redis, or without one to what answers know. */
function Delay({ last, recent }) {
  const field = last?.freshnessMs == null && last?.answerAgeMs != null ? 'answerAgeMs' : 'freshnessMs';
  const [name, hint] =
    field === 'freshnessMs'
      ? [
          'Click to visible',
          'Freshness: the median time from an event being stored until it is in its visitor’s profile',
        ]
      : ['Answers lag by', 'How much older than now an answer is when it comes: all events until then are in it'];
  return html`<${Stat} name=${name} value=${millis(last?.[field])} hint=${hint}>
    <${Sparkline} values=${recent.map((pulse) => pulse[field])} colour="var(--r-seen)" /></>`;
}

function Rates() {
  const all = useStore(pulses);
  const data = useMemo(() => {
    const times = all.map(({ time }) => new Date(time).getTime() / 1000);
    return [times, ...COUNTED.map((each) => all.map((pulse) => pulse.eventsPerSecond[each] ?? 0))];
  }, [all]);
  const series = useMemo(
    () => COUNTED.map((each) => ({ name: KINDS[each].name, colour: KINDS[each].colour, fill: each === 'view' })),
    [],
  );
  const last = all.at(-1);
  return html`<${Card} title="Events a second" class="rates" actions=${html`<div class="legend">
      ${COUNTED.map(
        (each) => html`<${Dot} key=${each} colour=${KINDS[each].colour}>${KINDS[each].name}
        <b>${last ? rate(last.eventsPerSecond[each] ?? 0) : '–'}</b></>`,
      )}</div>`}>
    ${
      all.length < 2
        ? html`<div class="chart-wait"><p class="hint">The curve begins with the next pulses.</p></div>`
        : html`<${Chart} data=${data} series=${series} height=${190} format=${count}
        label="Events a second by kind, over the last minutes" />`
    }
  </>`;
}

function TrendingProducts({ of }) {
  return html`<${Card} title="Trending products" hint="What views, carts and purchases make popular">
    <${Answer} of=${of} lines=${8}>${(products) =>
      products.length === 0
        ? html`<${Empty} icon="boost"
        title="Nothing is popular yet">As soon as products are looked at, they appear here.</>`
        : html`<${RankedBars} label="Trending products, the most popular first"
        items=${products.slice(0, 10).map((product) => ({
          key: product.id,
          name: product.name || product.id,
          value: product.score,
          text: count(product.score),
          href: href('products', product.id),
          detail: [product.category, price(product.price)].filter(Boolean).join(' · '),
          mark: html`<${Picture} product=${product} size=${26} />`,
        }))} />`}</>
  </>`;
}

function TrendingTags({ of }) {
  return html`<${Card} title="Trending tags" hint="Summed over the fifty most popular products">
    <${Answer} of=${of} lines=${8}>
    ${(products) => html`<${RankedBars} label="Trending tags, the most popular first" colour="var(--bar-2)"
      items=${tagSums(products)
        .slice(0, 10)
        .map(([tag, sum]) => ({
          key: tag,
          name: tag,
          value: sum,
          text: count(sum),
          href: href('products', '', { q: tag }),
        }))} />`}</>
  </>`;
}

function tagSums(products) {
  const sums = new Map();
  for (const { tags, score } of products) for (const tag of tags) sums.set(tag, (sums.get(tag) ?? 0) + score);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

const isNarrow = () => window.innerWidth < 700;

/** Of a visit the newest steps, as many as a row has room for. */
const stepsShown = () => (isNarrow() ? 5 : 12);

/** Rows stay where they are while their visitor is active, so that one can watch a visit grow. */
function Visits() {
  const all = useStore(visits);
  useTick(1000);
  const shown = useSteady(all, isNarrow() ? 5 : 7, 15_000, ({ touched }) => touched.length > 1);
  useProducts(shown.flatMap(({ touched }) => touched.slice(-stepsShown()).map(({ product }) => product)));
  return html`<${Card} title="Visits as they unfold"
    hint="What visitors touch, in their order. A ring is a cart or a purchase.">
    ${
      shown.length === 0
        ? html`<${Empty} icon="visitor"
        title="Nobody is in the shop">Visits appear as soon as somebody looks at a second product.</>`
        : html`<ul class="visits">${shown.map((visit) => html`<${VisitRow} key=${visit.key} visit=${visit} />`)}</ul>`
    }
  </>`;
}

function VisitRow({ visit }) {
  const list = useRef(null);
  useFlip(list, 380);
  return html`<li>
    <a class="visit-who" href=${href('visitor', visit.userId)}><${Face} user=${visit.userId} /><span><b>${visit.userId}
    </b>
      <small>${ago(visit.last)}</small></span></a>
    <ol class="visit-steps" ref=${list}>
      ${visit.touched.slice(-stepsShown()).map((step) => {
        const product = { ...productOf(step.product) };
        if (!product.tags?.length) Object.assign(product, { tags: step.tags ?? [], category: step.category ?? '' });
        const words = `${kind(step.kind).past} ${nameOf(step.product)}`;
        return html`<li key=${step.key} data-flip=${step.key}>
          <a class="step ${step.kind}" href=${href('products', step.product)} title=${words} aria-label=${words}>
          <${Picture} product=${product} size=${34} /></a></li>`;
      })}
    </ol>
  </li>`;
}

/** So many lines come at once at most: more nobody can read. */
const AT_ONCE = 3;
const LINES = 26;

function Feed() {
  const state = useStore(streamState);
  const [lines, setLines] = useState(() => events.get().slice(0, 24));
  const [held, setHeld] = useState(false);
  const [stopped, setStopped] = useState(false);
  const seen = useRef(events.get()[0]?.key ?? 0);
  const paused = held || stopped;
  useEffect(() => {
    if (paused) return undefined;
    const show = () => {
      const fresh = events.get().filter(({ key }) => key > seen.current);
      if (!fresh.length) return;
      seen.current = fresh[0].key;
      setLines((before) => [...(before.length === 0 ? fresh.slice(0, 24) : sample(fresh)), ...before].slice(0, LINES));
    };
    const timer = setInterval(show, 700);
    show();
    return () => clearInterval(timer);
  }, [paused]);
  useEffect(() => {
    if (lines.length > 0 && state === 'open') did('watch');
  }, [lines.length > 0, state]);
  const shown = useLast(lines);
  const list = useRef(null);
  useFlip(list, 350);
  useProducts(shown.map(({ product }) => product));
  return html`<${Card} title="Events" class="feed" hint=${paused ? 'Paused' : 'The newest on top; of many, a sample'}
    actions=${html`<${Button} kind="quiet" small icon=${stopped ? 'play' : 'pause'}
      aria-pressed=${stopped ? 'true' : 'false'}
      aria-label=${stopped ? 'Let events come' : 'Pause the events'} onClick=${() => setStopped(!stopped)} />`}>
    <div class="feed-box" onMouseEnter=${() => setHeld(true)} onMouseLeave=${() => setHeld(false)}
      onfocusin=${() => setHeld(true)} onfocusout=${() => setHeld(false)}>
      ${
        shown.length === 0
          ? html`<${Empty} icon="live"
          title="No event yet">POST one to /api/user-behavior, or start <code>recsys demo</code>.</>`
          : html`<ol ref=${list}>${shown.map((event) => html`<${FeedLine} key=${event.key} event=${event} />`)}</ol>`
      }
    </div>
  </>`;
}

function FeedLine({ event }) {
  const what = kind(event.eventType);
  const product = { ...productOf(event.product) };
  if (!product.tags?.length) Object.assign(product, { tags: event.tags ?? [], category: event.category ?? '' });
  return html`<li data-flip=${event.key} class="feed-line ${event.eventType}">
    <${Picture} product=${product} size=${32} />
    <div><p><a href=${href('visitor', event.userId)}>${event.userId}</a> <span class="feed-what">${what.past}</span></p>
      <p><a class="feed-product" href=${href('products', event.product)}>${nameOf(event.product)}</a></p></div>
    <time datetime=${event.timestamp}>${timeOfDay(event.timestamp)}</time>
  </li>`;
}

/** Of many events evenly spread ones, so that what one sees is the mixture that there is. */
function sample(fresh) {
  if (fresh.length <= AT_ONCE) return fresh;
  const step = fresh.length / AT_ONCE;
  return Array.from({ length: AT_ONCE }, (_, at) => fresh[Math.floor(at * step)]);
}
