// The view Visitor: whom to look at.

import { html, useEffect, useMemo } from './vendor/htm-preact.js';
import { ago } from './format.js';
import { Card, Empty, LookUp } from './ui.js';
import { Face, Picture } from './pictures.js';
import { activeUsers, visits } from './live.js';
import { productOf, useProducts } from './catalogue.js';
import { go, href } from './router.js';
import { did } from './guide.js';
import { useSteady, useTick, useTitle } from './hooks.js';
import { useStore } from './store.js';
import { VisitorPage } from './visitor-page.js';

export function VisitorView({ id }) {
  useTitle(id || 'Visitor');
  useEffect(() => {
    if (id) did('choose');
  }, [id]);
  return html`<div class="view visitor">
    ${id ? html`<${VisitorPage} key=${id} user=${id} />` : html`<${Choose} />`}
  </div>`;
}

function Choose() {
  const all = useStore(visits);
  useTick(1000);
  const byUser = useMemo(
    () =>
      new Map(
        activeUsers(all, 400)
          .reverse()
          .map((visit) => [visit.userId, visit]),
      ),
    [all],
  );
  const users = useSteady(byUser, window.innerWidth < 700 ? 8 : 18, 20_000);
  useProducts(users.flatMap(({ touched }) => touched.slice(-5).map(({ product }) => product)));
  return html`
    <header class="page-head"><div><h1>Visitor</h1>
      <p class="hint">What one visitor cares about, what they are shown, and why. Act as them, and see the list
        move.</p></div>
      <${LookUp} label="Look up a visitor by id" placeholder="A visitor’s id"
        onFind=${(user) => go('visitor', user)} /></header>
    <${Card} title="Active now" hint="Who did something last">
      ${
        users.length === 0
          ? html`<${Empty} icon="visitor"
          title="Nobody is active">Look a visitor up by their id, or wait for the next event.</>`
          : html`<ul class="choose">
          ${users.map(
            (visit) => html`<li key=${visit.userId}><a href=${href('visitor', visit.userId)}>
            <${Face} user=${visit.userId} size=${36} />
            <span class="choose-who"><b>${visit.userId}</b><small>${ago(visit.last)}</small></span>
            <span class="choose-steps" aria-hidden="true">
            ${visit.touched.slice(-5).map(
              (step) => html`<${Picture} key=${step.key} product=${productOf(step.product)}
              size=${28} />`,
            )}</span>
          </a></li>`,
          )}</ul>`
      }
    </>`;
}
