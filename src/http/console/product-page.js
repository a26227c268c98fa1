// One product: what it is, how popular, what goes with it, and the shop's rules for it.

import { html, useMemo } from './vendor/htm-preact.js';
import { Answer, Card, Dot, Empty, Tag } from './ui.js';
import { get, segment } from './api.js';
import { Chart, dayOf } from './chart.js';
import { count, percent, price } from './format.js';
import { ProductRules } from './product-rules.js';
import { Graph } from './graph.js';
import { href } from './router.js';
import { Picture } from './pictures.js';
import { ReasonBar, ReasonLegend } from './reasons.js';
import { remember, useProducts } from './catalogue.js';
import { COUNTED, KINDS } from './words.js';
import { useLast, usePoll, useTitle } from './hooks.js';

const POPULAR_LOOKED_AT = 500;
const SIMILAR = 10;

export function ProductPage({ id }) {
  const row = usePoll(
    (signal) => get(`/api/products/${segment(id)}`, signal).then((product) => remember([product])[0]),
    10_000,
    [id],
  );
  const similar = usePoll(
    (signal) => get(`/api/products/${segment(id)}/similar?n=${SIMILAR}`, signal).then(remember),
    10_000,
    [id],
  );
  const trending = usePoll((signal) => get(`/api/trending?n=${POPULAR_LOOKED_AT}&reasons=0`, signal), 5000, []);
  const activity = usePoll((signal) => get(`/api/products/${segment(id)}/activity`, signal), 5000, [id]);
  // Of a product that the catalogue does not have, events may tell all the same.
  const unlisted = row.error?.status === 404;
  const product = useLast(unlisted ? { id, name: '', category: '', tags: [] } : row.data) ?? {
    id,
    name: '',
    category: '',
    tags: [],
  };
  useTitle(product.name || id);
  return html`
    <header class="product-head">
      <div class="product-picture"><${Picture} product=${product} size="100%" large /></div>
      <div class="product-facts">
        <p class="crumb"><a href=${href('products')}>Products</a>
        ${
          product.category &&
          html` / <a href=${href('products', '', { q: product.category })}>${product.category}
          </a>`
        }</p>
        <h1>${product.name || id}</h1>
        <p class="row wrap"><code>${id}</code>
        ${product.tags.map((tag) => html`<${Tag} key=${tag} href=${href('products', '', { q: tag })}>${tag}</>`)}</p>
        <dl class="facts-row">
          <div><dt>Price</dt><dd class="num">${price(product.price) || '–'}</dd></div>
          <div><dt>Availability</dt><dd>
          ${
            unlisted
              ? html`<span class="badge off">not in the catalogue</span>`
              : row.data &&
                html`<span
            class="badge ${row.data.available ? 'on' : 'off'}">${row.data.available ? 'available' : 'not available'}
              </span>`
          }</dd></div>
          <${TrendPlace} of=${trending} id=${id} />
          <${Totals} of=${activity} />
        </dl>
      </div>
    </header>
    ${row.error && !unlisted && html`<${Answer} of=${row} lines=${1}>${() => null}</>`}
    <div class="product-columns">
      <${Card} title="What goes with it" hint="The best at the top, then clockwise; thick lines go well">
        <${Answer} of=${similar} lines=${8} tall>${(products) =>
          products.length === 0
            ? html`<${Empty} icon="products"
            title="Nothing goes with it yet">That is learned from visits in which it is touched together with
              others.</>`
            : html`<${Graph} centre=${product} around=${products} /><${Similar} products=${products} />`}</>
      </>
      <div>
        <${ProductRules} product=${product} />
        <${Card} title="By day" hint="How often it was viewed, put in a cart and bought">
          <${Answer} of=${activity} lines=${5}>${({ days }) => html`<${ByDay} days=${days} />`}</>
        </>
      </div>
    </div>`;
}

function Totals({ of }) {
  return COUNTED.map(
    (each) => html`<div key=${each}><dt>${KINDS[each].name}s</dt>
    <dd class="num">${of.data ? count(of.data.totals[each]) : '–'}</dd></div>`,
  );
}

const DAY = 24 * 60 * 60;
const SERIES = COUNTED.map((each) => ({ name: `${KINDS[each].name}s`, colour: KINDS[each].colour }));

/** The noon of each day in seconds, with its totals. In between nothing was done, but within a week that is one entry. */
function withQuietDays(days) {
  const known = days.map(({ day, totals }) => ({ noon: Date.parse(`${day}T12:00:00Z`) / 1000, totals }));
  return known.flatMap((entry, at) => {
    const quiet = at === 0 ? 0 : (entry.noon - known[at - 1].noon) / DAY - 1;
    const before = Array.from({ length: quiet < 6 ? quiet : 0 }, (_, ago) => ({
      noon: entry.noon - (quiet - ago) * DAY,
      totals: { view: 0, add_to_cart: 0, purchase: 0 },
    }));
    return [...before, entry];
  });
}

function ByDay({ days }) {
  const data = useMemo(() => {
    const all = withQuietDays(days);
    return [all.map(({ noon }) => noon), ...COUNTED.map((each) => all.map(({ totals }) => totals[each]))];
  }, [days]);
  if (days.length === 0) return html`<${Empty} icon="products" title="Nobody has touched it yet" />`;
  if (days.length === 1)
    return html`<p class="hint">All of it was on ${dayOf(data[0][0])}; from a second day on, there is a curve.</p>`;
  return html`<div class="legend wrap">
    ${SERIES.map(({ name, colour }) => html`<${Dot} key=${name} colour=${colour}>${name}</>`)}</div>
    <${Chart} data=${data} series=${SERIES} height=${170} points format=${count} clock=${dayOf}
      label="Views, carts and purchases by day" />`;
}

function TrendPlace({ of, id }) {
  const place = of.data?.findIndex((product) => product.id === id);
  const text =
    of.data === undefined
      ? '–'
      : place >= 0
        ? `#${place + 1}`
        : `not among the first ${Math.min(POPULAR_LOOKED_AT, of.data.length)}`;
  const share = place >= 0 && of.data ? of.data[place].score / of.data[0].score : null;
  return html`<div><dt>Trend</dt><dd class="num">${text}</dd></div>
    ${share != null && html`<div><dt>Popularity, of the first’s</dt><dd class="num">${percent(share)}</dd></div>`}`;
}

function Similar({ products }) {
  useProducts(products.flatMap(({ reasons }) => reasons.map(({ product }) => product).filter(Boolean)));
  const top = products[0].score;
  return html`<${ReasonLegend} products=${products} /><ol class="similar">
    ${products.map(
      (product) => html`<li key=${product.id}><a href=${href('products', product.id)}>
      <${Picture} product=${product} size=${36} /><span class="similar-name"><b>${product.name || product.id}</b>
      <${ReasonBar} reasons=${product.reasons} top=${top} /></span>
      <span class="num">${percent(product.score / top)}</span></a></li>`,
    )}
  </ol>`;
}
