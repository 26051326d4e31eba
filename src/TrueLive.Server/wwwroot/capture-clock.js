// Stamps needed to look for a fit; most stamps kept; most captures kept; most stamps whose capture is kept.
const LEARN_FROM = 24;
const STAMPS = 60;
const CAPTURES = 200;
const NAMED = 300;
// A frame is stamped at most this late after its capture, and leaves at most this long after it, in ms.
const LATE = 12;
const QUEUED = 500;
// With the right offset, three stamps in four lie within this many ms of one distance from their captures.
const CLOSE = 2;
// After a stall of this length, in ms, a browser may reset its clocks.
const STALL = 250;

/**
 * Finds the capture behind each RTP stamp of a sent stream. A browser stamps a frame with the time at which it received it, in milliseconds
 * times 90 plus an offset that is random but nearly constant per stream, and reveals neither the offset nor the frame. The offset is
 * learnt: with the right one, nearly all stamps lie close to a capture. Evenly spaced captures fit other offsets just as well; then the
 * latest possible one is taken if frames leave evenly and at once, and none otherwise, as on a busy machine. A stamp that does not lie
 * close to exactly one capture gets none.
 */
export class CaptureClock {
  /** Current encoding time in ms; null if unknown. */
  encode = null;
  #captures = [];
  #stamps = [];
  #count = 0;
  #fit = null;
  // Raised by each stamp that fits no capture and lowered by each that does; captures are named only while it is 0.
  #doubt = 0;
  #named = new Map();
  #unwrapped = null;
  // The last stamp that lay close to a capture, and that capture.
  #last = { rtp: null, at: -Infinity };

  /** A frame of the sent stream was captured at this `performance.now()` time. */
  captured(at) {
    this.#captures.push(at);
    if (this.#captures.length > CAPTURES) this.#captures.shift();
  }

  /** The frame with this RTP stamp left the encoder at this time. Call this for each frame, in order. */
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

  // 32-bit stamps wrap after 13 hours; the value nearest to the last one is taken.
  #milliseconds(rtp) {
    if (this.#unwrapped === null) this.#unwrapped = rtp;
    else this.#unwrapped += (rtp - this.#unwrapped) << 0;
    return this.#unwrapped / 90;
  }

  #name(rtp, ms, seenAt) {
    const at = ms - this.#fit.offset;
    const near = this.#captures.filter((c) => at - c >= this.#fit.early && at - c <= this.#fit.late);
    // Two stamps on one capture: the machine stopped between the capture and the stamp of the first.
    if (near.length === 1 && near[0] > this.#last.at) {
      // The browser's two clocks drift apart.
      this.#fit.offset += Math.max(-1, Math.min(1, at - near[0])) / 8;
      this.#doubt = Math.max(0, this.#doubt - 1);
      this.#last = { rtp, at: near[0] };
      if (this.#doubt) return;
      this.#named.set(rtp, near[0]);
      if (this.#named.size > NAMED) this.#named.delete(this.#named.keys().next().value);
    } else {
      this.#named.delete(this.#last.rtp);
      this.#doubt += 4;
    }
    // A frame that seems to leave before its capture means that the offset is that of a later frame.
    if (at <= seenAt + 2 && this.#doubt <= 12) return;
    this.#named.delete(rtp);
    this.#fit = null;
    this.#count = this.#doubt = 0;
  }

  #learn() {
    const offsets = [];
    for (const { ms, seenAt } of this.#stamps)
      for (const at of this.#captures) if (at <= seenAt && at > seenAt - QUEUED) offsets.push({ offset: ms - at, ms, late: seenAt - at });
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
    if (!alike.length || !(alike.length > 1 ? this.#prompt(alike[0]) : closest <= CLOSE)) return;
    const { offset, spread } = alike[0];
    this.#last = { rtp: null, at: -Infinity };
    this.#fit = { offset, early: -Math.min(3, 1 + 2 * spread), late: Math.min(LATE, 1 + 3 * spread) };
  }

  // Whether nearly every captured frame was sent, and none was delayed by half the interval to the next.
  #prompt({ even }) {
    const [from, to] = [this.#stamps[0].seenAt - QUEUED, this.#stamps.at(-1).seenAt];
    const between = this.#captures.filter((at) => at > from && at <= to);
    const interval = (between.at(-1) - between[0]) / (between.length - 1);
    const sent = (this.#stamps.at(-1).seenAt - this.#stamps[0].seenAt) / (this.#stamps.length - 1);
    return Math.max(even, this.encode ?? 0) < interval / 2 && sent < 1.1 * interval;
  }
}

/** For each of the sorted offsets, those within `width` ms above it. */
function windows(offsets, width) {
  let to = 0;
  return offsets.map(({ offset }, from) => {
    while (to < offsets.length && offsets[to].offset - offset < width) to++;
    return offsets.slice(from, to);
  });
}
