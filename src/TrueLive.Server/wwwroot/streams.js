// Streams, a part of Live: pictures from OBS, encoders, cameras and addresses, and where what is made of them goes besides this page. What
// may be secret in an address is sent once and forgotten: the server shows none of it, and neither does this page.
import { $, askJson, h, post, say } from './dom.js';
import { copied, forObs } from './share.js';
import { choice, StreamCard } from './stream-card.js';
import { ways } from './stream-ways.js';

const rows = (lines) => lines.map(([name, line]) => h('div.copy', {}, h('p', {}, h('b', {}, name)), ...copied(line)));

class Streams {
  #live;
  #cards = new Map();
  #list = h('div.stream-list', {});
  #empty = h(
    'p.note',
    {},
    'What you begin appears here, and so does a session that you start above. Then choose where it goes: YouTube, Twitch, a virtual webcam, HLS, SRT or a recording.',
  );
  #lines = h('div', {});
  #fields = h('div.stream-fields', {});
  #problem = h('p.stream-problem', { role: 'alert' });
  #trouble = h('p.stream-problem', { role: 'alert' });

  constructor(box, live) {
    this.#live = live;
    box.replaceChildren(
      h(
        'form.stream-in',
        { 'aria-label': 'Stream in', oninput: () => this.#tell(), onsubmit: (event) => (event.preventDefault(), this.#begin()) },
        h('h2', {}, 'In'),
        choice('streams-way', 'From', ways, () => this.#ask()),
        this.#fields,
        h('button.primary', {}, 'Begin'),
        this.#problem,
        this.#lines,
      ),
      this.#trouble,
      this.#list,
    );
    this.#list.append(this.#empty);
    this.#ask();
    this.#look();
  }

  get #way() {
    return ways[$('streams-way').value];
  }

  #ask() {
    this.#fields.replaceChildren(...this.#way.fields());
    this.#tell();
  }

  #tell() {
    this.#problem.textContent = '';
    this.#lines.replaceChildren(h('p.note', {}, this.#way.hint), ...rows(this.#way.lines()));
  }

  // What is chosen on Live holds for a stream as well.
  async #begin() {
    // A model may have to be loaded first, and a second press would begin a second stream.
    const button = document.querySelector('.stream-in button.primary');
    if (button.disabled) return;
    Object.assign(button, { disabled: true, textContent: 'Beginning…' });
    await this.#order();
    Object.assign(button, { disabled: false, textContent: 'Begin' });
  }

  async #order() {
    const [model, size, prompt, strength] = ['model', 'size', 'prompt', 'strength'].map((id) => $(id).value);
    const wanted = { model, size, prompt, strength: Number(strength) };
    try {
      if (!this.#way.source) {
        const button = h('div', {});
        this.#lines.replaceChildren(button);
        return await forObs(wanted, button);
      }
      const { session } = await post('/v1/streams', { source: this.#way.source(), ...wanted });
      for (const input of this.#fields.querySelectorAll('#streams-key, #streams-address'))
        Object.assign(input, { value: '', placeholder: 'entered; not shown again' });
      this.#tell();
      say('The stream waits for its source.');
      await this.#look();
      this.#cards.get(session.id)?.box.scrollIntoView({ block: 'nearest' });
    } catch (error) {
      this.#problem.textContent = error.message;
    }
  }

  // While the part is open and seen.
  async #look() {
    clearTimeout(this.timer);
    if ($('streams').open && !document.hidden && !$('live').hidden) {
      try {
        const [{ streams }, { sessions }] = await Promise.all([askJson('/v1/streams'), askJson('/v1/sessions')]);
        // Sessions that OBS or a page sends into get ways out as well.
        for (const session of sessions) if (!streams.some((s) => s.session.id === session.id)) streams.push({ session, outputs: [] });
        this.#show(streams, this.#live.transport?.session.session);
        this.#tellTrouble('');
      } catch (error) {
        this.#tellTrouble(error.message);
      }
    }
    this.timer = setTimeout(() => this.#look(), 1000);
  }

  #tellTrouble(words) {
    if (this.#trouble.textContent !== words) this.#trouble.textContent = words;
  }

  #show(streams, own) {
    for (const [id, card] of this.#cards) {
      if (streams.some((s) => s.session.id === id)) continue;
      card.box.remove();
      this.#cards.delete(id);
    }
    this.#empty.hidden = streams.length > 0;
    for (const stream of streams) {
      const { id } = stream.session;
      const title = stream.source ? null : id === own ? 'This page’s session' : 'OBS, another page or a client';
      // Whose it is may be known only after it is listed.
      if (this.#cards.get(id)?.title !== title) {
        const card = new StreamCard(id, title, () => this.#look());
        if (this.#cards.has(id)) this.#cards.get(id).box.replaceWith(card.box);
        else this.#list.append(card.box);
        this.#cards.set(id, card);
      }
      this.#cards.get(id).show(stream);
    }
  }
}

let streams = null;

/** Fills the part when it is opened for the first time, and shows as much of it as there is room for. */
export function open(part, live) {
  if (!document.querySelector('link[href="streams.css"]')) document.head.append(h('link', { rel: 'stylesheet', href: 'streams.css' }));
  if (streams) return;
  streams = new Streams($('streams-body'), live);
  part.scrollIntoView({ block: 'nearest' });
}
