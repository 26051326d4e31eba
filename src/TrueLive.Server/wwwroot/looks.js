// The looks as thumbnails of the user's own frame, made by the model itself, and the pad that mixes them.
import { $, ask, h } from './dom.js';
import { drawScene } from './sources.js';

const AGAIN_AFTER = 30_000;
// A starting session has the machine to itself for this long, in ms.
const BEGINS = 5000;
const MOST = 4;
const PLACES = {
  2: [
    [0, 0.5],
    [1, 0.5],
  ],
  3: [
    [0.5, 0],
    [0, 1],
    [1, 1],
  ],
  4: [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ],
};

export class Looks {
  #live;
  #looks = [];
  #chosen = [];
  #at = [0.5, 0.5];
  #blending = false;
  #made = 0;
  #of = null;
  #busy = null;
  #quick = 0;
  #sheet = null;

  constructor(live) {
    this.#live = live;
    $('blend').onclick = () => this.blend(!this.#blending);
    live.session.addEventListener('source', () => this.#busy?.abort());
    setInterval(() => this.#refresh(), 1000);
  }

  /** Shows the looks of a model. */
  show(looks) {
    this.#looks = looks;
    this.#made = 0;
    this.#chosen = [];
    if (this.#sheet) URL.revokeObjectURL(this.#sheet.url);
    this.#sheet = null;
    this.#pad();
    $('blend').disabled = looks.length < 2;
    $('looks').replaceChildren(
      ...looks.map((look) =>
        h(
          'button',
          {
            type: 'button',
            title: look.description,
            'aria-pressed': 'false',
            dataset: { look: look.id },
            onclick: () => this.#press(look.id),
          },
          h('span', {}, look.title),
        ),
      ),
    );
    if (!looks.length) $('looks-note').textContent = 'this model has no looks';
    this.#refresh();
  }

  /** The n-th look, by key. */
  press(n) {
    $('looks').children[n]?.click();
  }

  /** Marks the looks that the prompt in force asks for. */
  mark(shares) {
    for (const button of $('looks').children) {
      const share = shares[button.dataset.look] ?? 0;
      button.setAttribute('aria-pressed', String(this.#blending ? this.#chosen.includes(button.dataset.look) : share > 0.02));
      if (share > 0.02 && share < 0.995) button.dataset.share = `${Math.round(share * 100)} %`;
      else delete button.dataset.share;
    }
  }

  blend(on) {
    this.#blending = on;
    $('blend').setAttribute('aria-pressed', String(on));
    $('pad-box').hidden = !on;
    if (on && this.#chosen.length < 2) {
      const pressed = [...$('looks').querySelectorAll('[aria-pressed=true]')].map((b) => b.dataset.look);
      this.#chosen = [...new Set([...pressed, ...this.#looks.filter((l) => l.id !== 'identity').map((l) => l.id)])].slice(
        0,
        Math.max(2, Math.min(pressed.length, MOST)),
      );
    }
    this.#pad();
    if (on) this.#mix();
  }

  #press(id) {
    if (!this.#blending) {
      this.#live.prompt.text = id;
      return this.#live.prompt.send();
    }
    this.#chosen = this.#chosen.includes(id) ? this.#chosen.filter((c) => c !== id) : [...this.#chosen, id].slice(-MOST);
    this.#pad();
    this.#mix();
  }

  // Weights on the pad: inverse square distance to the corners, so that a corner is its look alone.
  #weights() {
    const places = PLACES[this.#chosen.length];
    if (!places) return this.#chosen.map(() => 1);
    const near = places.map(([x, y]) => 1 / (1e-4 + (x - this.#at[0]) ** 2 + (y - this.#at[1]) ** 2));
    const sum = near.reduce((a, b) => a + b, 0);
    return near.map((n) => n / sum);
  }

  #mix() {
    if (!this.#chosen.length) return;
    const weights = this.#weights();
    this.#live.prompt.text = this.#chosen.map((id, i) => `(${id}:${weights[i].toFixed(2)})`).join(' ');
    clearTimeout(this.#quick);
    this.#quick = setTimeout(() => this.#live.prompt.send({ quick: true }), 60);
  }

  #pad() {
    if (!this.#blending) return;
    const places = PLACES[this.#chosen.length];
    if (!places) {
      $('pad-box').replaceChildren(h('p.note', {}, 'Choose two to four looks below to mix them.'));
      return this.mark({});
    }
    const title = (id) => this.#looks.find((l) => l.id === id)?.title ?? id;
    const corners = this.#chosen.map((id, i) => {
      const [x, y] = places[i];
      const corner = h(
        'div.corner',
        { style: `left:${x * 66}%;top:${y * 100}%;transform:translateY(-${y * 100}%)` },
        h('i'),
        h('span', {}, title(id)),
      );
      this.#paint(corner.firstChild, id);
      return corner;
    });
    const handle = h('button', {
      id: 'pad-handle',
      type: 'button',
      role: 'slider',
      'aria-label': 'Mix of looks; arrow keys move it',
      'aria-valuemin': '0',
      'aria-valuemax': '100',
    });
    const pad = h('div', { id: 'pad' }, ...corners, handle);
    const settle = (send) => {
      const weights = this.#weights();
      handle.style.left = `${8 + this.#at[0] * 84}%`;
      handle.style.top = `${12 + this.#at[1] * 76}%`;
      corners.forEach((c, i) => c.style.setProperty('--w', (0.3 + 0.7 * weights[i]).toFixed(2)));
      handle.setAttribute('aria-valuenow', String(Math.round(weights[0] * 100)));
      handle.setAttribute('aria-valuetext', this.#chosen.map((id, i) => `${title(id)} ${Math.round(weights[i] * 100)} %`).join(', '));
      $('pad-words').textContent = handle.getAttribute('aria-valuetext');
      if (send) this.#mix();
    };
    const move = (x, y) => {
      this.#at = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
      settle(true);
    };
    const follow = (event) => {
      const box = pad.getBoundingClientRect();
      move(((event.clientX - box.left) / box.width - 0.08) / 0.84, ((event.clientY - box.top) / box.height - 0.12) / 0.76);
    };
    pad.onpointerdown = (event) => {
      pad.setPointerCapture(event.pointerId);
      handle.focus();
      follow(event);
      event.preventDefault();
    };
    pad.onpointermove = (event) => pad.hasPointerCapture(event.pointerId) && follow(event);
    handle.onkeydown = (event) => {
      const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05] }[event.key];
      if (!step) return;
      event.preventDefault();
      move(this.#at[0] + step[0], this.#at[1] + step[1]);
    };
    $('pad-box').replaceChildren(pad, h('p.note', { id: 'pad-words' }));
    settle(false);
    this.mark(Object.fromEntries(this.#chosen.map((id, i) => [id, this.#weights()[i]])));
  }

  #paint(element, id) {
    const i = this.#looks.findIndex((l) => l.id === id);
    if (!this.#sheet || i < 0 || i >= this.#sheet.count) return;
    const { columns, rows, url } = this.#sheet;
    element.style.backgroundImage = `url(${url})`;
    element.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
    element.style.backgroundPosition = `${columns > 1 ? ((i % columns) / (columns - 1)) * 100 : 0}% ${rows > 1 ? (Math.floor(i / columns) / (rows - 1)) * 100 : 0}%`;
  }

  async #refresh() {
    const {
      source,
      session: { running, startedAt },
    } = this.#live;
    if (running && (startedAt === null || performance.now() - startedAt < BEGINS)) return;
    const own = source?.image ?? null;
    const old = performance.now() - this.#made > AGAIN_AFTER;
    const due = !this.#made || (this.#of === undefined ? old : this.#of !== own || (own && old));
    if (this.#busy || !due || !this.#looks.length || document.hidden || $('live').hidden) return;
    if (own && !(own.videoWidth ?? own.width)) return;
    const mine = (this.#busy = new AbortController());
    try {
      const canvas = Object.assign(document.createElement('canvas'), { width: 384, height: 216 });
      const pen = canvas.getContext('2d');
      if (own) pen.drawImage(own, 0, 0, 384, 216);
      else {
        pen.scale(0.6, 0.6);
        drawScene(pen, 640, 360, 7);
      }
      const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.9));
      const model = $('model').value;
      const response = await ask(`/v1/looks/preview?model=${encodeURIComponent(model)}`, {
        method: 'POST',
        body: jpeg,
        headers: { 'Content-Type': 'image/jpeg' },
        signal: mine.signal,
      });
      const [columns, rows, count] = response.headers.get('X-TrueLive-Sheet').split(',').map(Number);
      // Another model, with other looks, was chosen meanwhile.
      if (model !== $('model').value) return void (this.#made = 0);
      if (this.#sheet) URL.revokeObjectURL(this.#sheet.url);
      this.#sheet = { columns, rows, count, url: URL.createObjectURL(await response.blob()) };
      for (const box of $('looks').children) this.#paint(box, box.dataset.look);
      for (const [i, corner] of [...document.querySelectorAll('#pad .corner i')].entries()) this.#paint(corner, this.#chosen[i]);
      this.#made = performance.now();
      this.#of = own;
      $('looks-note').textContent = own ? 'your frame, by the model' : 'the built-in scene, by the model';
    } catch (error) {
      if (mine.signal.aborted) return void (this.#made = 0);
      if (!this.#sheet) $('looks-note').textContent = error.kind === 'busy' ? 'thumbnails are being made' : error.message;
      // Retry soon if the server was busy with another page's sheet.
      this.#made = performance.now() - (error.kind === 'busy' ? AGAIN_AFTER - 2000 : 0);
      this.#of = undefined;
    } finally {
      this.#busy = null;
    }
  }
}
