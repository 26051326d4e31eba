// Tier 2 on the wire: one short clip on the server, its revisions, and their pictures as they come.
import { post } from './dom.js';

const HEAD = 20;
const MAGIC = 0x544c0103;

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
    if (this.#bitmaps.has(best)) return this.#bitmaps.get(best);
    const bitmap = await createImageBitmap(best.blob);
    this.#bitmaps.set(best, bitmap);
    if (this.#bitmaps.size > 90) this.#bitmaps.delete(this.#bitmaps.keys().next().value);
    return bitmap;
  }

  #connect(made) {
    this.clip = made;
    this.#take(made);
    const socket = (this.#socket = new WebSocket(location.origin.replace('http', 'ws') + made.socket));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => (typeof data === 'string' ? this.#message(JSON.parse(data)) : this.#picture(data));
    socket.onclose = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The connection to the clip broke.'));
      this.#waiting.clear();
      this.dispatchEvent(new Event('closed'));
    };
    return new Promise((resolve, reject) => {
      this.addEventListener('hello', resolve, { once: true });
      this.addEventListener('closed', () => reject(new Error('The connection to the clip broke.')), { once: true });
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

/** Records a stream for some seconds. */
export function recorded(stream, length, tick = () => {}) {
  const type = ['video/webm;codecs=vp8', 'video/webm', 'video/mp4'].find((t) => MediaRecorder.isTypeSupported(t));
  return new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 8e6 });
    const parts = [];
    const began = performance.now();
    const timer = setInterval(() => {
      const left = length - (performance.now() - began) / 1000;
      tick(Math.max(0, left));
      if (left <= 0 && recorder.state === 'recording') recorder.stop();
    }, 100);
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onerror = ({ error }) => (clearInterval(timer), reject(error));
    recorder.onstop = () => {
      clearInterval(timer);
      resolve(new File(parts, `camera.${type.includes('mp4') ? 'mp4' : 'webm'}`, { type }));
    };
    recorder.start(250);
  });
}
