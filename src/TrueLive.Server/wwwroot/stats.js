// Figures that are measured, each with its count, or not shown at all.

/**
 * Finds the capture time of a sent frame from its RTP stamp. A browser stamps a frame with its capture time in milliseconds times
 * 90 plus an offset that is random but fixed per stream. The offset is learnt from frames whose capture times the page saw: for the
 * right offset nearly all stamps fall on capture times, none later than the moment the stamp was seen. Good to about 1 ms. Until
 * that is certain there is no offset and no figure.
 */
export class CaptureClock {
  #captures = [];
  #stamps = [];
  #offset = null;
  #unwrapped = null;

  /** A frame of the sent stream was captured at this `performance.now()` time. */
  captured(at) {
    this.#captures.push(at);
    if (this.#captures.length > 200) this.#captures.shift();
  }

  /** A frame with this RTP stamp left the encoder at this time. True once nothing more is needed. */
  stamped(rtp, seenAt) {
    if (this.#offset !== null) return true;
    this.#stamps.push({ ms: this.#milliseconds(rtp), seenAt });
    if (this.#stamps.length > 90) this.#stamps.shift();
    if (this.#stamps.length >= 24 && this.#stamps.length % 6 === 0) this.#learn();
    return this.#offset !== null;
  }

  /** Capture time of the frame with this stamp on the `performance.now()` clock, or null. */
  captureTime(rtp) {
    return this.#offset === null ? null : this.#milliseconds(rtp) - this.#offset;
  }

  // 32-bit stamps wrap after 13 hours; the nearest value to the last one is meant.
  #milliseconds(rtp) {
    if (this.#unwrapped === null) this.#unwrapped = rtp;
    else this.#unwrapped += ((rtp - this.#unwrapped) << 0);
    return this.#unwrapped / 90;
  }

  #learn() {
    const offsets = [];
    this.#stamps.forEach(({ ms, seenAt }, index) => {
      for (const at of this.#captures)
        if (at <= seenAt && at > seenAt - 300) offsets.push({ offset: ms - at, index });
    });
    offsets.sort((a, b) => a.offset - b.offset);
    for (let from = 0; from < offsets.length; from++) {
      let to = from;
      const seen = new Set();
      while (to < offsets.length && offsets[to].offset - offsets[from].offset < 2.5) seen.add(offsets[to++].index);
      if (seen.size < 0.75 * this.#stamps.length) continue;
      const cluster = offsets.slice(from, to).map((o) => o.offset);
      this.#offset = cluster[cluster.length >> 1];
      return;
    }
  }
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

/** The figures of one connection. */
export class Figures {
  shown = new Window();
  latency = new Window();
  step = new Window();
  promptToPicture = null;
  unjoined = 0;
  lastTrace = null;

  /** A picture of the server appeared. `capturedAt` null means that its capture time is not known. */
  frame({ trace, capturedAt, displayedAt }) {
    if (!trace) {
      this.unjoined++;
      return;
    }
    this.lastTrace = trace;
    // A frame counts as generated only when the server says so.
    if (trace.origin === 'generated' || trace.origin === 'passed_through') this.shown.add(trace.output, displayedAt);
    this.step.add(trace.step_ms, displayedAt);
    if (capturedAt !== null) this.latency.add(displayedAt - capturedAt, displayedAt);
  }
}
