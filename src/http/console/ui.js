// Parts that every view is made of.

import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { Icon } from './icons.js';
import { store, useStore } from './store.js';

/** A button. `kind` is `primary`, `quiet`, `danger` or nothing. One that is busy keeps the focus, and does nothing. */
export function Button({ kind = '', icon, children, small, busy, class: more = '', onClick, ...rest }) {
  const looks = `button ${kind} ${small ? 'small' : ''} ${children ? '' : 'bare'} ${more}`;
  return html`<button type="button" class=${looks} aria-busy=${busy ? 'true' : null}
    aria-disabled=${busy ? 'true' : null}
    onClick=${busy ? undefined : onClick} ...${rest}>
    ${busy ? html`<span class="spinner" aria-hidden="true" />` : icon && html`<${Icon} name=${icon} />`}${children}
  </button>`;
}

/** A surface with a title. `level` is that of its heading. */
export function Card({ title, hint, actions, children, class: more = '', level = 2, id }) {
  return html`<section class="card ${more}" id=${id} aria-label=${title}>
    ${
      title &&
      html`<header class="card-head">
      <div><${`h${level}`}>${title}</>${hint && html`<p class="hint">${hint}</p>`}</div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>`
    }
    ${children}
  </section>`;
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 4, tall = false }) {
  return html`<div class="skeleton ${tall ? 'tall' : ''}" role="status" aria-label="Loading">
    ${Array.from({ length: lines }, (_, line) => html`<span style=${{ width: `${92 - ((line * 37) % 45)}%` }} />`)}
  </div>`;
}

/** Nothing is there, and what would make something be there. */
export function Empty({ icon = 'products', title, children }) {
  return html`<div class="empty"><span class="empty-icon"><${Icon} name=${icon} size=${20} /></span>
    <p class="empty-title">${title}</p>${children && html`<p class="hint">${children}</p>`}</div>`;
}

/** What went wrong, in the engine's own words, and another try. */
export function Trouble({ error, retry }) {
  const lacking = error.status === 403;
  return html`<div class="trouble" role="alert">
    <span class="trouble-icon"><${Icon} name=${lacking ? 'key' : 'warn'} /></span>
    <div>
      <p class="trouble-title">
      ${lacking ? `This needs the right “${error.right}”` : sentence(error.title ?? 'Something broke')}</p>
      <p class="hint">${error.message}</p>
      ${retry && html`<${Button} small icon="reload" onClick=${retry}>Try again</>`}
    </div>
  </div>`;
}

/** With a capital at its beginning. */
export function sentence(text = '') {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a question has become: a skeleton, a trouble, or what `children` makes of its data. */
export function Answer({ of, lines, tall, children }) {
  if (of.data === undefined && of.error) return html`<${Trouble} error=${of.error} retry=${of.reload} />`;
  if (of.data === undefined) return html`<${Skeleton} lines=${lines} tall=${tall} />`;
  return html`${
    of.error &&
    html`<p class="stale" role="status">
    <${Icon} name="warn" /> Not up to date: ${of.error.message}
    <button type="button" class="linkish" onClick=${of.reload}>Try again</button></p>`
  }${children(of.data)}`;
}

/** One of several, as a row of buttons. */
export function Segmented({ label, options, value, onChange }) {
  return html`<div class="segmented" role="group" aria-label=${label}>
    ${options.map(
      ({ value: own, name, hint }) => html`<button key=${own} type="button" title=${hint}
      aria-pressed=${own === value ? 'true' : 'false'} onClick=${() => onChange(own)}>${name}</button>`,
    )}
  </div>`;
}

/** On or off. */
export function Switch({ label, on, onChange, hint }) {
  return html`<button type="button" role="switch" class="switch" aria-checked=${on ? 'true' : 'false'} title=${hint}
    onClick=${() => onChange(!on)}><span class="track" aria-hidden="true"><span /></span>${label}</button>`;
}

/** A coloured dot with words. */
export function Dot({ colour, children, title }) {
  return html`<span class="dot-label" title=${title}>
    <span class="dot" style=${{ background: colour }} aria-hidden="true" />${children}</span>`;
}

export function Tag({ children, href }) {
  return href ? html`<a class="tag" href=${href}>${children}</a>` : html`<span class="tag">${children}</span>`;
}

/** A row of parts of a whole: `[{key, name, value, colour}]`. */
export function Stack({ parts, whole, label, thin }) {
  const sum = whole ?? parts.reduce((total, part) => total + part.value, 0);
  return html`<div class="stack ${thin ? 'thin' : ''}" role="img" aria-label=${label}>
    ${
      sum > 0 &&
      parts
        .filter((part) => part.value > 0)
        .map(
          (part) => html`<span key=${part.key} title=${part.name}
      style=${{ background: part.colour, flexGrow: part.value / sum }} />`,
        )
    }
  </div>`;
}

/** Moves the focus into a dialog, keeps it there, and gives it back. */
export function Dialog({ title, onClose, children, wide, class: more = '' }) {
  const ref = useRef(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog.showModal();
    return () => dialog.open && dialog.close();
  }, []);
  function outside(event) {
    if (event.target === ref.current) onClose();
  }
  return html`<dialog ref=${ref} class="dialog ${wide ? 'wide' : ''} ${more}" aria-label=${title} onMouseDown=${outside}
    onCancel=${(event) => {
      event.preventDefault();
      onClose();
    }}>
    <div class="dialog-body">${children}</div>
  </dialog>`;
}

/** A question with a yes, which is not the default of the keyboard. */
export function Confirm({ title, children, yes, danger, onYes, onClose }) {
  const [busy, setBusy] = useState(false);
  async function doIt() {
    setBusy(true);
    try {
      await onYes();
    } finally {
      setBusy(false);
      onClose();
    }
  }
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <h2>${title}</h2>
    <div class="dialog-text">${children}</div>
    <div class="dialog-foot">
      <${Button} onClick=${onClose} autofocus>Cancel</>
      <${Button} kind=${danger ? 'danger' : 'primary'} busy=${busy} onClick=${doIt}>${yes}</>
    </div>
  </>`;
}

const toasts = store([]);
let toastNumber = 0;

/** Says something at the edge of the page, to screen readers as well. `action` is `{name, run}`. */
export function toast(text, { kind = '', action, ms = 6000 } = {}) {
  const key = (toastNumber += 1);
  toasts.set((before) => [...before.slice(-2), { key, text, kind, action }]);
  setTimeout(() => dismiss(key), ms);
}

/** Says what went wrong. */
export function toastProblem(error) {
  const text = error.status === 403 ? `This needs the right “${error.right}”. ${error.message}` : error.message;
  toast(text, { kind: 'bad', ms: 10_000 });
}

function dismiss(key) {
  toasts.set((before) => before.filter((one) => one.key !== key));
}

export function Toasts() {
  const shown = useStore(toasts);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map(
      ({ key, text, kind, action }) => html`<div key=${key} class="toast ${kind}">
      <span>${text}</span>
      ${
        action &&
        html`<button type="button" class="linkish" onClick=${() => {
          dismiss(key);
          action.run();
        }}>
        ${action.name}</button>`
      }
      <button type="button" class="toast-close" aria-label="Dismiss" onClick=${() => dismiss(key)}>
      <${Icon} name="close" size=${12} /></button>
    </div>`,
    )}
  </div>`;
}

/** A number with its name. */
export function Stat({ name, value, unit, hint, tone = '', children }) {
  return html`<div class="stat ${tone}" title=${hint}>
    <dt>${name}</dt>
    <dd><span class="stat-value">${value}</span>${unit && html`<span class="stat-unit">${unit}</span>`}</dd>
    ${children}
  </div>`;
}

/** A small line of the last values. Nothing for screen readers: the value stands beside it. */
export function Sparkline({ values, width = 96, height = 26, colour = 'var(--accent)' }) {
  const known = values.filter((value) => value != null);
  if (known.length < 2) return html`<svg class="sparkline" viewBox="0 0 ${width} ${height}" aria-hidden="true" />`;
  const top = Math.max(...known, 0.000001);
  const step = width / (values.length - 1);
  const points = values
    .map((value, at) =>
      value == null ? null : `${(at * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`,
    )
    .filter(Boolean);
  return html`<svg class="sparkline" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true"
    focusable="false">
    <polygon points="0,${height} ${points.join(' ')} ${width},${height}" style=${{ fill: colour }} />
    <polyline points=${points.join(' ')} style=${{ stroke: colour }} />
  </svg>`;
}

/** A field that looks something up when it is sent. */
export function LookUp({ label, placeholder, onFind, icon = 'search', id }) {
  const [text, setText] = useState('');
  function find(event) {
    event.preventDefault();
    if (text.trim()) onFind(text.trim());
    setText('');
  }
  return html`<form class="lookup" role="search" onSubmit=${find}>
    <${Icon} name=${icon} />
    <input id=${id} type="search" aria-label=${label} placeholder=${placeholder} value=${text} autocomplete="off"
      spellcheck=${false}
      onInput=${(event) => setText(event.target.value)} />
  </form>`;
}
