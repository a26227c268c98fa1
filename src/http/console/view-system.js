// The view System: whether the engine is well, and where to look when it is not.

import { html, useState } from './vendor/htm-preact.js';
import { ago, bytes, count, dateTime, exact, millis, seconds } from './format.js';
import { Answer, Button, Card, Empty, Stat, toast, toastProblem } from './ui.js';
import { ask, get } from './api.js';
import { parseMetrics, routes, total } from './metrics.js';
import { DeadLetters } from './dead-letters.js';
import { HELD } from './words.js';
import { Icon } from './icons.js';
import { usePoll, useTick, useTitle } from './hooks.js';

export function SystemView() {
  useTitle('System');
  const status = usePoll((signal) => get('/api/status', signal), 3000, []);
  const metrics = usePoll(async (signal) => parseMetrics(await get('/metrics', signal)), 5000, []);
  return html`<div class="view system">
    <header class="page-head"><h1>System</h1>
      <nav class="links" aria-label="More"><a href="/docs">API description</a><a href="/openapi.json">openapi.json</a>
      <a href="/metrics">Metrics</a><a href="/api/status">Status</a></nav></header>
    <${Answer} of=${status} lines=${10} tall>${(now) => html`
      <${Health} status=${now} />
      <${Numbers} status=${now} metrics=${metrics.data} />
      <div class="system-columns">
        <div>
          <${Partitions} status=${now} />
          <${Requests} of=${metrics} />
          <${DeadLetters} />
        </div>
        <div>
          <${Checkpoint} checkpoint=${now.checkpoint} reload=${status.reload} />
          <${Memory} held=${now.held} metrics=${metrics.data} />
          <${Members} status=${now} />
          <${Elsewhere} />
        </div>
      </div>`}</>
  </div>`;
}

/** One line if all is well; else a line for each thing that is not. */
function Health({ status }) {
  const wrong = troubles(status);
  return html`<section class="health ${wrong.length ? 'bad' : 'good'}" aria-label="Health" role="status">
    <${Icon} name=${wrong.length ? 'warn' : 'check'} size=${18} />
    ${
      wrong.length === 0
        ? html`<p><b>All is well.</b> It has caught up, every service answers, and nothing is lost.</p>`
        : html`<ul>${wrong.map((text) => html`<li key=${text}>${text}</li>`)}</ul>`
    }
  </section>`;
}

function troubles({ ready, awaited = [], services = {}, troubles: reading = [], lost = [], stored = {}, checkpoint }) {
  return [
    ...(ready ? [] : [`Not ready yet${awaited.length ? `: waits for ${awaited.join(', ')}` : ''}`]),
    ...Object.entries(services).map(([service, text]) => `${service}: ${text}`),
    ...reading.map(
      ({ topic, partition, offset, trouble, details }) =>
        `${topic} ${partition}, offset ${offset}: ${trouble}${details ? `, ${details}` : ''}`,
    ),
    ...lost.map(
      ({ topic, partition, offsets }) =>
        `${topic} ${partition}: ${offsets == null ? 'records' : count(offsets)} lost before they were read`,
    ),
    ...Object.entries(stored)
      .filter(([, how]) => how !== 'in-force')
      .map(([setting, how]) => `The setting ${setting}: ${how}`),
    ...(checkpoint?.trouble ? [`The last checkpoint failed: ${checkpoint.trouble}`] : []),
  ];
}

function Numbers({ status, metrics }) {
  const resident = metrics && total(metrics, 'process_resident_memory_bytes');
  const limit = metrics && total(metrics, 'recsys_memory_limit_bytes');
  const open = metrics && total(metrics, 'process_open_fds');
  return html`<dl class="stats card" aria-label="The process">
    <${Stat} name="Running for" value=${seconds(status.uptimeSeconds)} hint=${`Version ${status.version}`} />
    <${Stat} name="Processes" value=${count(status.processes)} hint="Processes of this cluster, by the settings" />
    <${Stat} name="Workers here" value=${count(status.workers)} hint="Worker threads of this process" />
    <${Stat} name="Waiting to be read" value=${count(status.backlog)} tone=${status.backlog > 0 ? 'warn' : ''}
      hint="Lag of all partitions of this process, in offsets, or bytes of topic files" />
    <${Stat} name="Memory" value=${bytes(resident)}
      hint=${limit ? `Resident; the limit is ${bytes(limit)}` : 'Resident'} />
    <${Stat} name="Open files" value=${count(open)} hint="File descriptors, connections among them" />
  </dl>`;
}

function Partitions({ status }) {
  const kept = status.partitions.some(({ checkpoint }) => checkpoint != null);
  return html`<${Card} title="Partitions" hint="What this process reads, and what it has left to read (lag)">
    ${
      status.partitions.length === 0
        ? html`<${Empty} icon="system" title="It reads no partition">Another process of the cluster may read them.</>`
        : html`<div class="scroll" tabindex="0" role="region" aria-label="Table of partitions"><table class="table">
        <thead><tr><th scope="col">Topic</th><th scope="col" class="right wide-only">Part</th>
        <th scope="col" class="right">Position</th>
        <th scope="col" class="right wide-only">End</th>
        ${
          kept &&
          html`<th scope="col" class="right wide-only"
          title="Where a start goes on, by the newest checkpoint">In checkpoint</th>`
        }
            <th scope="col" class="right">Lag</th></tr></thead><tbody>
        ${status.partitions.map(
          (one) => html`<tr key=${`${one.topic} ${one.partition}`}><th scope="row">${one.topic}
          <span class="narrow-only faint"> ${one.partition}</span></th><td class="right num wide-only">${one.partition}
          </td>
          <td class="right num">${exact(one.position)}</td><td class="right num wide-only">${exact(one.end)}</td>
          ${kept && html`<td class="right num wide-only">${exact(one.checkpoint)}</td>`}
          <td class="right num"><span class="badge ${one.lag > 0 ? 'warn' : 'plain'}">${count(one.lag)}</span></td>
          </tr>`,
        )}</tbody></table></div>`
    }
    ${
      status.retention &&
      html`<p class="hint">
      ${status.retention.topic} keeps what a start would need for another ${seconds(status.retention.seconds)}.</p>`
    }
  </>`;
}

const ROUTES_SHOWN = 10;

function Requests({ of }) {
  const [all, setAll] = useState(false);
  return html`<${Card} title="Requests" hint="Since the process began. 99 of 100 took at most p99.">
    <${Answer} of=${of} lines=${5}>${(samples) => {
      const rows = routes(samples);
      return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of requests"><table class="table">
        <thead><tr><th scope="col">Route</th><th scope="col" class="right">Count</th>
        <th scope="col" class="right wide-only">Median</th>
          <th scope="col" class="right">p99</th><th scope="col" class="right wide-only">Failed</th></tr></thead><tbody>
        ${rows.slice(0, all ? rows.length : ROUTES_SHOWN).map(
          (row) => html`<tr key=${`${row.method} ${row.route}`}>
          <th scope="row"><span class="method">${row.method}</span> ${row.route}</th>
          <td class="right num">${count(row.count)}</td><td class="right num wide-only">${millis(row.p50)}</td>
          <td class="right num">${millis(row.p99)}</td>
          <td class="right num wide-only">
          ${
            row.failed
              ? html`<span class="badge bad">${count(row.failed)}
            </span>`
              : html`<span class="faint">0</span>`
          }</td></tr>`,
        )}</tbody></table></div>
        ${
          rows.length > ROUTES_SHOWN &&
          html`<button type="button" class="linkish"
          aria-expanded=${all ? 'true' : 'false'} onClick=${() => setAll(!all)}>
            ${all ? 'Fewer' : `All ${rows.length} routes`}</button>`
        }`;
    }}</>
  </>`;
}

function Checkpoint({ checkpoint, reload }) {
  const [busy, setBusy] = useState(false);
  useTick(1000);
  async function write() {
    setBusy(true);
    try {
      const { data } = await ask('/api/admin/checkpoint', { method: 'POST' });
      toast(`Checkpoint ${data.number} is written`, { kind: 'good' });
      reload();
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy(false);
    }
  }
  return html`<${Card} title="Checkpoint" hint="What a start goes on from"
      actions=${checkpoint && html`<${Button} icon="save" busy=${busy} onClick=${write}>Write one now</>`}>
    ${
      checkpoint == null
        ? html`<${Empty} icon="save" title="Without checkpoints">A start reads all topics from their beginning.</>`
        : html`<dl class="facts">
        <dt>Number</dt><dd class="num">${checkpoint.number ?? 'none yet'}</dd>
        ${
          checkpoint.writtenAt &&
          html`<dt>Written</dt><dd>
          <time datetime=${checkpoint.writtenAt} title=${dateTime(checkpoint.writtenAt)}>${ago(checkpoint.writtenAt)}
          </time>, in ${millis(checkpoint.tookMs)}</dd>
          <dt>Size</dt><dd class="num">${bytes(checkpoint.bytes)}, ${bytes(checkpoint.newBytes)} of it new</dd>`
        }
        ${checkpoint.restored != null && html`<dt>Began with</dt><dd class="num">${checkpoint.restored}</dd>`}
        <dt>Failed tries</dt><dd class="num">${count(checkpoint.failures)}</dd>
        <dt>Where</dt><dd><code class="long">${checkpoint.url}</code></dd>
      </dl>`
    }
  </>`;
}

const HELD_SHOWN = 9;

function Memory({ held, metrics }) {
  const [all, setAll] = useState(false);
  const rows = Object.entries(held)
    .filter(([, size]) => size > 0)
    .sort((a, b) => b[1] - a[1]);
  const sum = rows.reduce((total, [, size]) => total + size, 0);
  const resident = metrics && total(metrics, 'process_resident_memory_bytes');
  const top = rows[0]?.[1] ?? 1;
  return html`<${Card} title="Memory by what holds it"
    hint=${`${bytes(sum)} are counted here${resident ? `, of ${bytes(resident)} of the process` : ''}`}>
    <ul class="held">${rows.slice(0, all ? rows.length : HELD_SHOWN).map(
      ([name, size]) => html`<li key=${name}
      title=${name}>
      <span class="held-name">${HELD[name] ?? name.replaceAll('_', ' ')}</span><span class="num">${bytes(size)}</span>
      <span class="held-bar" aria-hidden="true"><span style=${{ transform: `scaleX(${size / top})` }} /></span></li>`,
    )}
      </ul>
    ${
      rows.length > HELD_SHOWN &&
      html`<button type="button" class="linkish" aria-expanded=${all ? 'true' : 'false'}
      onClick=${() => setAll(!all)}>${all ? 'Fewer' : `All ${rows.length}`}</button>`
    }
  </>`;
}

function Members({ status }) {
  return html`<${Card} title="Members" hint="Processes that serve, by ZooKeeper’s list">
    ${
      status.members == null
        ? html`<p class="hint">This engine runs without ZooKeeper, or it does not answer: only this process is known,
          number ${status.process} with ${status.workers} ${status.workers === 1 ? 'worker' : 'workers'}.</p>`
        : html`<ul class="members">
        ${status.members.map(
          (member) => html`<li key=${`${member.process} ${member.host} ${member.pid}`}>
          <b class="num">${member.process}</b><div><p>${member.http ?? member.host}</p><p class="hint">
          ${member.host}, pid ${member.pid}, ${member.workers ?? '?'} workers${member.since ? `, since ${dateTime(member.since)}` : ''}</p></div></li>`,
        )}</ul>`
    }
  </>`;
}

/** Where the others usually are. They are told, not linked: who reads this may be on another machine. */
function Elsewhere() {
  return html`<${Card} title="Elsewhere" hint="As docker-compose.yml starts them; yours may be at other addresses">
    <dl class="facts"><dt>Grafana</dt><dd><code>http://localhost:3000</code></dd><dt>Prometheus</dt><dd>
    <code>http://localhost:9090</code></dd><dt>Alertmanager</dt><dd><code>http://localhost:9099</code></dd></dl>
  </>`;
}
