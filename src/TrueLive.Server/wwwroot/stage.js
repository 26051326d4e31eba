// The stage: the two pictures, how they are shown, what is marked on them, and what can be taken from them.
import { $, device, save, say, stamp, trouble } from './dom.js';
import { drawScene } from './sources.js';
import { markOf } from './stats.js';

// Longest time that the browser takes to save a recording, in ms.
const SAVED_WITHIN = 600_000;
const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Stage {
  #session;
  #recorder = null;
  #pipVideo = null;
  #marked = 0;

  constructor(session) {
    this.#session = session;
    const views = [...document.querySelectorAll('#view input')];
    const choose = (view) => {
      $('stage').dataset.view = view;
      for (const radio of views) radio.checked = radio.value === view;
      device.set('view', view);
    };
    for (const radio of views) radio.onchange = () => choose(radio.value);
    if (views.some((v) => v.value === device.get('view'))) choose(device.get('view'));
    this.nextView = () => choose(views[(views.findIndex((v) => v.checked) + 1) % views.length].value);
    $('split').oninput = () => $('stage').style.setProperty('--split', `${$('split').value}%`);
    $('mirror').onclick = () => this.#mirror(!this.mirrored);
    $('snapshot').onclick = () => this.snapshot();
    $('record').onclick = () => this.record();
    $('pip').onclick = () => this.pictureInPicture();
    $('pip').hidden = !document.pictureInPictureEnabled;
    $('fullscreen').onclick = () => this.fullScreen();
    session.addEventListener('source', () => {
      $('input').append(session.source.view);
      this.#mirror(session.kind === 'camera' && device.get('mirror') !== 'no', false);
    });
    session.addEventListener('opened', ({ detail }) => {
      $('output').querySelector('video,canvas')?.remove();
      $('output').append(detail.view);
    });
    session.addEventListener('state', ({ detail }) => {
      for (const id of ['snapshot', 'record', 'pip']) $(id).disabled = !session.transport;
      // The recorded stream does not continue after a reconnect.
      if (detail.state === 'away') this.#recorder?.stop();
      if (detail.state !== 'idle') return;
      $('output').querySelector('video,canvas')?.remove();
      $('output').append(this.#poster());
      this.#recorder?.stop();
    });
    $('output').append(this.#poster());
  }

  get mirrored() {
    return $('mirror').getAttribute('aria-pressed') === 'true';
  }

  /** Marks a picture that is not a fresh one made by the model. Called a few times a second. */
  watch() {
    const { figures, state } = this.#session;
    const { mark, words, age } =
      state === 'idle'
        ? { mark: 'idle', words: '' }
        : state === 'opening' || state === 'connecting'
          ? { mark: 'waiting', words: 'Waiting for the first picture' }
          : state === 'away'
            ? { mark: 'frozen', words: 'Frozen: the connection is away' }
            : state === 'paused'
              ? { mark: 'frozen', words: 'Paused: this picture stands still' }
              : markOf(figures);
    $('stage').dataset.mark = mark;
    $('picture-mark').hidden = !words;
    if ($('picture-mark').textContent !== words) $('picture-mark').textContent = words;
    // Apart from the words, so that a screen reader does not announce each tenth of a second.
    $('picture-mark').dataset.age = words === 'Frozen' ? `: this picture is ${(age / 1000).toFixed(1)} s old` : '';
    const { width, height } = this.#size();
    $('output-caption').textContent = mark === 'passed' ? 'Output = input' : width ? `Output ${width}×${height}` : 'Output';
  }

  /** Marks the first picture that a prompt changed: once, for a moment. */
  markFirst(words) {
    clearTimeout(this.#marked);
    $('first-mark').textContent = words;
    $('first-mark').hidden = false;
    $('stage').classList.add('first');
    this.#marked = setTimeout(
      () => {
        $('first-mark').hidden = true;
        $('stage').classList.remove('first');
      },
      still.matches ? 2500 : 1400,
    );
  }

  async snapshot() {
    const view = this.#session.transport?.view;
    const { width, height } = this.#size();
    if (!width) return;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d').drawImage(view, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!blob) return trouble('The browser makes no picture of this.');
    save(blob, `truelive-${stamp()}.png`);
    say('Snapshot saved.');
  }

  async record() {
    if (this.#recorder) return void this.#recorder.stop();
    if (!('MediaRecorder' in window)) return trouble('This browser cannot record. Snapshot works.');
    const type = ['video/mp4;codecs=avc1', 'video/webm;codecs=vp9', 'video/webm'].find((t) => MediaRecorder.isTypeSupported(t));
    if (!type) return trouble('This browser cannot record video. Snapshot works.');
    const kept = await recording(type);
    // Pressed twice, or the session ended meanwhile.
    if (this.#recorder || !this.#session.transport) return void kept.end();
    const recorder = (this.#recorder = new MediaRecorder(this.#stream(), { mimeType: type, videoBitsPerSecond: 6e6 }));
    recorder.ondataavailable = ({ data }) => kept.add(data).catch(() => recorder.state !== 'inactive' && recorder.stop());
    recorder.onstop = async () => {
      if (this.#recorder === recorder) this.#recorder = null;
      $('record').setAttribute('aria-pressed', 'false');
      try {
        save(await kept.end(), `truelive-${stamp()}.${type.includes('mp4') ? 'mp4' : 'webm'}`);
        say('Recording saved.');
      } catch (error) {
        trouble(`The recording is lost: ${error.message}`);
      }
    };
    recorder.start(1000);
    $('record').setAttribute('aria-pressed', 'true');
    say('Recording to this computer. Press again to save.');
  }

  async pictureInPicture() {
    try {
      if (document.pictureInPictureElement) return await document.exitPictureInPicture();
      const { view } = this.#session.transport;
      const video =
        view instanceof HTMLVideoElement
          ? view
          : (this.#pipVideo ??= Object.assign(document.createElement('video'), { muted: true, playsInline: true }));
      if (video !== view) {
        video.srcObject = this.#stream();
        await video.play();
      }
      await video.requestPictureInPicture();
    } catch (error) {
      trouble(`The browser does not give a small window: ${error.message}`);
    }
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else
      $('stage')
        .requestFullscreen?.()
        .catch(() => trouble('The browser does not give the full screen to this page.'));
  }

  #stream() {
    const { view } = this.#session.transport;
    return view.srcObject ?? view.captureStream();
  }

  #size() {
    const view = this.#session.transport?.view;
    return { width: view?.videoWidth ?? view?.width ?? 0, height: view?.videoHeight ?? view?.height ?? 0 };
  }

  #mirror(on, keep = true) {
    $('mirror').setAttribute('aria-pressed', String(on));
    $('stage').classList.toggle('mirrored', on);
    if (keep) device.set('mirror', on ? 'yes' : 'no');
  }

  #poster() {
    const canvas = Object.assign(document.createElement('canvas'), { className: 'picture', width: 960, height: 540 });
    drawScene(canvas.getContext('2d'), 960, 540, 7);
    return canvas;
  }
}

// An hour of video takes gigabytes, so it is written to the browser's private file system, and kept in memory only where there is none (no
// secure context). The browser may still be saving an earlier recording, so that one is removed by a recording that begins much later.
async function recording(type) {
  try {
    const folder = await navigator.storage.getDirectory();
    for await (const [name, old] of folder.entries())
      if (Date.now() - (await old.getFile()).lastModified > SAVED_WITHIN) await folder.removeEntry(name).catch(() => {});
    const file = await folder.getFileHandle(`recording-${crypto.randomUUID()}`, { create: true });
    const to = await file.createWritable();
    let written = Promise.resolve();
    return {
      add: (data) => (written = written.then(() => to.write(data))),
      end: async () => {
        await written;
        await to.close();
        return new Blob([await file.getFile()], { type });
      },
    };
  } catch {
    const parts = [];
    return { add: async (data) => parts.push(data), end: () => new Blob(parts, { type }) };
  }
}
