// What every JavaScript client does: waits for 30 pictures, changes the prompt over the data channel, looks again.
import { startCamera, startScreen, isFrameEnd } from './media.mjs';

/** Usage of every client: URL CODEC SECONDS; prints one line of JSON, after SECONDS at the latest. */
export class Trial {
  /** Sends a text over the control channel; set once it is open. */
  send = null;
  url = process.argv[2];
  codec = process.argv[3].toUpperCase();
  payloadType = this.codec === 'H264' ? 102 : 96;
  /** Called twice a second while no picture has come: the client asks for a key frame. */
  onWaiting = () => {};
  #first = null;
  #applied = null;
  #asked = false;
  #picture = null;
  #stops = [];

  constructor(client) {
    this.result = { client, codec: this.codec, connected: false, sent: 0, frames: 0 };
    this.deadline = performance.now() + Number(process.argv[4]) * 1000;
    this.screen = startScreen(this.codec, this.payloadType, (picture) => this.#shown(picture));
    this.screen.then((screen) => this.#stops.push(screen.stop));
    setInterval(() => this.#step(), 50);
    setInterval(() => this.#first === null && this.onWaiting(), 500);
  }

  /** The answer to an offer; null when the server refused. */
  async whip(offer) {
    const response = await fetch(this.url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer });
    this.result.status = response.status;
    const body = await response.text();
    if (response.status === 201) return body;
    this.result.error = body;
    this.deadline = 0;
    return null;
  }

  /** Media can flow: calls write(packet) for each packet of the camera. */
  async connected(ssrc, write) {
    this.result.connected = true;
    this.#stops.push(await startCamera(this.codec, this.payloadType, ssrc, (packet) => {
      write(packet);
      if (isFrameEnd(packet)) this.result.sent++;
    }));
  }

  /** Takes an RTP packet that came in. */
  async received(packet) {
    (await this.screen).push(packet);
  }

  /** Takes a message of the control channel. */
  message(text) {
    const message = JSON.parse(text);
    if (message.type !== 'applied' || message.id !== 'water') return;
    this.#applied = performance.now();
    this.result.waited_ms = message.waited_ms;
  }

  #shown(picture) {
    this.#first ??= performance.now();
    if (++this.result.frames === 30) this.result.fps = Math.round(290_000 / (performance.now() - this.#first)) / 10;
    this.#picture = picture;
  }

  #step() {
    const now = performance.now();
    if (this.result.frames >= 30 && this.send && !this.#asked) {
      this.#asked = true;
      this.result.before = this.#look();
      this.send(JSON.stringify({ type: 'prompt', id: 'water', text: 'underwater' }));
    }
    if (this.#applied !== null) this.result.after = this.#look();
    const blue = this.result.after?.[2] > this.result.after?.[0] + 15;
    if (!blue && now < Math.min(this.deadline, (this.#applied ?? Infinity) + 60_000)) return;
    console.log(JSON.stringify(this.result));
    for (const stop of this.#stops) stop();
    process.exit(0);
  }

  #look() {
    const sums = [0, 0, 0, 0];
    const p = this.#picture;
    for (let i = 0; i < p.length; i += 3) {
      for (let c = 0; c < 3; c++) sums[c] += p[i + c];
      sums[3] += Math.max(p[i], p[i + 1], p[i + 2]) - Math.min(p[i], p[i + 1], p[i + 2]);
    }
    return sums.map((s) => Math.round((30 * s) / p.length) / 10);
  }
}
