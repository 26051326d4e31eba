// Figures that are measured, each with its count, or not shown at all.

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

// A picture older than this, in ms, looks frozen.
const FROZEN_AFTER = 700;

/** The mark of the current picture, the words for it, and its age in ms; null before the first. */
export function markOf({ lastShownAt, lastOrigin }) {
  const age = lastShownAt === null ? null : performance.now() - lastShownAt;
  const [mark, words] =
    age === null
      ? ['waiting', 'Waiting for the first picture']
      : age > FROZEN_AFTER
        ? ['frozen', 'Frozen']
        : lastOrigin === 'passed_through'
          ? ['passed', 'Passed through: not made by a model']
          : lastOrigin === 'repeated'
            ? ['repeated', 'Repeated: not a new picture']
            : ['fresh', ''];
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
  #parts = Object.fromEntries(['before', 'decode', 'wait', 'held', 'mask', 'palette', 'step', 'after'].map((name) => [name, new Window()]));
  #bin = [];

  /** A picture of the server appeared, whether or not its trace has come. */
  displayed(at) {
    this.delivered.add(1, at);
    this.lastShownAt = at;
  }

  /** The trace of a picture that appeared, null if it never came; `capturedAt` is null if its capture time is unknown. */
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
    const held = trace.held_ms ?? 0;
    const after = displayedAt - arrived - trace.decode_ms - trace.wait_ms - held - trace.step_ms;
    const mask = trace.mask?.ms ?? 0;
    const palette = trace.palette?.ms ?? 0;
    const step = trace.step_ms - mask - palette;
    const values = { before, decode: trace.decode_ms, wait: trace.wait_ms, held, mask, palette, step, after };
    for (const [name, value] of Object.entries(values)) this.#parts[name].add(value, displayedAt);
  }

  /** An answer to `ping`: estimates how much the two clocks differ by the quickest of the last ones. */
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
   * Where the time goes: ten parts in order, and those that not every session has: the wait of a model that holds frames, the mask and the
   * palette; `ms` is null where unknown. Medians of the last 5 s. Both ends of the chain are measured as a whole; `how` says which part is
   * measured by itself, which is half a round trip, and which is the remainder.
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
      {
        name: 'Capture',
        kind: 'you',
        ms: rest(before, encode, up),
        how: 'what remains before the server had the frame: camera and waiting for a free encoder',
      },
      { name: 'Encode', kind: 'you', ms: encode, how: 'measured in this browser' },
      { name: 'Way up', kind: 'link', ms: up, how: 'half of the quickest round trip' },
      { name: 'Decode', kind: 'server', ms: mid('decode'), how: 'measured by the server for each frame' },
      { name: 'Wait', kind: 'server', ms: mid('wait'), how: 'measured by the server: until the model was free' },
      ...(mid('held') > 0
        ? [{ name: 'By design', kind: 'net', ms: mid('held'), how: 'the model waits for the frames of its chunk, or lags' }]
        : []),
      ...(mid('mask') > 0
        ? [{ name: 'Mask', kind: 'net', ms: mid('mask'), how: 'measured by the server: telling the person from the background' }]
        : []),
      ...(mid('palette') > 0
        ? [{ name: 'Palette', kind: 'net', ms: mid('palette'), how: 'measured by the server: giving the picture the colours of another' }]
        : []),
      { name: 'Model', kind: 'net', ms: mid('step'), how: 'measured by the server: the model step' },
      {
        name: 'Rest',
        kind: 'rest',
        ms: rest(after, down, decode, display),
        how: 'what remains after the model step: encoding and pacing on the server, the jitter buffer here',
      },
      { name: 'Way down', kind: 'link', ms: down, how: 'half of the quickest round trip' },
      { name: 'Browser decode', kind: 'you', ms: decode, how: 'measured in this browser' },
      { name: 'Display', kind: 'you', ms: display, how: 'measured in this browser: decoded until shown' },
    ];
  }

  /** What each kind of part takes of the whole, in percent; null while the whole is not known, since some parts are measured without it. */
  shares() {
    const parts = this.parts();
    if (parts[0].ms === null) return null;
    const all = parts.reduce((sum, p) => sum + (p.ms ?? 0), 0);
    return (kind) => Math.round(parts.reduce((sum, p) => sum + (p.kind === kind ? (p.ms ?? 0) : 0), 0) * (100 / all));
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
