import { CaptureClock } from './capture-clock.js';
import { Control, Refused, wordsOf } from './control.js';
import { at } from './dom.js';
import { Window } from './stats.js';

const connects = (peer) => ['connected', 'completed'].includes(peer.iceConnectionState);

/**
 * A live session over WebRTC: the camera goes up and the made picture comes down in one peer connection (WHIP, RFC 9725), commands and the
 * trace of every frame over its data channel. Events: `shown` with the time for each picture, `frame` {trace, capturedAt, displayedAt} when
 * its trace has come or will not come, `closed` {words}.
 */
export class WebRtcTransport extends EventTarget {
  static label = 'WebRTC';
  #peer = new RTCPeerConnection();
  #location = null;
  #token = null;
  #number = null;
  #headers;
  #clock = new CaptureClock();
  #traces = new Map();
  #shown = new Map();
  #closed = false;
  #timed = null;
  #display = new Window();
  #worker = null;
  #source = null;
  #fault = '';
  #captured = ({ detail }) => this.#clock.captured(detail);

  /** Resolves once media and control run. Rejects with `Refused`; kind `network` means that another transport may do better. */
  static async open(source, options) {
    const transport = new WebRtcTransport(options);
    try {
      await transport.#connect(source, options);
      return transport;
    } catch (error) {
      // If only the network failed, the session is kept for another transport; otherwise it is ended.
      const waits = error.kind === 'network';
      if (waits)
        Object.assign(
          error,
          { token: transport.#token ?? options.token, connection: transport.#number },
          options.token ? {} : { abandon: () => transport.#end() },
        );
      transport.close(!waits && !options.token);
      throw error;
    }
  }

  constructor({ key }) {
    super();
    this.#headers = key ? { Authorization: `Bearer ${key}` } : {};
    this.view = Object.assign(document.createElement('video'), { muted: true, autoplay: true, playsInline: true });
  }

  /** Which path the media takes: `udp` or `tcp`; null when the browser does not say. */
  async path() {
    const stats = await this.#peer.getStats();
    const pair = [...stats.values()].find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
    return pair ? (stats.get(pair.remoteCandidateId)?.protocol ?? stats.get(pair.localCandidateId)?.protocol ?? null) : null;
  }

  /** The browser's own work in ms: encode and decode as means since the last call, from its statistics; display as the median of 5 s. Null where it says nothing. */
  async timings() {
    const now = {};
    for (const s of (await this.#peer.getStats()).values()) {
      if (s.type === 'outbound-rtp' && s.kind === 'video') now.encode = [s.totalEncodeTime, s.framesEncoded];
      if (s.type === 'inbound-rtp' && s.kind === 'video') now.decode = [s.totalDecodeTime, s.framesDecoded];
    }
    const before = this.#timed ?? {};
    this.#timed = now;
    const work = Object.fromEntries(
      Object.entries(now).map(([name, [time, count]]) => {
        const [time0 = 0, count0 = 0] = before[name] ?? [];
        return [name, count > count0 ? ((time - time0) * 1000) / (count - count0) : null];
      }),
    );
    this.#clock.encode = work.encode ?? null;
    return { ...work, display: this.#display.quantile(0.5) };
  }

  /** Disconnects. With `end` the session is over for good; otherwise the server keeps it for a while. */
  close(end) {
    if (this.#closed) return;
    this.#closed = true;
    this.control?.end();
    this.#source?.removeEventListener('capture', this.#captured);
    const gone = end ? this.#end() : null;
    this.#peer.close();
    this.#worker?.terminate();
    this.view.srcObject = null;
    return gone;
  }

  #end() {
    if (this.#location) return fetch(at(this.#location), { method: 'DELETE', headers: this.#headers, keepalive: true }).catch(() => {});
  }

  async #connect(source, { token, connection, line, timeout = 8000, ...request }) {
    const peer = this.#peer;
    const channel = peer.createDataChannel('control');
    this.control = new Control((text) => channel.send(text));
    channel.onmessage = (event) => this.control.receive(event.data);
    this.control.addEventListener('frame', ({ detail }) => this.#traced(detail));
    const [track] = source.stream.getVideoTracks();
    const video = peer.addTransceiver(track, { direction: 'sendrecv', streams: [source.stream] });
    for (const audio of source.stream.getAudioTracks()) peer.addTransceiver(audio, { direction: 'sendrecv', streams: [source.stream] });
    this.#watchSender(video.sender, source);
    const output = new MediaStream();
    peer.ontrack = ({ track: made, receiver }) => {
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      output.addTrack(made);
      this.view.srcObject = output;
    };
    this.#watchView();

    await peer.setLocalDescription();
    const query = new URLSearchParams(
      Object.entries({ ...request, codec: source.codec }).filter(([name, value]) => name !== 'key' && value != null && value !== ''),
    );
    const response = await fetch(at(`/whip?${query}`), {
      method: 'POST',
      body: peer.localDescription.sdp,
      headers: {
        ...this.#headers,
        'Content-Type': 'application/sdp',
        ...(token ? { 'X-TrueLive-Token': token } : {}),
        ...(line ? { 'X-TrueLive-Line': line } : {}),
        ...(connection ? { 'X-TrueLive-Connection': connection } : {}),
      },
    }).catch(() => {
      throw new Refused({ kind: 'unreachable', words: 'The server cannot be reached. Is it running?' });
    });
    if (response.status !== 201) throw new Refused(await wordsOf(response));
    this.#location = response.headers.get('Location');
    this.#token = response.headers.get('X-TrueLive-Token');
    this.#number = response.headers.get('X-TrueLive-Connection');
    const { promise: ready, resolve, reject } = Promise.withResolvers();
    let reached = false;
    peer.oniceconnectionstatechange = () => (reached ||= connects(peer));
    const fail = () => {
      clearTimeout(limit);
      const words = reached
        ? `The media port of the server answered, but the connection failed${this.#fault}.`
        : 'The media port of the server is blocked.';
      reject(Object.assign(new Refused({ kind: 'network', words }), { answered: reached }));
      this.#lost('The connection to the server broke.');
    };
    const late = () => reject(new Refused({ kind: 'network', words: 'The media port of the server did not answer over UDP or TCP.' }));
    // Once the port has answered, wait longer: on a busy machine keys and codecs take time.
    let limit = setTimeout(() => (connects(peer) ? (limit = setTimeout(late, 4 * timeout)) : reached ? fail() : late()), timeout);
    this.control.addEventListener(
      'session',
      ({ detail }) => {
        clearTimeout(limit);
        this.session = detail;
        resolve();
      },
      { once: true },
    );
    peer.onconnectionstatechange = () => peer.connectionState === 'failed' && fail();
    channel.onclose = () => this.#lost('The server closed the connection.');
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    // Null where the browser does not show it.
    const dtls = video.sender.transport ?? {};
    dtls.onerror = ({ error }) => (this.#fault = ` (${[error.errorDetail, error.message].filter(Boolean).join(': ')})`);
    // Chromium does not always say of the connection what it says of its handshake.
    dtls.onstatechange = () => ['failed', 'closed'].includes(dtls.state) && fail();
    dtls.onstatechange();
    await ready;
    dtls.onstatechange = null;
  }

  #lost(words) {
    if (this.#closed) return;
    this.control.end();
    this.dispatchEvent(new CustomEvent('closed', { detail: { words } }));
  }

  // The sender's stamps are only visible to a transform.
  #watchSender(sender, source) {
    this.#source = source;
    source.addEventListener('capture', this.#captured);
    if (!('RTCRtpScriptTransform' in window)) return;
    const worker = (this.#worker = new Worker(new URL('./sender-stamps.js', import.meta.url), { type: 'module' }));
    sender.transform = new RTCRtpScriptTransform(worker, {});
    worker.onmessage = ({ data }) => this.#clock.stamped(data.rtp, data.seenAt - performance.timeOrigin);
  }

  #watchView() {
    if (!('requestVideoFrameCallback' in this.view)) return;
    const shown = (now, meta) => {
      this.view.requestVideoFrameCallback(shown);
      const displayedAt = Math.max(meta.presentationTime, meta.expectedDisplayTime);
      this.#display.add(displayedAt - meta.presentationTime);
      this.dispatchEvent(new CustomEvent('shown', { detail: displayedAt }));
      this.#shown.set(meta.rtpTimestamp, displayedAt);
      this.#join(meta.rtpTimestamp);
      if (this.#shown.size > 60) {
        const [oldest, displayedAt] = this.#shown.entries().next().value;
        this.#shown.delete(oldest);
        this.#tell(null, null, displayedAt);
      }
    };
    this.view.requestVideoFrameCallback(shown);
  }

  #traced(trace) {
    this.#traces.set(trace.output_media_time, trace);
    if (this.#traces.size > 120) this.#traces.delete(this.#traces.keys().next().value);
    this.#join(trace.output_media_time);
  }

  // Picture and trace travel separately and may come in either order.
  #join(stamp) {
    const trace = this.#traces.get(stamp);
    const displayedAt = this.#shown.get(stamp);
    if (!trace || displayedAt === undefined) return;
    this.#shown.delete(stamp);
    this.#traces.delete(stamp);
    this.#tell(trace, this.#clock.captureTime(trace.media_time), displayedAt);
  }

  #tell(trace, capturedAt, displayedAt) {
    this.dispatchEvent(new CustomEvent('frame', { detail: { trace, capturedAt, displayedAt } }));
  }
}
