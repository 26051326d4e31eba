import { Control, Refused, wordsOf } from './control.js';
import { at } from './dom.js';
import { Window } from './stats.js';

const MAGIC = 0x544c0101; // "TL", version 1, kind 1: one JPEG
const SHOWN = 0x544c0102; // "TL", version 1, kind 2: a picture was shown
const IN_FLIGHT = 3;
const TRIES = 4;
// The session pings every two seconds: a server that answers none for this long is gone, though nobody closed the connection.
const SILENT_FOR = 10_000;

const base64url = (text) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/**
 * The same session as JPEG pictures over one WebSocket, for networks that block everything else. Same commands, same events as
 * the WebRTC transport. No audio.
 */
export class JpegTransport extends EventTarget {
  static label = 'JPEG over WebSocket';
  #socket = null;
  #source = null;
  #send = null;
  #sending = false;
  #closed = false;
  #decoding = false;
  #next = null;
  #pending = null;
  #heardAt = 0;
  #watch = null;
  #captures = new Map();
  #inFlight = new Set();
  #took = { encode: new Window(), decode: new Window(), display: new Window() };
  #canvas = document.createElement('canvas');

  static async open(source, options) {
    for (let tries = 1; ; tries++) {
      const transport = new JpegTransport();
      try {
        await transport.#connect(source, options);
        return transport;
      } catch (error) {
        transport.close(false);
        if (!error.passed || tries === TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
  }

  constructor() {
    super();
    this.view = document.createElement('canvas');
  }

  async path() {
    return 'websocket';
  }

  /** Medians of the browser's own work over the last 5 s, in ms; null where nothing was measured. */
  async timings() {
    return Object.fromEntries(Object.entries(this.#took).map(([name, times]) => [name, times.quantile(0.5)]));
  }

  /** Resolves when the server has released the connection. */
  close(end) {
    if (this.#closed) return;
    const gone =
      this.#socket && this.#socket.readyState !== WebSocket.CLOSED
        ? new Promise((resolve) => this.#socket.addEventListener('close', resolve))
        : null;
    if (end && this.#socket?.readyState === WebSocket.OPEN) this.control.command('end').accepted.catch(() => {});
    this.#closed = true;
    clearInterval(this.#watch);
    this.#pending?.bitmap.close();
    this.#pending = null;
    this.control?.end();
    this.#source?.removeEventListener('picture', this.#send);
    this.#socket?.close();
    return gone;
  }

  async #connect(source, { timeout = 8000, key, ...request }) {
    const query = new URLSearchParams(Object.entries(request).filter(([, value]) => value != null && value !== ''));
    const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${at(`/v1/live?${query}`)}`;
    // A browser cannot set headers on a WebSocket, and addresses end up in the logs of proxies.
    const socket = (this.#socket = new WebSocket(address, key ? ['truelive.v1', `truelive.key.${base64url(key)}`] : []));
    socket.binaryType = 'arraybuffer';
    this.control = new Control((text) => socket.send(text));
    await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Refused({ kind: 'network', words: 'The server did not answer in time.' })), timeout);
      this.control.addEventListener(
        'session',
        ({ detail }) => {
          clearTimeout(limit);
          this.session = detail;
          resolve();
        },
        { once: true },
      );
      socket.onmessage = ({ data }) => (
        (this.#heardAt = performance.now()),
        typeof data === 'string' ? this.control.receive(data) : this.#picture(data)
      );
      socket.onclose = async ({ reason }) => {
        clearTimeout(limit);
        // A browser hides why a WebSocket was refused; the same request over HTTP says it.
        const refused = this.session
          ? null
          : await fetch(at(`/v1/live?${query}`), {
              headers: { 'X-TrueLive-Line': request.line ?? '', ...(key ? { Authorization: `Bearer ${key}` } : {}) },
            }).catch(() => null);
        // 426: a WebSocket would be accepted now, so the reason for the refusal has passed.
        const passed = refused?.status === 426;
        reject(
          Object.assign(
            new Refused(
              refused && !passed ? await wordsOf(refused) : { kind: 'unreachable', words: reason || 'The server cannot be reached.' },
            ),
            { passed },
          ),
        );
        this.control.end();
        if (this.session && !this.#closed)
          this.dispatchEvent(new CustomEvent('closed', { detail: { words: reason || 'The connection to the server broke.' } }));
      };
    });
    this.#watch = setInterval(() => {
      // The timers of a hidden page run too seldom to tell.
      if (document.hidden || performance.now() - this.#heardAt < SILENT_FOR) return;
      clearInterval(this.#watch);
      socket.close();
      socket.onclose({ reason: 'The server has fallen silent.' });
    }, 1000);
    this.#send = ({ detail }) => this.#sendPicture(source.image, detail);
    source.addEventListener('picture', this.#send);
    this.#source = source;
  }

  async #sendPicture(image, capturedAt) {
    const width = image.videoWidth ?? image.width;
    const height = image.videoHeight ?? image.height;
    // With more in flight the delay would grow, so a picture is left out instead.
    if (this.#sending || this.#inFlight.size >= IN_FLIGHT || this.#socket.bufferedAmount > 0 || !width) return;
    this.#sending = true;
    try {
      const began = performance.now();
      const scale = Math.min(1, 640 / Math.max(width, height));
      this.#canvas.width = Math.round((width * scale) / 2) * 2;
      this.#canvas.height = Math.round((height * scale) / 2) * 2;
      this.#canvas.getContext('2d').drawImage(image, 0, 0, this.#canvas.width, this.#canvas.height);
      const blob = await new Promise((resolve) => this.#canvas.toBlob(resolve, 'image/jpeg', 0.8));
      this.#took.encode.add(performance.now() - began);
      const stamp = Math.round((capturedAt ?? began) * 90) >>> 0;
      const header = new DataView(new ArrayBuffer(8));
      header.setUint32(0, MAGIC);
      header.setUint32(4, stamp);
      if (this.#socket.readyState !== WebSocket.OPEN) return;
      this.#captures.set(stamp, capturedAt);
      if (this.#captures.size > 200) this.#captures.delete(this.#captures.keys().next().value);
      this.#inFlight.add(stamp);
      // A picture that the server dropped never comes back, so its place is freed after a while.
      setTimeout(() => this.#inFlight.delete(stamp), 500);
      this.#socket.send(new Blob([header, blob]));
    } finally {
      this.#sending = false;
    }
  }

  #picture(data) {
    const head = new DataView(data);
    if (data.byteLength < 8 || head.getUint32(0) !== MAGIC) return;
    const length = head.getUint32(4);
    const trace = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, length)));
    this.control.dispatchEvent(new CustomEvent('frame', { detail: trace }));
    const capturedAt = this.#captures.get(trace.media_time) ?? null;
    // Everything sent before this picture has been used or dropped.
    for (const sent of [this.#captures, this.#inFlight])
      for (const stamp of sent.keys()) if (((stamp - trace.media_time) | 0) <= 0) sent.delete(stamp);
    this.#next = { blob: new Blob([new Uint8Array(data, 8 + length)], { type: 'image/jpeg' }), trace, capturedAt };
    if (!this.#decoding) this.#decode();
  }

  // One picture is decoded at a time, and the newest waits. If newer pictures interrupted a decode, none would be shown where decoding
  // takes longer than a frame's interval.
  async #decode() {
    this.#decoding = true;
    for (let picture; (picture = this.#next) && !this.#closed;) {
      this.#next = null;
      const began = performance.now();
      const bitmap = await createImageBitmap(picture.blob).catch(() => null);
      if (!bitmap) continue;
      if (this.#closed) return bitmap.close();
      const decoded = performance.now();
      this.#took.decode.add(decoded - began);
      // One picture waits for the display; a newer one takes its place. A hidden page draws nothing.
      const waiting = this.#pending;
      this.#pending = { ...picture, bitmap, decoded };
      if (waiting) waiting.bitmap.close();
      else requestAnimationFrame(() => this.#draw());
    }
    this.#decoding = false;
  }

  #draw() {
    if (!this.#pending) return;
    const { bitmap, trace, capturedAt, decoded } = this.#pending;
    this.#pending = null;
    if (this.view.width !== bitmap.width || this.view.height !== bitmap.height)
      Object.assign(this.view, { width: bitmap.width, height: bitmap.height });
    this.view.getContext('2d').drawImage(bitmap, 0, 0);
    bitmap.close();
    this.#took.display.add(performance.now() - decoded);
    const ack = new DataView(new ArrayBuffer(8));
    ack.setUint32(0, SHOWN);
    ack.setUint32(4, trace.output >>> 0);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(ack);
    // The callback's own timestamp is earlier, but the picture cannot be on the screen before now.
    const displayedAt = performance.now();
    this.dispatchEvent(new CustomEvent('shown', { detail: displayedAt }));
    this.dispatchEvent(new CustomEvent('frame', { detail: { trace, capturedAt, displayedAt } }));
  }
}
