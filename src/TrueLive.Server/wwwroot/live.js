// The Live screen: one session, controlled and watched.
import { Refused } from './control.js';
import { $, h, say, trouble } from './dom.js';
import { JournalSign } from './journal.js';
import { Looks } from './looks.js';
import { Picker } from './picker.js';
import { PromptLine } from './prompt.js';
import { Session } from './session.js';
import { Stage } from './stage.js';
import { TruthStrip } from './truth.js';

const inLine = ({ position, waiting, estimate_s, estimate_from }) =>
  `You are number ${position} of ${waiting} in line. ` +
  (estimate_s == null
    ? 'How long it takes is not known yet: too few sessions have ended.'
    : `About ${estimate_s < 90 ? `${estimate_s} s` : `${Math.round(estimate_s / 60)} min`}, by the ${estimate_from} sessions that have ended.`);

export class Live {
  session = new Session(
    () => ({ model: $('model').value, size: $('size').value, prompt: $('prompt').value, strength: $('strength').value }),
    true,
  );
  stage = new Stage(this.session, () => this.server?.models.find((m) => m.id === $('model').value)?.digital_source_type);
  prompt = new PromptLine(this);
  looks = new Looks(this);
  journal = new JournalSign(this.session);
  picker = new Picker();
  truth = new TruthStrip($('truth'), this.session);
  server = null;
  // The wait for a place on a full server; a new object for each attempt.
  #waiting = null;
  // Values of the model's parameters that were set while no session ran.
  #values = {};
  // Settings chosen while no session ran; a resumed session may have others.
  #chosen = {};

  constructor() {
    const { session } = this;
    session.addEventListener('state', ({ detail }) => this.#moved(detail));
    session.addEventListener('opened', ({ detail }) => this.#opened(detail));
    session.addEventListener('settings', ({ detail }) => this.#inForce(detail));
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
    $('source').onchange = () => {
      this.#sourceChosen();
      if (!session.running) return;
      if ($('source').value !== 'file') return this.#again();
      // Until a file is chosen the input stays what it is.
      $('source').value = session.kind;
      $('file').click();
    };
    $('file').onchange = () => {
      const [film] = $('file').files;
      $('file-name').textContent = film?.name ?? 'Choose a video';
      if (!film) return;
      $('source').value = 'file';
      if (session.running) this.#again();
      else this.start();
    };
    $('device').onchange = () => this.#again();
    $('pause').onclick = () => this.pause();
    $('strength').oninput = () => ($('strength-value').textContent = `${Math.round($('strength').value * 100)} %`);
    $('strength').onchange = () => this.prompt.send({ quick: true });
    $('transition').oninput = () => ($('transition-value').textContent = `${($('transition').value / 1000).toFixed(1)} s`);
    session.connecting = () => this.picker.warming;
    $('model').onchange = () => {
      this.#values = {};
      this.#showLooks();
      if (this.transport) this.picker.tell();
      else this.picker.warm();
      this.#change({ model: $('model').value });
    };
    $('size').onchange = () => this.#change({ size: $('size').value });
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#cameras());
    addEventListener('pagehide', () => this.transport?.close(false));
    setInterval(() => this.stage.watch(), 250);
  }

  get transport() {
    return this.session.transport;
  }
  get source() {
    return this.session.source;
  }
  get figures() {
    return this.session.figures;
  }

  /** What the server can do. */
  meet(server) {
    this.server = server;
    this.truth.ageBudget = server.frame_age_ms ?? null;
    if (server.replay_seconds)
      $('privacy').textContent =
        `Pictures go to this server and nowhere else. It keeps the last ${server.replay_seconds} s in memory while a session runs, and more only while a journal or a recording is on.`;
    const sizes = $('size');
    this.picker.meet(server);
    if (![...sizes.options].some((o) => o.value === server.default_size)) sizes.add(new Option(server.default_size));
    sizes.value = server.default_size;
    this.#showLooks();
  }

  start() {
    if (!this.#waiting) trouble(null);
    return this.session.start($('source').value, { file: $('file').files[0], device: $('device').value || undefined });
  }

  /** The session is paused, or goes on. */
  pause(on = $('pause').getAttribute('aria-pressed') !== 'true') {
    $('pause').setAttribute('aria-pressed', String(on));
    return this.transport?.control.command(on ? 'pause' : 'resume').accepted.catch((error) => trouble(error.message));
  }

  /** A prompt goes out with this text. */
  prompted(text) {
    if (!this.transport) this.looks.mark({ [text.trim()]: 1 });
  }

  /** The server says what it understood. */
  understood(prompt) {
    this.looks.mark(Object.fromEntries(prompt.looks.map((l) => [l.look, l.weight])));
  }

  /** Files dropped on the page: the first video becomes the input. */
  dropped(files) {
    const film = [...files].find((f) => f.type.startsWith('video/'));
    if (!film) return;
    const one = new DataTransfer();
    one.items.add(film);
    $('file').files = one.files;
    $('file').onchange();
  }

  /** True when the key did something. */
  key(key) {
    const does =
      {
        ' ': () => !$('pause').disabled && this.pause(),
        '/': () => $('prompt').focus(),
        b: () => $('blend').click(),
        f: () => this.stage.fullScreen(),
        v: () => this.stage.nextView(),
        s: () => $('snapshot').click(),
        r: () => $('record').click(),
        p: () => $('pip').click(),
        m: () => $('mirror').click(),
        '?': () => this.truth.toggle(),
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

  #opened({ session, control }) {
    trouble(null);
    control.addEventListener('warming', ({ detail }) => say(`Warming up ${detail.model}; the picture goes on as it is meanwhile.`));
    control.addEventListener('input', ({ detail }) => trouble(detail.problem ?? null));
    this.#waiting = null;
    $('pause').disabled = false;
    $('source').value = this.session.kind;
    this.#sourceChosen();
    this.#inForce(session);
    if (session.resumed) this.#strength(session.prompt.strength);
    const other = Object.entries(this.#chosen).filter(([name, value]) => session[name] !== value);
    if (other.length) this.#change(Object.fromEntries(other));
    this.#chosen = {};
    if (Object.keys(this.#values).length) this.#set(this.#values);
    this.#values = {};
    if (!$('prompt').value) this.prompt.text = session.prompt.text;
    this.prompt.read(session.prompt);
    // A resumed session may have another prompt than the line shows: the line wins.
    if (session.prompt.text !== this.prompt.text) this.prompt.send({ quick: true });
  }

  // The controls show the settings in force, whoever changed them.
  #inForce({ model, size, prompt }) {
    if (![...$('size').options].some((o) => o.value === size)) $('size').add(new Option(size));
    $('size').value = size;
    this.picker.ran(model);
    const other = $('model').value !== model;
    $('model').value = model;
    this.#showParameters(prompt.values);
    if (!other) return;
    this.picker.tell();
    this.#showLooks();
  }

  #strength(value) {
    $('strength').value = value;
    $('strength').oninput();
  }

  #showLooks() {
    const looks = this.server?.models.find((m) => m.id === $('model').value)?.looks ?? [];
    this.prompt.looks = looks;
    this.looks.show(looks);
    this.looks.mark({ [this.prompt.text.trim()]: 1 });
    this.#showParameters(this.transport?.session.prompt.values ?? this.#values);
  }

  // Loaded after the page, which is shown without it.
  async #showParameters(values = {}) {
    const declared = this.picker.chosen?.parameters ?? [];
    $('parameters').hidden = !declared.length;
    if (declared.length) (await import('./parameters.js')).show(declared, values, (changed) => this.#set(changed));
  }

  #set(values) {
    const { transport } = this;
    if (!transport) return Object.assign(this.#values, values);
    transport.control.command('set', { values }).accepted.catch((error) => {
      this.#inForce(transport.session);
      trouble(error.message);
    });
  }

  #change(fields) {
    const { transport } = this;
    if (!transport) return Object.assign(this.#chosen, fields);
    transport.control.command('model', fields).accepted.then(
      ({ model, size }) => say(`Live: ${model} at ${size}.`),
      (error) => {
        this.#inForce(transport.session);
        trouble(error.message);
      },
    );
  }

  #sourceChosen() {
    $('file-field').hidden = $('source').value !== 'file';
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
    const scene = [
      'Use the built-in scene',
      () => {
        $('source').value = 'scene';
        this.#sourceChosen();
        this.start();
      },
    ];
    if (error.kind !== 'full') this.#waiting = null;
    if (error.kind === 'input') this.#cameras();
    if (error.kind === 'key') $('key-form').hidden = false;
    if (error.kind === 'full') {
      if (this.#waiting) return this.#waitForPlace(error);
      const wait = error.line ? ` ${inLine(error.line)}` : error.retryAfter ? ` It may have room in ${error.retryAfter} s.` : '';
      return trouble(error.message + wait, [['Wait for a place', () => this.#waitForPlace(error)], again]);
    }
    const through = [
      'Pass the picture through',
      () => {
        $('model').value = 'passthrough';
        $('model').onchange();
        this.start();
      },
    ];
    const back = [
      'Go on here instead',
      () => this.session.takeBack(error.token, $('source').value, { file: $('file').files[0], device: $('device').value || undefined }),
    ];
    const ways = {
      replaced: [back],
      input: [again, scene],
      model: [['Choose another model', () => $('model').focus()], through, again],
      key: [],
      gone: [again],
      lost: [again],
      unreachable: [again],
    }[error.kind] ?? [again];
    trouble(error instanceof Refused ? error.message : `Something unexpected failed: ${error.message}`, ways);
  }

  #stopWaiting() {
    if (this.session.running) this.session.stop();
    this.#giveUp();
  }

  #giveUp() {
    this.#waiting = null;
    this.session.leaveLine();
  }

  // Announced once; only the seconds change, and a screen reader should not repeat those.
  #waitForPlace({ retryAfter, line }) {
    const mine = { left: this.#waiting?.left ?? h('span.num', { id: 'waiting-left', role: 'timer' }) };
    if (!this.#waiting) {
      trouble('The server is full. This page waits for a place and starts by itself.', [['Stop waiting', () => this.#stopWaiting()]]);
      $('trouble-ways').prepend(mine.left);
    }
    say(line ? inLine(line) : 'Waiting for a place.');
    this.#waiting = mine;
    const until = performance.now() + Math.min(retryAfter ?? 15, 15) * 1000;
    const tick = () => {
      // The message was closed, or a session was started by hand.
      if (!mine.left.isConnected && this.#waiting === mine) this.#giveUp();
      if (this.#waiting !== mine || this.session.running) return;
      const left = Math.ceil((until - performance.now()) / 1000);
      if (left <= 0) return this.start();
      mine.left.textContent = `asks again in ${left} s`;
      setTimeout(tick, 1000);
    };
    tick();
  }
}
