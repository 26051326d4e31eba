// The fleet as its front door tells it, looked at once a second.
import { $, ask, askJson, h, say, tab, trouble } from './dom.js';

const EVERY_MS = 1000;
// A worker may hold hundreds; the figures beside the squares say how many.
const MOST_SQUARES = 96;

const means = {
  ready: 'takes sessions', measuring: 'starts: it measures what it holds', draining: 'out of service: takes no new sessions',
  unreachable: 'cannot be reached', lost: 'lost: says nothing', stopped: 'has stopped',
};

const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

async function drain(name, on) {
  try {
    await ask(`/v1/fleet/workers/${encodeURIComponent(name)}/drain`, { method: on ? 'POST' : 'DELETE' });
    await look();
  } catch (error) {
    refused(error);
  }
}

function worker(w) {
  const squares = [...Array(Math.min(w.sessions, MOST_SQUARES)).fill('i.place.taken'), ...Array(Math.min(w.places, Math.max(0, MOST_SQUARES - w.sessions))).fill('i.place')];
  const gone = w.state === 'lost' || w.state === 'stopped';
  const drains = w.state !== 'draining';
  return h(`li.card.${w.state}`, { dataset: { worker: w.name } },
    h('div.head', {}, h('b', {}, w.name), h('span.said', {}, means[w.state] ?? w.state)),
    h('div.places', { 'aria-hidden': 'true' }, ...squares.map((s) => h(s))),
    h('span', {}, `${count(w.sessions, 'session')}, ${w.places} free`),
    w.problem ? h('p.note', {}, w.problem) : null,
    h('span.note', {}, `${w.version} at ${w.address}`),
    gone ? null : h('button', { type: 'button', onclick: () => drain(w.name, drains) }, drains ? `Drain ${w.name}` : `Take ${w.name} back`));
}

function show(fleet) {
  // A button that somebody is about to press must not be replaced under the pointer for nothing.
  const now = JSON.stringify(fleet.workers.map((w) => ({ ...w, heard_ms_ago: 0 })));
  if ($('workers').dataset.shown !== now) {
    const focused = document.activeElement?.closest?.('[data-worker]')?.dataset.worker;
    $('workers').replaceChildren(...fleet.workers.map(worker));
    $('workers').dataset.shown = now;
    if (focused) $('workers').querySelector(`[data-worker="${CSS.escape(focused)}"] button`)?.focus();
  }
  $('sessions').replaceChildren(...fleet.sessions.map((s) => h('tr', {},
    ...[s.id, s.worker ?? 'none: waits for its client', s.state, `${s.model} ${s.size}`, s.made].map((text) => h('td', {}, String(text))))));
  const free = fleet.workers.reduce((sum, w) => sum + w.places, 0);
  const { placed, refused: full, restored } = fleet.counts;
  const line = fleet.waiting ? `, ${fleet.waiting} waiting in line` : '';
  say(`${count(fleet.workers.length, 'worker')}, ${count(fleet.sessions.length, 'session')}, ${free} free${line}. Placed ${placed}, refused ${full}, placed anew ${restored}.`);
}

function refused(error) {
  $('key-form').hidden = error.kind !== 'key';
  trouble(error.message);
}

async function look() {
  show(await askJson('/v1/fleet'));
  $('key-form').hidden = true;
}

$('key-form').onsubmit = (event) => {
  event.preventDefault();
  tab.set('key', $('key').value);
  trouble(null);
};

for (;;) {
  try {
    await look();
  } catch (error) {
    refused(error);
  }
  await new Promise((next) => setTimeout(next, EVERY_MS));
}
