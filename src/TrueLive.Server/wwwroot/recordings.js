// Recordings on the server, a part of Live: what a session makes, with its sound, in the server's data folder.
import { $, ask, askJson, at, clock, h, post, say, size } from './dom.js';

const when = (time) => new Date(time).toLocaleString([], { weekday: 'short', hour: '2-digit', minute: '2-digit' });

class Recordings {
  #live;
  #rows = new Map();
  #button = h('button.primary', { type: 'button', id: 'server-record', onclick: () => this.#toggle() });
  #kept = h('p.note', {});
  #list = h('ul.recordings', { 'aria-label': 'Recordings' });
  #problem = h('p.stream-problem', { role: 'alert' });
  #running = null;
  #busy = false;
  #looks = 0;

  constructor(box, live) {
    this.#live = live;
    box.replaceChildren(
      h(
        'p.note',
        {},
        'The server keeps what the model makes of this session, and the sound, in its data folder. Whoever is filmed sees “Recorded on the server” on the picture while it does.',
      ),
      this.#button,
      this.#problem,
      this.#list,
      this.#kept,
    );
    this.#look();
  }

  get #session() {
    return this.#live.transport?.session.session;
  }

  #toggle() {
    const address = `/v1/sessions/${this.#session}/recording`;
    return this.#do(() => (this.#running ? ask(address, { method: 'DELETE' }) : post(address, {})));
  }

  async #do(action) {
    if (this.#busy) return;
    this.#busy = this.#button.disabled = true;
    this.#problem.textContent = '';
    try {
      await action();
    } catch (error) {
      this.#problem.textContent = error.message;
    }
    this.#busy = false;
    await this.#look();
  }

  // While the part is open and seen.
  async #look() {
    clearTimeout(this.timer);
    if ($('recordings').open && !document.hidden && !$('live').hidden) {
      try {
        const look = ++this.#looks;
        const found = await askJson('/v1/recordings');
        // An answer from before the last request is old.
        if (look === this.#looks && !this.#busy) this.#show(found);
      } catch (error) {
        this.#problem.textContent = error.message;
      }
    }
    this.timer = setTimeout(() => this.#look(), 1000);
  }

  #show({ recordings, bytes, disk_mb: disk, keep_hours: hours, limit_minutes: minutes }) {
    this.#running = recordings.find((r) => r.recording && r.session === this.#session) ?? null;
    this.#button.disabled = !this.#session || !disk;
    this.#button.textContent = this.#running ? 'Stop recording' : 'Record this session';
    this.#kept.textContent = disk
      ? `${size(bytes)} of ${size(disk * 2 ** 20)} are used. Each recording is deleted after ${hours} h, the oldest before that when there is no room, and has ${minutes} minutes at most.`
      : 'This server records no sessions.';
    for (const [id, row] of this.#rows) {
      if (recordings.some((r) => r.id === id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    // New rows go to the top: the newest, which comes first, last.
    for (const recording of [...recordings].reverse()) {
      const row = this.#rows.get(recording.id) ?? this.#row(recording);
      const { started, ended, ended_because: because, expires, problem } = recording;
      const length = clock((new Date(ended ?? Date.now()) - new Date(started)) / 1000);
      const words = `${when(started)}, ${length}, ${size(recording.bytes)}. ${ended ? `${because} Kept until ${when(expires)}.` : problem ? `Nothing is written now: ${problem}` : 'Recording now.'}`;
      if (row.firstChild.textContent !== words) row.firstChild.textContent = words;
      row.dataset.recording = recording.recording;
      row.parts = recording.parts;
    }
  }

  #row({ id }) {
    const shown = h('div', {});
    const row = h(
      'li.card',
      {},
      h('p', {}),
      h('button', { type: 'button', onclick: () => this.#play(row, shown) }, 'Play'),
      h('button', { type: 'button', onclick: () => this.#do(() => this.#delete(id)) }, 'Delete'),
      shown,
    );
    this.#rows.set(id, row);
    this.#list.prepend(row);
    return row;
  }

  #play(row, shown) {
    const player = (part, i) => [
      h('video', { src: at(part.url), controls: true, autoplay: i === 0, playsInline: true, 'aria-label': `Recording, part ${i + 1}` }),
      h('a', { href: at(part.url), download: `truelive-recording-${i + 1}.mp4` }, 'Save to this computer'),
    ];
    shown.replaceChildren(...(row.parts.length ? row.parts.flatMap(player) : [h('p.note', {}, 'Nothing is written yet.')]));
  }

  async #delete(id) {
    await ask(`/v1/recordings/${id}`, { method: 'DELETE' });
    say('The recording is deleted.');
  }
}

let recordings = null;

/** Fills the part when it is opened for the first time, and shows as much of it as there is room for. */
export function open(part, live) {
  if (!document.querySelector('link[href="streams.css"]')) document.head.append(h('link', { rel: 'stylesheet', href: 'streams.css' }));
  recordings ??= new Recordings($('recordings-body'), live);
  part.scrollIntoView({ block: 'nearest' });
}
