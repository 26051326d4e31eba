// Figures that are measured, each with its count, or not shown at all.

// Stamps that a fit is sought in, and kept at most; captures remembered; stamps whose capture is remembered.
const LEARN_FROM = 24;
const STAMPS = 60;
const CAPTURES = 200;
const NAMED = 300;
// A frame is stamped at most this late after its capture, and leaves at most this long after it, in ms.
const LATE = 12;
const QUEUED = 500;
// After a stall of this length, in ms, a browser may set its clocks anew.
const STALL = 250;

/**
 * Finds the capture that is behind each RTP stamp of a sent stream. A browser stamps a frame with the time at which it got it, in
 * milliseconds times 90 plus an offset that is random but nearly fixed per stream, and says neither the offset nor the frame. The
 * offset is learnt: for the right one nearly all stamps lie on a capture, closely. Evenly spaced captures fit another offset just as
 * well; then the latest one that is possible is taken where frames leave evenly and at once, and none where they do not, as on a busy machine.
 * A stamp that does not lie on a single capture has no capture: what is not certain is not known.
 */
export class CaptureClock {
  /** What encoding takes at present, in ms; null where it is not known. */
  encode = null;
  #captures = [];
  #stamps = [];
  #count = 0;
  #fit = null;
  // Grows with each stamp that fits nothing: only when as many have fitted since are captures named again.
  #doubt = 0;
  #named = new Map();
  #unwrapped = null;

  /** A frame of the sent stream was captured at this `performance.now()` time. */
  captured(at) {
    this.#captures.push(at);
    if (this.#captures.length > CAPTURES) this.#captures.shift();
  }

  /** The frame with this RTP stamp left the encoder at this time. To be told of each frame, in order. */
  stamped(rtp, seenAt) {
    const ms = this.#milliseconds(rtp);
    this.#stamps.push({ ms, seenAt });
    if (this.#stamps.length > STAMPS) this.#stamps.shift();
    if (seenAt - (this.#stamps.at(-2)?.seenAt ?? seenAt) > STALL) this.#doubt = Math.max(this.#doubt, 8);
    if (this.#fit) this.#name(rtp, ms, seenAt);
    else if (++this.#count >= LEARN_FROM && this.#count % 6 === 0) this.#learn();
  }

  /** Capture time of the frame with this stamp on the `performance.now()` clock, or null. */
  captureTime(rtp) {
    return this.#named.get(rtp) ?? null;
  }

  // 32-bit stamps wrap after 13 hours; the nearest value to the last one is meant.
  #milliseconds(rtp) {
    if (this.#unwrapped === null) this.#unwrapped = rtp;
    else this.#unwrapped += ((rtp - this.#unwrapped) << 0);
    return this.#unwrapped / 90;
  }

  #name(rtp, ms, seenAt) {
    const at = ms - this.#fit.offset;
    const near = this.#captures.filter((c) => at - c >= this.#fit.early && at - c <= this.#fit.late);
    if (near.length === 1) {
      // The browser's own two clocks drift.
      this.#fit.offset += Math.max(-1, Math.min(1, at - near[0])) / 8;
      this.#doubt = Math.max(0, this.#doubt - 1);
      if (this.#doubt) return;
      this.#named.set(rtp, near[0]);
      if (this.#named.size > NAMED) this.#named.delete(this.#named.keys().next().value);
    } else this.#doubt += 4;
    // A frame that leaves before it was captured tells that the offset is a later frame's.
    if (at <= seenAt + 2 && this.#doubt <= 12) return;
    this.#named.delete(rtp);
    this.#fit = null;
    this.#count = this.#doubt = 0;
  }

  #learn() {
    const offsets = [];
    for (const { ms, seenAt } of this.#stamps) for (const at of this.#captures) if (at <= seenAt && at > seenAt - QUEUED) offsets.push({ offset: ms - at, ms, late: seenAt - at });
    offsets.sort((a, b) => a.offset - b.offset);
    // No frame leaves before it was captured; both clocks count whole milliseconds.
    const least = Math.max(...this.#stamps.map(({ ms, seenAt }) => ms - seenAt)) - 2;
    const fits = [];
    for (const near of windows(offsets, LATE)) {
      if (new Set(near.map((o) => o.ms)).size < 0.75 * this.#stamps.length) continue;
      const closest = windows(near, 2.5).reduce((best, one) => (one.length > best.length ? one : best));
      const offset = closest[closest.length >> 1].offset;
      const away = near.map((o) => Math.abs(o.offset - offset)).sort((a, b) => a - b);
      const late = near.map((o) => o.late);
      const fit = { offset, spread: away[Math.floor(0.75 * away.length)], even: Math.max(...late) - Math.min(...late) };
      const before = fits.at(-1);
      if (offset < least) continue;
      if (!before || offset - before.offset > LATE) fits.push(fit);
      else if (fit.spread < before.spread) fits[fits.length - 1] = fit;
    }
    const closest = Math.min(...fits.map((f) => f.spread));
    const alike = fits.filter((f) => f.spread <= 2 * closest + 1);
    if (!alike.length || (alike.length > 1 && !this.#prompt(alike[0]))) return;
    const { offset, spread } = alike[0];
    this.#fit = { offset, early: -Math.min(3, 1 + 2 * spread), late: Math.min(LATE, 1 + 3 * spread) };
  }

  // Nearly every captured frame was sent, and neither coding nor anything else held one up for half of the time to the next.
  #prompt({ even }) {
    const [from, to] = [this.#stamps[0].seenAt - QUEUED, this.#stamps.at(-1).seenAt];
    const between = this.#captures.filter((at) => at > from && at <= to);
    const interval = (between.at(-1) - between[0]) / (between.length - 1);
    const sent = (this.#stamps.at(-1).seenAt - this.#stamps[0].seenAt) / (this.#stamps.length - 1);
    return Math.max(even, this.encode ?? 0) < interval / 2 && sent < 1.1 * interval;
  }
}

/** For each of the sorted offsets those from it up to `width` ms above it. */
function windows(offsets, width) {
  let to = 0;
  return offsets.map(({ offset }, from) => {
    while (to < offsets.length && offsets[to].offset - offset < width) to++;
    return offsets.slice(from, to);
  });
}

/** A rolling window of samples with their times. */
export class Window {
  #samples = [];

  constructor(span = 5000) {
    this.span = span;
  }

  add(value, at = performance.now()) {
    this.#samples.push({ value, at });
    this.#trim(at);
  }

  get count() {
    this.#trim(performance.now());
    return this.#samples.length;
  }

  /** Null without samples. */
  quantile(q) {
    if (!this.count) return null;
    const sorted = this.#samples.map((s) => s.value).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  }

  /** Samples per second over the window, by first and last sample; null with fewer than two. */
  rate() {
    if (this.count < 2) return null;
    const first = this.#samples[0].at;
    const last = this.#samples[this.#samples.length - 1].at;
    return last > first ? ((this.#samples.length - 1) * 1000) / (last - first) : null;
  }

  #trim(now) {
    while (this.#samples.length && this.#samples[0].at < now - this.span) this.#samples.shift();
  }
}

// A picture that is older than this stands still to the eye.
const FROZEN_AFTER = 700;

/** What has to be said of the picture that stands there: its mark, the words for it, and its age in ms; null before the first. */
export function markOf({ lastShownAt, lastOrigin }) {
  const age = lastShownAt === null ? null : performance.now() - lastShownAt;
  const [mark, words] = age === null ? ['waiting', 'Waiting for the first picture']
    : age > FROZEN_AFTER ? ['frozen', 'Frozen']
      : lastOrigin === 'passed_through' ? ['passed', 'Passed through: not made by a network']
        : lastOrigin === 'repeated' ? ['repeated', 'Repeated: not a new picture'] : ['fresh', ''];
  return { mark, words, age };
}

/** The figures of one connection. */
export class Figures {
  shown = new Window();
  generated = new Window();
  delivered = new Window();
  latency = new Window();
  step = new Window();
  /** One point for each quarter second of the last minute: {at, mid, most} in ms. */
  series = [];
  repeats = 0;
  passed = 0;
  promptToPicture = null;
  unjoined = 0;
  lastTrace = null;
  lastShownAt = null;
  lastOrigin = null;
  /** Last `stats` message, or null. */
  server = null;
  /** What the transport knows of the browser's own work: {encode, decode, display} in ms, each may be null. */
  timings = null;
  #pongs = [];
  #parts = { before: new Window(), decode: new Window(), wait: new Window(), network: new Window(), after: new Window() };
  #bin = [];

  /** A picture of the server appeared, whether or not its trace has come. */
  displayed(at) {
    this.delivered.add(1, at);
    this.lastShownAt = at;
  }

  /** What a picture that appeared was made of; a null trace never came. `capturedAt` null means that its capture time is not known. */
  frame({ trace, capturedAt, displayedAt }) {
    if (!trace) {
      this.unjoined++;
      return;
    }
    this.lastTrace = trace;
    this.lastOrigin = trace.origin;
    if (trace.origin === 'repeated') this.repeats++;
    else {
      this.shown.add(trace.output, displayedAt);
      this.step.add(trace.step_ms, displayedAt);
    }
    if (trace.origin === 'passed_through') this.passed++;
    // A frame counts as generated only when the server says so.
    if (trace.origin === 'generated') this.generated.add(trace.output, displayedAt);
    if (capturedAt === null) return;
    this.latency.add(displayedAt - capturedAt, displayedAt);
    this.#plot(displayedAt - capturedAt, displayedAt);
    const link = this.link;
    if (!link) return;
    const arrived = trace.arrived_ms + link.offset;
    const before = arrived - capturedAt;
    const after = displayedAt - arrived - trace.decode_ms - trace.wait_ms - trace.step_ms;
    const values = { before, decode: trace.decode_ms, wait: trace.wait_ms, network: trace.step_ms, after };
    for (const [name, value] of Object.entries(values)) this.#parts[name].add(value, displayedAt);
  }

  /** An answer to `ping`: what the two clocks differ by, as well as the quickest of the last ones can tell. */
  pong({ t, server_ms: server }) {
    if (typeof t !== 'number') return;
    const now = performance.now();
    this.#pongs.push({ rtt: now - t, offset: (now + t) / 2 - server });
    if (this.#pongs.length > 15) this.#pongs.shift();
  }

  /** {rtt, offset} in ms: quickest round trip and what to add to a server time; null before the first answer. */
  get link() {
    return this.#pongs.reduce((best, p) => (!best || p.rtt < best.rtt ? p : best), null);
  }

  /**
   * Where the time goes: ten parts in order, `ms` null where it is not known. Medians over the last 5 s. Both ends of the chain are
   * measured as a whole; `how` says which part is measured by itself, which is half a round trip, and which is what remains.
   */
  parts() {
    const mid = (name) => this.#parts[name].quantile(0.5);
    const [before, after] = [mid('before'), mid('after')];
    const half = this.link ? this.link.rtt / 2 : null;
    const { encode = null, decode = null, display = null } = this.timings ?? {};
    const up = before === null || half === null ? null : Math.max(0, Math.min(half, before - (encode ?? 0)));
    const down = after === null || half === null ? null : Math.max(0, Math.min(half, after - (decode ?? 0) - (display ?? 0)));
    const rest = (whole, ...known) => (whole === null ? null : Math.max(0, whole - known.reduce((sum, k) => sum + (k ?? 0), 0)));
    return [
      { name: 'Capture', kind: 'you', ms: rest(before, encode, up), how: 'what remains before the server had the frame: camera and waiting for a free encoder' },
      { name: 'Encode', kind: 'you', ms: encode, how: 'measured in this browser' },
      { name: 'Way up', kind: 'link', ms: up, how: 'half of the quickest round trip' },
      { name: 'Decode', kind: 'server', ms: mid('decode'), how: 'measured by the server for each frame' },
      { name: 'Wait', kind: 'server', ms: mid('wait'), how: 'measured by the server: until the network was free' },
      { name: 'Network', kind: 'net', ms: mid('network'), how: 'measured by the server: the model step' },
      { name: 'Rest', kind: 'rest', ms: rest(after, down, decode, display), how: 'what remains after the model step: encoding and pacing on the server, the jitter buffer here' },
      { name: 'Way down', kind: 'link', ms: down, how: 'half of the quickest round trip' },
      { name: 'Browser decode', kind: 'you', ms: decode, how: 'measured in this browser' },
      { name: 'Display', kind: 'you', ms: display, how: 'measured in this browser: decoded until shown' },
    ];
  }

  #plot(value, at) {
    const slot = Math.floor(at / 250);
    if (this.#bin.length && this.#bin[0].slot !== slot) {
      const values = this.#bin.map((b) => b.value).sort((a, b) => a - b);
      this.series.push({ at: this.#bin[0].slot * 250, mid: values[values.length >> 1], most: values[values.length - 1] });
      if (this.series.length > 240) this.series.shift();
      this.#bin = [];
    }
    this.#bin.push({ slot, value });
  }
}
