// The stage: the two pictures, how they are shown, what is marked on them, and what can be taken from them.
import { $, device, trouble } from './dom.js';
import { drawScene } from './sources.js';
import { markOf } from './stats.js';

const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Stage {
  #session;
  #keeper = null;
  #pipVideo = null;
  #marked = 0;

  /** `sourceType` says what a saved picture is marked with. */
  constructor(session, sourceType) {
    this.#session = session;
    this.sourceType = sourceType;
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
      if (detail.state === 'away') this.#keeper?.stop();
      if (detail.state !== 'idle') return;
      $('output').querySelector('video,canvas')?.remove();
      $('output').append(this.#poster());
      this.#keeper?.stop();
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
    const { width, height } = this.size;
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

  snapshot() {
    return this.#keep((keeper) => keeper.snapshot());
  }

  record() {
    return this.#keep((keeper) => keeper.record());
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
        video.srcObject = this.stream;
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

  /** The pictures of the session as a stream. */
  get stream() {
    const { view } = this.#session.transport;
    return view.srcObject ?? view.captureStream();
  }

  async #keep(action) {
    try {
      const { Keeper } = await import('./keeper.js');
      await action((this.#keeper ??= new Keeper(this.#session, this)));
    } catch (error) {
      trouble(error.message);
    }
  }

  get size() {
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
