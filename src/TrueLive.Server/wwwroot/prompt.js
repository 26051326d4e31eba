// The prompt line: what is asked for, what became of it, suggestions and earlier prompts.
import { $, device, h, ms, trouble } from './dom.js';

const KEPT = 30;
const IDEAS = [
  'mostly ink, a bit of neon',
  'pencil sketch',
  'ink, a bit warmer',
  'ink, blur the background',
  'warm old photograph',
  'deep underwater',
  'comic book',
  'cold winter light',
];

export class PromptLine {
  #live;
  #history = [];
  #looks = [];
  #waiting = null;
  #chosen = -1;

  constructor(live) {
    this.#live = live;
    try {
      this.#history = JSON.parse(device.get('prompts') ?? '[]')
        .filter((p) => typeof p === 'string')
        .slice(0, KEPT);
    } catch {
      this.#history = [];
    }
    const input = $('prompt');
    input.addEventListener('input', () => this.#open());
    input.addEventListener('focus', () => this.#open());
    input.addEventListener('blur', () => setTimeout(() => this.#close(), 150));
    input.addEventListener('keydown', (event) => this.#key(event));
    $('prompt-form').onsubmit = (event) => {
      event.preventDefault();
      this.#close();
      this.send();
    };
    this.#trace();
  }

  set looks(looks) {
    this.#looks = looks;
  }

  get text() {
    return $('prompt').value;
  }

  set text(words) {
    $('prompt').value = words;
    this.#close();
  }

  /** Sends the prompt in the line. `quick`, while a control is still being moved, means no history and a short transition. */
  async send({ quick = false } = {}) {
    const text = this.text;
    this.#live.prompted(text);
    if (!quick && text.trim()) {
      this.#history = [text, ...this.#history.filter((p) => p !== text)].slice(0, KEPT);
      device.set('prompts', JSON.stringify(this.#history));
    }
    const { transport, figures } = this.#live;
    if (!transport) return this.#trace(null, text.trim() ? 'Start a session to see it.' : '');
    const { accepted, applied } = transport.control.command('prompt', {
      text,
      strength: Number($('strength').value),
      transition_ms: quick ? 120 : Number($('transition').value),
    });
    const mine = (this.#waiting = { text, sentAt: performance.now(), revision: null, understood: true, figures });
    this.#trace(mine);
    try {
      const { prompt } = await accepted;
      mine.revision = prompt.revision;
      mine.understood = !text.trim() || prompt.understood;
      mine.acceptedAt = performance.now();
      this.read(prompt);
      if (mine === this.#waiting) this.#trace(mine);
      const { first_frame: first } = await applied;
      mine.output = first?.output;
    } catch (error) {
      // After a reconnect, the prompt in the line is sent again.
      mine.refused = error.kind === 'lost' ? 'not answered: the connection is away' : 'refused';
      if (mine === this.#waiting) this.#trace(mine);
      if (error.kind !== 'lost') trouble(error.message);
    }
  }

  /** A picture was shown: checks whether it is the first one of the pending prompt. */
  seen({ trace, displayedAt }) {
    const mine = this.#waiting;
    if (
      !trace ||
      trace.origin === 'repeated' ||
      !mine ||
      mine.revision === null ||
      mine.shown !== undefined ||
      trace.revision < mine.revision ||
      mine.figures !== this.#live.figures
    )
      return;
    mine.shown = displayedAt - mine.sentAt;
    mine.output = trace.output;
    // The revision rises with every command; the picture changes only if a model made it from words that it knows.
    mine.changed = mine.understood && trace.origin === 'generated';
    if (mine.changed) mine.figures.promptToPicture = mine.shown;
    this.#trace(mine);
    if (mine.changed) this.#live.stage.markFirst(`First picture of “${mine.text.slice(0, 40) || 'no prompt'}”`);
  }

  /** Shows what the model understood. */
  read(prompt) {
    const shares = prompt.looks
      .filter((l) => Math.abs(l.weight) >= 0.02)
      .map((l) => `${l.look} ${Math.round(l.weight * 100)} %`)
      .join(', ');
    const parts = [];
    if (prompt.text && !prompt.understood)
      parts.push(h('mark', {}, prompt.note ?? 'These words mean nothing to the model: the picture is kept.'));
    else if (shares) parts.push(`Understood as ${shares}`);
    const unknown = prompt.unknown_words.length ? `Not understood: ${prompt.unknown_words.join(', ')}` : null;
    if (prompt.understood && (prompt.note ?? unknown)) parts.push(h(unknown ? 'mark' : 'span', {}, prompt.note ?? unknown));
    $('reading').replaceChildren(...parts.flatMap((p, i) => (i ? [' · ', p] : [p])));
    this.#live.understood(prompt);
  }

  #trace(mine, words = '') {
    const list = $('prompt-trace');
    list.classList.toggle('none', !mine && !words);
    if (!mine) {
      list.replaceChildren(...(words ? [h('li', {}, words)] : []));
      return;
    }
    const steps = [
      ['sent', true],
      [mine.revision === null ? 'accepted' : `accepted after ${ms(mine.acceptedAt - mine.sentAt)}`, mine.revision !== null],
      [
        mine.shown === undefined ? 'in the picture' : mine.changed ? `in the picture after ${ms(mine.shown)}` : 'no change in the picture',
        mine.shown !== undefined && (mine.changed || 'bad'),
      ],
    ];
    if (mine.refused) steps.splice(1, 2, [mine.refused, 'bad']);
    list.replaceChildren(
      ...steps.map(([text, done]) => h('li', { className: done === 'bad' ? 'bad' : done ? 'done' : '' }, text)),
      ...(!mine.changed ? [] : [h('li.note.num.plain', {}, `first frame #${mine.output}`)]),
    );
  }

  #open() {
    const typed = this.text.trim().toLowerCase();
    const offers = [
      ...this.#history.map((text) => [text, 'earlier']),
      ...this.#looks.map((l) => [l.id, l.description]),
      ...IDEAS.map((text) => [text, 'try']),
    ]
      .filter(
        ([text], i, all) => text.toLowerCase().includes(typed) && text.toLowerCase() !== typed && all.findIndex((o) => o[0] === text) === i,
      )
      .slice(0, 8);
    this.#chosen = -1;
    $('suggestions').replaceChildren(
      ...offers.map(([text, why], i) =>
        h(
          'li',
          {
            role: 'option',
            id: `offer-${i}`,
            'aria-selected': 'false',
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => this.#take(text),
          },
          text,
          h('small', {}, why),
        ),
      ),
    );
    this.#shown(offers.length > 0 && document.activeElement === $('prompt'));
  }

  #close() {
    this.#shown(false);
  }

  #shown(open) {
    $('suggestions').hidden = !open;
    $('prompt').setAttribute('aria-expanded', String(open));
    if (!open) $('prompt').removeAttribute('aria-activedescendant');
  }

  #take(text) {
    this.text = text;
    this.send();
  }

  #key(event) {
    const offers = [...$('suggestions').children];
    if (event.key === 'Escape') this.#close();
    if (event.key === 'Enter' && this.#chosen >= 0 && !$('suggestions').hidden) {
      event.preventDefault();
      this.#take(offers[this.#chosen].firstChild.textContent);
    }
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    if ($('suggestions').hidden) return this.#open();
    const [first, step] = event.key === 'ArrowDown' ? [0, 1] : [offers.length - 1, -1];
    this.#chosen = this.#chosen < 0 ? first : (this.#chosen + step + offers.length) % offers.length;
    offers.forEach((o, i) => o.setAttribute('aria-selected', String(i === this.#chosen)));
    $('prompt').setAttribute('aria-activedescendant', `offer-${this.#chosen}`);
    offers[this.#chosen].scrollIntoView({ block: 'nearest' });
  }
}
