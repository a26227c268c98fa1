// Why a product is shown to a visitor, or what keeps it out.

import { html, useState } from './vendor/htm-preact.js';
import { Answer, Button } from './ui.js';
import { digits, ordinal } from './format.js';
import { get, segment } from './api.js';
import { nameOf, productOf, useProducts } from './catalogue.js';
import { Icon } from './icons.js';
import { obstacleInWords } from './words.js';
import { Picture } from './pictures.js';
import { ProductSearch } from './product-search.js';
import { ReasonBar, ReasonList } from './reasons.js';
import { usePoll } from './hooks.js';

export function WhyNot({ user, n, product: first = '', onClose }) {
  const [product, setProduct] = useState(first);
  return html`<header class="dialog-head"><h2>Why, or why not?</h2>
      <${Button} kind="quiet" icon="close" aria-label="Close" onClick=${onClose} /></header>
    <p class="hint">Choose a product: the engine says where it stands for ${user}, and all that keeps it out.</p>
    <${ProductSearch} label="A product" autofocus onChoose=${(found) => setProduct(found.id)} />
    ${product && html`<${WhyAnswer} key=${product} user=${user} product=${product} n=${n} />`}`;
}

function WhyAnswer({ user, product, n }) {
  const answer = usePoll(
    (signal) => get(`/api/recommendations/${segment(user)}/why/${segment(product)}?n=${n}`, signal),
    0,
    [user, product],
  );
  useProducts([product, ...(answer.data?.reasons ?? []).map((reason) => reason.product).filter(Boolean)]);
  return html`<div class="why" aria-live="polite">
    <div class="row"><${Picture} product=${productOf(product)} size=${52} />
      <div><b>${nameOf(product)}</b><p class="hint">${product}</p></div></div>
    <${Answer} of=${answer} lines=${4}>${(why) => html`
      <p class="why-verdict ${why.shown ? 'yes' : 'no'}"><${Icon} name=${why.shown ? 'check' : 'close'} />
        ${why.shown ? `Shown, in place ${why.place}` : 'Not among what is shown'}</p>
      ${
        why.obstacles.length > 0 &&
        html`<ul class="obstacles">
        ${why.obstacles.map(
          (one, at) => html`<li key=${at}>${obstacleInWords(one)}
        ${one.by != null && html` <span class="hint">The last place has ${digits(one.by)} more.</span>`}</li>`,
        )}</ul>`
      }
      <p class="hint">${
        why.rank
          ? `By its score alone it would be the ${ordinal(why.rank)} of ${why.candidates} candidates${why.score == null ? '' : `, with ${digits(why.score)}`}.`
          : `${why.candidates} other products have a score for this visitor.`
      }</p>
      ${
        why.reasons.length > 0 &&
        html`<${ReasonBar} reasons=${why.reasons} />
        <${ReasonList} reasons=${why.reasons.slice(0, 10)} />`
      }
      ${
        why.cut &&
        why.cut.reasons.length > 0 &&
        html`<p
        class="hint">Lists that have it, but further down than a ranking reads, would add ${digits(why.cut.score)}.</p>`
      }
    `}</>
  </div>`;
}
