// The journal of a live session, and what can be done with it; and a conspicuous sign while the server keeps one, or a recording.
import { $, ask, askJson, clock, h, post, say, size, trouble } from './dom.js';

export class JournalSign {
  #session;
  #journal = null;
  #recording = null;

  constructor(session) {
    this.#session = session;
    session.addEventListener('opened', ({ detail }) => {
      $('journal').disabled = false;
      detail.control.addEventListener('stats', ({ detail: stats }) => {
        this.#told(stats.journal ?? null);
        this.#recorded(stats.recording?.id ?? null);
      });
    });
    session.addEventListener('state', ({ detail }) => {
      if (detail.state !== 'idle') return;
      $('journal').disabled = true;
      if (this.recording) this.#look();
      this.#recorded(null);
    });
    $('journal').onclick = () => (this.recording ? this.stop() : this.begin());
  }

  get recording() {
    return this.#journal?.recording ?? false;
  }

  begin() {
    return this.#do(async () => this.#show(await post(this.#address, {})));
  }

  stop() {
    return this.#do(async () => this.#show(await askJson(this.#address, { method: 'DELETE' })));
  }

  get #address() {
    if (!this.#session.transport) throw new Error('The connection is away: try it when it is back.');
    return `/v1/sessions/${this.#session.transport.session.session}/journal`;
  }

  // Shows what the server reports each second, whoever began the journal.
  #told(journal) {
    if (journal) this.#show(journal);
    else if (this.recording) this.#look();
  }

  // A recording of what is made is told of in the same way; the part Recordings has the rest.
  #recorded(id) {
    if (id === this.#recording) return;
    this.#recording = id;
    say(id ? 'The server records the picture and the sound of this session.' : 'The recording has ended.');
    this.#sign();
  }

  #sign() {
    $('journal-mark').hidden = !this.recording && !this.#recording;
  }

  async #look() {
    const { id } = this.#journal;
    this.#show(await askJson(`/v1/journals/${id}`).catch(() => null));
  }

  async #do(action) {
    try {
      await action();
    } catch (error) {
      trouble(error.message);
    }
  }

  #show(journal) {
    const words = (j) => `${clock(j.seconds)}, ${size(j.bytes)}`;
    const changed = journal?.recording !== this.#journal?.recording || journal?.id !== this.#journal?.id;
    this.#journal = journal;
    const on = this.recording;
    $('journal').setAttribute('aria-pressed', String(on));
    this.#sign();
    $('journal-bar').hidden = !journal;
    if (!journal) return;
    if (changed) {
      say(on ? 'The server records this session.' : 'The recording has ended.');
      $('journal-bar').dataset.on = on;
      $('journal-bar').replaceChildren(
        h('p'),
        ...(on ? [this.#button('Stop', () => this.stop())] : [this.#button('Make a clip', () => this.#clip(journal.id))]),
        this.#button('Delete', () => this.#delete(journal.id)),
      );
    }
    $('journal-bar').firstChild.textContent = on
      ? `The server records what comes in and every prompt: ${words(journal)} so far, at most ${clock(journal.limit_s)} or ${size(journal.limit_bytes)}.`
      : `The server keeps ${words(journal)} of this session until ${new Date(journal.expires).toLocaleString([], { weekday: 'short', hour: '2-digit', minute: '2-digit' })}. ${journal.ended_because ?? ''}`;
  }

  #button(label, action) {
    return h('button', { type: 'button', onclick: () => this.#do(action) }, label);
  }

  async #clip(id) {
    await post('/v1/clips', { journal: id });
    location.hash = '#clips';
  }

  async #delete(id) {
    await ask(`/v1/journals/${id}`, { method: 'DELETE' });
    this.#journal = null;
    this.#show(null);
    say('The journal is deleted.');
  }
}
