// The Live screen: one session, steered and watched.
import { Refused } from './control.js';
import { $, say, trouble } from './dom.js';
import { JournalSign } from './journal.js';
import { Looks } from './looks.js';
import { PromptLine } from './prompt.js';
import { Session } from './session.js';
import { Stage } from './stage.js';
import { TruthStrip } from './truth.js';

export class Live {
  session = new Session(() => ({ model: $('model').value, size: $('size').value, prompt: $('prompt').value, strength: $('strength').value }));
  stage = new Stage(this.session);
  prompt = new PromptLine(this);
  looks = new Looks(this);
  journal = new JournalSign(this.session);
  truth = new TruthStrip($('truth'), this.session);
  server = null;
  #waiting = false;

  constructor() {
    const { session } = this;
    session.addEventListener('state', ({ detail }) => this.#moved(detail));
    session.addEventListener('opened', ({ detail }) => this.#opened(detail));
    session.addEventListener('frame', ({ detail }) => this.prompt.seen(detail));
    session.addEventListener('failed', ({ detail }) => this.#explain(detail.error));
    session.addEventListener('source', () => this.#cameras());
    $('start-form').onsubmit = (event) => {
      event.preventDefault();
      if (session.running) session.stop();
      else this.start();
    };
    for (const button of document.querySelectorAll('#welcome [data-source]')) {
      button.onclick = () => {
        $('source').value = button.dataset.source;
        this.#sourceChosen();
        if (button.dataset.source === 'file') $('file').click();
        else this.start();
      };
    }
    $('source').onchange = () => this.#sourceChosen();
    $('file').onchange = () => $('file').files.length && (session.running ? this.#again() : this.start());
    $('device').onchange = () => this.#again();
    $('pause').onclick = () => this.pause();
    $('strength').oninput = () => ($('strength-value').textContent = `${Math.round($('strength').value * 100)} %`);
    $('strength').onchange = () => this.prompt.send({ quick: true });
    $('transition').oninput = () => ($('transition-value').textContent = `${($('transition').value / 1000).toFixed(1)} s`);
    $('model').onchange = () => {
      this.#showLooks();
      this.#change({ model: $('model').value });
    };
    $('size').onchange = () => this.#change({ size: $('size').value });
    addEventListener('pagehide', () => this.transport?.close(false));
    setInterval(() => this.stage.watch(), 250);
  }

  get transport() { return this.session.transport; }
  get source() { return this.session.source; }
  get figures() { return this.session.figures; }

  /** What the server can do. */
  meet(server) {
    this.server = server;
    this.truth.ageBudget = server.frame_age_ms ?? null;
    const sizes = $('size');
    $('model').replaceChildren(...server.models.map((m) => new Option(m.title, m.id, m.id === server.default_model, m.id === server.default_model)));
    if (![...sizes.options].some((o) => o.value === server.default_size)) sizes.add(new Option(server.default_size));
    sizes.value = server.default_size;
    this.#showLooks();
  }

  start() {
    trouble(null);
    return this.session.start($('source').value, { file: $('file').files[0], device: $('device').value || undefined });
  }

  pause() {
    const pause = $('pause').getAttribute('aria-pressed') !== 'true';
    $('pause').setAttribute('aria-pressed', String(pause));
    this.transport?.control.command(pause ? 'pause' : 'resume').accepted.catch((error) => trouble(error.message));
  }

  /** A prompt goes out with this text. */
  prompted(text) {
    if (!this.transport) this.looks.mark({ [text.trim()]: 1 });
  }

  /** The server says what it understood. */
  understood(prompt) {
    this.looks.mark(Object.fromEntries(prompt.looks.map((l) => [l.look, l.weight])));
  }

  /** True when the key did something. */
  key(key) {
    const does = {
      ' ': () => !$('pause').disabled && this.pause(), '/': () => $('prompt').focus(), b: () => $('blend').click(), f: () => this.stage.fullScreen(), v: () => this.stage.nextView(),
      s: () => $('snapshot').click(), r: () => $('record').click(), p: () => $('pip').click(), m: () => $('mirror').click(), '?': () => this.truth.toggle(),
    }[key] ?? (key >= '1' && key <= '9' ? () => this.looks.press(key - 1) : null);
    does?.();
    return does !== null;
  }

  #moved({ state, words }) {
    say(words);
    const idle = state === 'idle';
    document.body.dataset.session = state;
    $('start').textContent = idle ? 'Start' : 'Stop';
    $('start').classList.toggle('primary', idle);
    $('pause').disabled = !this.transport;
    $('pause').textContent = state === 'paused' ? 'Go on' : 'Pause';
    $('pause').setAttribute('aria-pressed', String(state === 'paused'));
    this.stage.watch();
  }

  #opened({ session }) {
    trouble(null);
    this.#waiting = false;
    $('pause').disabled = false;
    if (!$('prompt').value) this.prompt.text = session.prompt.text;
    this.prompt.read(session.prompt);
    // Back in a session that knows another prompt than the line shows: the line is what is wanted.
    if (session.prompt.text !== this.prompt.text) this.prompt.send({ quick: true });
  }

  #showLooks() {
    const looks = this.server?.models.find((m) => m.id === $('model').value)?.looks ?? [];
    this.prompt.looks = looks;
    this.looks.show(looks);
    this.looks.mark({ [this.prompt.text.trim()]: 1 });
  }

  #change(fields) {
    this.transport?.control.command('model', fields).accepted
      .then(({ model, size }) => say(`Live: ${model} at ${size}.`), (error) => trouble(error.message));
  }

  #sourceChosen() {
    $('file').hidden = $('source').value !== 'file';
    $('device-field').hidden = $('source').value !== 'camera' || $('device').options.length < 2;
  }

  // Another input means another session with the same prompt.
  #again() {
    if (!this.session.running) return;
    this.session.stop('Changing the input…');
    this.start();
  }

  async #cameras() {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const cameras = all.filter((d) => d.kind === 'videoinput' && d.deviceId);
    const now = this.source?.stream.getVideoTracks()[0]?.getSettings().deviceId;
    $('device').replaceChildren(...cameras.map((d, i) => new Option(d.label || `Camera ${i + 1}`, d.deviceId, false, d.deviceId === now)));
    this.#sourceChosen();
  }

  #explain(error) {
    const again = ['Try again', () => this.start()];
    const scene = ['Use the built-in scene', () => {
      $('source').value = 'scene';
      this.#sourceChosen();
      this.start();
    }];
    if (error.kind === 'key') $('key-form').hidden = false;
    if (error.kind === 'full') {
      if (this.#waiting) return this.#waitForPlace(error.retryAfter ?? 15);
      const wait = error.retryAfter ? ` It may have room in ${error.retryAfter} s.` : '';
      return trouble(error.message + wait, [['Wait for a place', () => this.#waitForPlace(error.retryAfter ?? 15)], again]);
    }
    const ways = { input: [again, scene], key: [], gone: [again], lost: [again], unreachable: [again] }[error.kind] ?? [again];
    trouble(error instanceof Refused ? error.message : `Something unexpected failed: ${error.message}`, ways);
  }

  #waitForPlace(seconds) {
    const until = performance.now() + Math.min(seconds, 15) * 1000;
    this.#waiting = true;
    const tick = () => {
      trouble('The server is full. This page waits for a place and starts by itself.', [['Stop waiting', () => (this.#waiting = false)]]);
      if (!this.#waiting || this.session.running) return trouble(null);
      const left = Math.ceil((until - performance.now()) / 1000);
      if (left <= 0) return this.start();
      say(`Waiting for a place: asking again in ${left} s.`);
      setTimeout(tick, 1000);
    };
    tick();
  }
}
