// Gives a page that knows nothing of the probe a camera that shows the codes, and finds the picture that it answers with. Runs before the
// page's own scripts, in each of its frames.
(() => {
  if (!navigator.mediaDevices) return;
  /* bridge */
  const given = new Set();
  const wait = ms => new Promise(done => setTimeout(done, ms));
  const notes = [];
  let door = null;
  let order = null;

  // The frame that asks for the camera is the one that is measured.
  const open = () => (door ??= new Promise((resolve, reject) => {
    const made = bridge('ADDRESS', message => heard(made, message));
    made.socket.addEventListener('open', () => (resolve(made), notes.splice(0).forEach(note)));
    made.socket.addEventListener('error', () => reject(new DOMException('The probe cannot be reached.', 'NotReadableError')));
  }));
  const note = text => (door ? door.then(made => made.tell({ log: String(text).slice(0, 500) })).catch(() => {}) : notes.length < 20 && notes.push(text));
  addEventListener('error', e => note(e.message));
  addEventListener('unhandledrejection', e => note(e.reason));

  async function heard(made, message) {
    if (message.connect) await show(made, order = message.connect);
    if (message.prompt !== undefined) { ask(message.prompt); made.tell({ prompted: true }); }
  }

  MediaDevices.prototype.getUserMedia = async function (wanted = {}) {
    if (!wanted.video && !wanted.audio) throw new TypeError('At least one of audio and video must be requested');
    const stream = new MediaStream();
    if (wanted.video) stream.addTrack(camera((await open()).input.clone()));
    if (wanted.audio) stream.addTrack(new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0]);
    return stream;
  };
  for (const old of ['getUserMedia', 'webkitGetUserMedia']) delete Navigator.prototype[old];
  MediaDevices.prototype.enumerateDevices = async () => ['videoinput', 'audioinput'].map(kind => {
    const device = { deviceId: 'truelive', groupId: 'truelive', kind, label: 'TrueLive probe' };
    return { ...device, toJSON: () => device };
  });

  // Pages ask a camera for sizes that this one does not have.
  function camera(track) {
    given.add(track.id);
    const clone = track.clone.bind(track);
    return Object.assign(track, { applyConstraints: async () => {}, clone: () => camera(clone()) });
  }

  // Tracks that Chromium clones itself would not be known as the camera's.
  MediaStream.prototype.clone = function () { return new MediaStream(this.getTracks().map(track => track.clone())); };

  // Questions would stop the page, and a window before it would stop its pictures.
  Object.assign(window, {
    alert() {}, confirm: () => true, prompt: () => null, print() {},
    open: address => (note(`it tried to open a window (${address ?? ''}), which was refused`), null),
  });

  const within = (root, selector) => [...root.querySelectorAll(selector),
    ...[...root.querySelectorAll('*')].flatMap(e => (e.shadowRoot ? within(e.shadowRoot, selector) : []))];
  const all = selector => within(document, selector);
  const visible = e => e.getClientRects().length > 0;
  const area = e => e.clientWidth * e.clientHeight;
  const isCamera = e => e.srcObject instanceof MediaStream && e.srcObject.getTracks().some(t => given.has(t.id));
  const hasPicture = e => e instanceof HTMLVideoElement ? e.readyState > 1 && e.videoWidth > 0
    : e instanceof HTMLImageElement ? e.complete && e.naturalWidth > 1
    : e instanceof HTMLCanvasElement && e.width > 1;

  function output(selector) {
    const found = all(selector || 'video, canvas').filter(e => hasPicture(e) && (selector || visible(e)));
    if (selector && found.length && found.every(isCamera)) throw new Error(`'${selector}' plays the camera itself, not an answer`);
    return found.filter(e => !isCamera(e)).sort((a, b) => area(b) - area(a))[0];
  }

  async function show(made, { output: selector, field }) {
    let shown = null;
    for (;; await wait(100)) {
      // Pages make their video element anew when they connect again.
      if (shown?.isConnected) continue;
      const next = output(selector);
      if (!next) continue;
      if (!shown) made.tell({ connected: true, prompts: Boolean(field), display: next instanceof HTMLVideoElement });
      shown = next;
      if (next instanceof HTMLVideoElement) made.watch(next, false);
      else if (next instanceof HTMLCanvasElement) made.read(next.captureStream().getVideoTracks()[0]).catch(made.fail);
      else draw(made, next);
    }
  }

  // A picture that a server replaces has no event for that.
  function draw(made, image) {
    if (!image.isConnected) return;
    requestAnimationFrame(() => draw(made, image));
    made.give(image, now(), true);
  }

  function ask(text) {
    const field = all(order.field).find(visible);
    if (!field) throw new Error(`there is no '${order.field}' to write a prompt into`);
    field.focus();
    const kind = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : field instanceof HTMLInputElement ? HTMLInputElement : null;
    if (kind) Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(field, text);
    else field.textContent = text;
    for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, { bubbles: true }));
    const button = order.button && all(order.button).find(visible);
    if (order.button && !button) throw new Error(`there is no '${order.button}' to send a prompt with`);
    if (button) return button.click();
    const pressed = new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', keyCode: 13, bubbles: true, cancelable: true });
    if (field.dispatchEvent(pressed)) field.form?.requestSubmit();
  }

  // What the probe asks of the page from outside.
  Object.defineProperty(window, '__truelive', { value: {
    place(selector) {
      const target = all(selector).find(visible);
      if (!target) return null;
      target.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      const { x, y, width, height } = target.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    },
    look: () => JSON.parse(JSON.stringify({
      status: performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0,
      login: all('input[type=password]').some(visible),
      pictures: all('video, canvas').slice(0, 10).map(e => `${e.localName}${e.id && `#${e.id}`}${isCamera(e) ? ' (the camera itself)'
        : hasPicture(e) ? ` (${e.clientWidth}x${e.clientHeight})` : ' (no picture)'}`.slice(0, 80)).join(', '),
      frames: all('iframe').map(e => e.src).filter(Boolean).slice(0, 3).join(', ').slice(0, 300),
    }, (_, value) => (typeof value === 'string' ? value.toWellFormed() : value))),
  } });
})();
