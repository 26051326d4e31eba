// One session on the Streams part: its source, its outputs, and a form for another.
import { $, ask, at, h, ms, post } from './dom.js';
import { copied, viewer } from './share.js';
import { targets } from './stream-ways.js';

/** A labelled choice among ways by their names. */
export const choice = (id, label, of, onchange) =>
  h('label.field', {}, label, h('select', { id, onchange }, ...Object.entries(of).map(([name, way]) => new Option(way.name, name))));
const words = { connecting: 'waiting', live: 'live', retrying: 'tried again soon', ended: 'ended' };

/** The card of a session. */
export class StreamCard {
  #id;
  #legs = h('ul', { 'aria-label': 'Legs' });
  #shown = new Map();
  #fields = h('div.stream-fields', {});
  #problem = h('p.stream-problem', { role: 'alert' });
  #changed;
  #watch = h('a', { target: '_blank', rel: 'noopener' }, 'Watch');

  constructor(id, title, changed) {
    this.#id = id;
    this.title = title;
    this.#changed = changed;
    const session = `/v1/sessions/${id}`;
    this.box = h(
      'section.card.stream',
      { 'aria-label': title ?? `Stream ${id}`, dataset: { session: id } },
      title ? h('h2', {}, title) : null,
      this.#legs,
      h(
        'form.stream-out',
        { 'aria-label': 'Another way out', onsubmit: (event) => (event.preventDefault(), this.#add()) },
        choice(`streams-to-${id}`, 'Send it to', targets, () => this.#ask()),
        this.#fields,
        h('button.primary', {}, 'Add'),
      ),
      this.#problem,
      title
        ? null
        : h(
            'p.stream-ways',
            {},
            this.#watch,
            h(
              'button',
              {
                type: 'button',
                onclick: () =>
                  this.#do(() =>
                    ask(session, {
                      method: 'PATCH',
                      headers: { 'Content-Type': 'application/json' },
                      body: JSON.stringify({ prompt: $('prompt').value, strength: Number($('strength').value) }),
                    }),
                  ),
              },
              'Use the prompt above',
            ),
            h('button', { type: 'button', onclick: () => this.#do(() => ask(`/v1/streams/${id}`, { method: 'DELETE' })) }, 'End stream'),
          ),
    );
    this.#ask();
  }

  get #target() {
    return targets[this.box.querySelector('select').value];
  }

  #ask() {
    const target = this.#target;
    this.#fields.replaceChildren(...target.fields(this.#id), ...(target.line ? copied(target.line) : []));
  }

  async #add() {
    const button = this.box.querySelector('button.primary');
    if (button.disabled) return;
    button.disabled = true;
    const done = await this.#do(() => post(`/v1/sessions/${this.#id}/outputs`, { target: this.#target.target(this.#id) }));
    button.disabled = false;
    if (done) this.#ask();
  }

  async #do(action) {
    this.#problem.textContent = '';
    try {
      await action();
      await this.#changed();
      return true;
    } catch (error) {
      this.#problem.textContent = error.message;
      return false;
    }
  }

  show({ session, source, outputs }) {
    const { stats } = session;
    if (source) this.#watch.href = viewer(session.whep);
    const legs = [
      ...(source
        ? [
            [
              'source',
              'In',
              source.address,
              source,
              [source.size, stats && `${stats.generated_fps.toFixed(0)} fps`, source.sound && 'sound'],
            ],
          ]
        : []),
      ...outputs.map((o) => [
        o.id,
        'Out',
        o.playlist ? location.origin + at(o.playlist) : (o.file ?? o.target),
        o,
        [
          `${Math.round(o.kbps)} kbit/s`,
          o.delay_ms !== null && o.delay_ms !== undefined && `${ms(o.delay_ms)} waiting`,
          o.dropped && `${o.dropped} dropped`,
        ],
      ]),
    ];
    for (const [id, row] of this.#shown) {
      if (legs.some(([other]) => other === id)) continue;
      row.remove();
      this.#shown.delete(id);
    }
    for (const [id, way, address, leg, figures] of legs) {
      if (!this.#shown.has(id)) {
        const end = () => this.#do(() => ask(`/v1/sessions/${this.#id}/outputs/${id}`, { method: 'DELETE' }));
        const row = h(
          'li',
          { dataset: { leg: id } },
          h('b', {}, way),
          h('code', { tabIndex: 0 }),
          h('span.stream-state', {}),
          h('span.note.num', {}),
          id === 'source' ? null : h('button', { type: 'button', 'aria-label': `End ${address}`, onclick: end }, 'End'),
          h('p.note', {}),
          leg.low_latency_playlist && h('p.low', {}, 'Low latency', h('code', { tabIndex: 0 })),
        );
        this.#shown.set(id, row);
        this.#legs.append(row);
      }
      const row = this.#shown.get(id);
      row.dataset.state = leg.state;
      const put = (part, said) => {
        if (row.querySelector(part).textContent !== said) row.querySelector(part).textContent = said;
      };
      put('code', address);
      put('.stream-state', words[leg.state] ?? leg.state);
      put('.num', leg.state === 'live' ? figures.filter(Boolean).join(' · ') : '');
      put('p', leg.problem ?? '');
      if (leg.low_latency_playlist) put('.low code', location.origin + at(leg.low_latency_playlist));
    }
  }
}
