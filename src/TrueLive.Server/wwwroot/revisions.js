// Tier 2 on the wire: one short clip on the server, its revisions, and their pictures as they come.
import { at, post } from './dom.js';

const HEAD = 20;
const MAGIC = 0x544c0103;
const BROKEN = 'The connection to the clip broke.';

/** One open clip. Events: `hello`, `revision` {detail}, `picture` {revision, frame, pass}, `error`, `compared`, `exported`, `closed`. */
export class InteractiveClip extends EventTarget {
  /** revision number -> Map of frame number -> {at, pass, blob}; 0 is the source. */
  pictures = new Map();
  revisions = new Map();
  #socket;
  #next = 1;
  #waiting = new Map();
  #bitmaps = new Map();

  static async open(body) {
    const made = await post('/v1/interactive', body);
    const clip = new InteractiveClip();
    await clip.#connect(made);
    return clip;
  }

  get newest() {
    return Math.max(0, ...this.revisions.keys());
  }

  close() {
    this.#socket?.close();
    for (const bitmap of this.#bitmaps.values()) bitmap.close?.();
  }

  /** Sends a command; resolves with its answer (`revision`, `selected`, `compared`, `exported`) or rejects with the reason. */
  send(type, fields = {}) {
    const id = `t${this.#next++}`;
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error(BROKEN));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  /** The picture of a revision at a time of the source, decoded; null when there is none yet. */
  async bitmap(revision, at) {
    const frames = this.pictures.get(revision);
    if (!frames?.size) return null;
    let best = null;
    for (const picture of frames.values()) if (!best || Math.abs(picture.at - at) < Math.abs(best.at - at)) best = picture;
    const bitmap = this.#bitmaps.get(best) ?? (await createImageBitmap(best.blob));
    // The least recently used one is closed, so that of two drawn together neither is.
    this.#bitmaps.delete(best);
    this.#bitmaps.set(best, bitmap);
    if (this.#bitmaps.size > 90) {
      const [oldest, old] = this.#bitmaps.entries().next().value;
      this.#bitmaps.delete(oldest);
      old.close();
    }
    return bitmap;
  }

  #connect(made) {
    this.clip = made;
    this.#take(made);
    const socket = (this.#socket = new WebSocket(location.origin.replace('http', 'ws') + at(made.socket)));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => (typeof data === 'string' ? this.#message(JSON.parse(data)) : this.#picture(data));
    socket.onclose = ({ reason }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(BROKEN));
      this.#waiting.clear();
      // The server's reason if it gave one, such as that another page has taken the clip over.
      this.dispatchEvent(new CustomEvent('closed', { detail: reason || BROKEN }));
    };
    return new Promise((resolve, reject) => {
      this.addEventListener('hello', resolve, { once: true });
      this.addEventListener('closed', () => reject(new Error(BROKEN)), { once: true });
    });
  }

  #take({ revisions = [] }) {
    for (const revision of revisions) this.revisions.set(revision.number, revision);
  }

  #message(message) {
    if (message.type === 'hello') this.#take(message);
    if (message.type === 'revision') this.revisions.set(message.revision.number, message.revision);
    const waiting = this.#waiting.get(message.id);
    if (waiting) {
      this.#waiting.delete(message.id);
      if (message.type === 'error') waiting.reject(new Error(message.reason));
      else waiting.resolve(message);
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  #picture(data) {
    const head = new DataView(data);
    if (data.byteLength < HEAD || head.getUint32(0) !== MAGIC) return;
    const [revision, frame, at, pass] = [head.getUint32(4), head.getUint32(8), head.getUint32(12), head.getUint8(16)];
    const frames = this.pictures.get(revision) ?? new Map();
    this.pictures.set(revision, frames);
    if ((frames.get(frame)?.pass ?? -1) > pass) return;
    frames.set(frame, { at, pass, blob: new Blob([new Uint8Array(data, HEAD)], { type: 'image/jpeg' }) });
    this.dispatchEvent(new CustomEvent('picture', { detail: { revision, frame, pass, count: frames.size } }));
  }
}

// A recorder in a format that this browser supports.
function recorderOf(stream) {
  const type = ['video/webm;codecs=vp8', 'video/webm', 'video/mp4'].find((t) => globalThis.MediaRecorder?.isTypeSupported(t));
  if (!type) throw new Error('This browser cannot record. A file works.');
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 8e6 });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  return { recorder, began: performance.now(), film: () => new File(parts, `camera.${type.includes('mp4') ? 'mp4' : 'webm'}`, { type }) };
}

/** Records a stream for some seconds. */
export function recorded(stream, length, tick = () => {}) {
  return new Promise((resolve, reject) => {
    const { recorder, began, film } = recorderOf(stream);
    const timer = setInterval(() => {
      const left = length - (performance.now() - began) / 1000;
      tick(Math.max(0, left));
      if (left <= 0 && recorder.state === 'recording') recorder.stop();
    }, 100);
    recorder.onerror = ({ error }) => (clearInterval(timer), reject(error));
    recorder.onstop = () => {
      clearInterval(timer);
      resolve(film());
    };
    recorder.start(250);
  });
}

/**
 * The last seconds of a stream, kept in this page alone. A recording can be cut only at its end, so two run, each begun when the other is
 * `most` seconds old.
 */
export class LastSeconds {
  #runs = [];
  #timer;

  constructor(stream, most) {
    const begin = () => {
      if (!stream.active) return;
      if (this.#runs.length === 2) this.#runs.shift().recorder.stop();
      const run = recorderOf(stream);
      run.recorder.start(250);
      this.#runs.push(run);
    };
    begin();
    this.#timer = setInterval(begin, most * 1000);
  }

  /** Seconds kept so far. */
  get kept() {
    return this.#runs.length ? (performance.now() - this.#runs[0].began) / 1000 : 0;
  }

  /** The kept seconds up to now, as a file. */
  async take() {
    const [{ recorder, film }] = this.#runs;
    if (recorder.state !== 'inactive') {
      await new Promise((resolve) => {
        recorder.onstop = resolve;
        recorder.stop();
      });
    }
    this.#runs.shift();
    return film();
  }

  stop() {
    clearInterval(this.#timer);
    for (const { recorder } of this.#runs.splice(0)) if (recorder.state !== 'inactive') recorder.stop();
  }
}
